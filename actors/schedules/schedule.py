"""One schedule as the shard knows it: what was defined, and how far its instants are accounted for.

Decides when an instant fires (its own time, moved by the jitter), and when to look at it next. It must not know jobs,
executors or the log. The calendar behind it is cached by its text, so a record holds none.
"""

from hashlib import blake2b
from typing import Any, NamedTuple

from ..cron.calendar import Calendar, calendar

PAUSED_STEP_MS = 3_600_000
"""The instants of a paused schedule are accounted for when it goes on, and as often as this."""


class Definition(NamedTuple):
    """What somebody has defined; the columns are those of broker.wire.rows.SCHEDULE_COLUMNS."""

    name: str
    tenant: str
    queue: str
    task: str
    payload: str
    priority: int
    retry: list[Any] | None
    timeout_ms: int | None
    expression: str
    zone: str
    fold: str
    gap: str
    start_ms: int | None
    end_ms: int | None
    jitter_ms: int
    catch_up: str
    window_ms: int
    grace_ms: int
    overlap: str
    runs_max: int | None
    paused: bool | None
    note: str | None

    def calendar(self) -> Calendar:
        """Returns its calendar.

        Raises:
            ValueError: the expression or the zone is none; the text says why, and the mend.
        """
        return calendar(self.expression, self.zone, self.fold, self.gap, self.start_ms, self.end_ms)


TIMING = ("expression", "zone", "fold", "gap", "start_ms", "end_ms")
"""The fields that decide its instants."""


class Schedule:
    """One live schedule."""

    __slots__ = (
        "buffered_ms",
        "cursor_ms",
        "definition",
        "live",
        "next_ms",
        "number",
        "pause_note",
        "paused",
        "revision",
        "runs",
        "skip",
        "source",
    )

    def __init__(self, number: int, source: str, revision: str, definition: Definition) -> None:
        self.number = number
        self.source = source
        self.revision = revision
        self.definition = definition
        self.paused = definition.paused is True
        self.pause_note: str | None = None
        self.cursor_ms = 0  # every instant up to here is accounted for
        self.next_ms: int | None = None
        self.runs = 0
        self.buffered_ms: int | None = None  # this instant waits for the job of an earlier one
        self.skip: tuple[int, int, int] | None = None  # (from_ms, count, reason) of the last row, if it can grow
        self.live = 0  # jobs of its instants that have not ended

    def __repr__(self) -> str:
        return f"Schedule({self.number}, {self.definition.name!r}, next_ms={self.next_ms})"

    @classmethod
    def from_state(cls, row: list[Any]) -> "Schedule":
        """Builds one from a row of actors.store.SCHEDULE_STATE_COLUMNS."""
        number, source, revision, paused, pause_note, cursor_ms, next_ms, runs, buffered_ms, *skip, definition = row
        made = cls(number, source, revision, Definition._make(definition))
        made.paused, made.pause_note = bool(paused), pause_note
        made.cursor_ms, made.next_ms, made.runs, made.buffered_ms = cursor_ms, next_ms, runs, buffered_ms
        made.skip = None if skip[0] is None else (skip[0], skip[1], skip[2])
        return made

    def state_row(self) -> list[Any]:
        """Returns it as a row of actors.store.SCHEDULE_STATE_COLUMNS."""
        return [
            self.number,
            self.source,
            self.revision,
            int(self.paused),
            self.pause_note,
            self.cursor_ms,
            self.next_ms,
            self.runs,
            self.buffered_ms,
            *(self.skip or (None, None, None)),
            list(self.definition),
        ]

    @property
    def is_full(self) -> bool:
        """Whether it has had all its runs."""
        limit = self.definition.runs_max
        return limit is not None and self.runs >= limit

    def fires_ms(self, instant_ms: int) -> int:
        """Returns when an instant fires: at its time, or later by a share of the jitter that is always the same.

        The share is less than the gap to the next instant, so instants fire in order.
        """
        jitter_ms = self.definition.jitter_ms
        if not jitter_ms:
            return instant_ms
        following_ms = self.definition.calendar().next_ms(instant_ms)
        if following_ms is not None:
            jitter_ms = min(jitter_ms, following_ms - instant_ms)
        key = f"{self.definition.tenant}\0{self.definition.name}\0{instant_ms}".encode("utf-8", "surrogatepass")
        draw = int.from_bytes(blake2b(key, digest_size=8).digest(), "big")
        return instant_ms + draw * jitter_ms // (1 << 64)

    def wakes_ms(self) -> int | None:
        """Returns the wall-clock time at which something here is due, None if nothing ever is."""
        if self.next_ms is None:
            return None
        if self.paused:
            return max(self.next_ms, self.cursor_ms + PAUSED_STEP_MS) + 1_000
        return self.fires_ms(self.next_ms)
