"""Schedules on a ShardBench: definitions by name, what operators ask for, and the ticks that the log tells of."""

from typing import Any, NamedTuple

from builders import Row, _row
from shard_bench import SHARD, ShardBench, only

from mainspring.actors.entries import TICK
from mainspring.actors.schedules.reasons import REASONS
from mainspring.broker.wire.messages import Refused, ScheduleAct, ScheduleChanged, ScheduleSet
from mainspring.broker.wire.rows import SCHEDULE_COLUMNS

OPERATOR = b"operator"
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
SECOND_MS = 1_000

_SCHEDULE = dict.fromkeys(SCHEDULE_COLUMNS) | {
    "name": "nightly", "tenant": "default", "queue": "cron", "task": "echo", "payload": "[[],{}]", "priority": 0,
    "expression": "* * * * *", "zone": "UTC", "fold": "first", "gap": "shift", "jitter_ms": 0, "catch_up": "latest",
    "window_ms": HOUR_MS, "grace_ms": MINUTE_MS, "overlap": "skip",
}  # fmt: skip


class Tick(NamedTuple):
    """What became of some instants."""

    from_ms: int
    to_ms: int
    count: int
    reason: str
    job: int | None


def a_schedule(expression: str = "* * * * *", **columns: Any) -> Row:
    """A definition, in a queue of the bench's shard."""
    return _row(_SCHEDULE, SCHEDULE_COLUMNS, {"expression": expression, **columns})


class ScheduleBench(ShardBench):
    """One shard, and an operator who defines schedules. The wall stands on a whole hour."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.wall_ms += HOUR_MS - self.wall_ms % HOUR_MS
        self.run()

    def define(self, *rows: Row, **options: Any) -> list[list[Any]]:
        """Defines schedules; returns the changes, which must be taken."""
        (answer,) = only(self.hear(OPERATOR, self.a_set(*rows, **options)), ScheduleChanged)
        return answer.changes

    def refused(self, *rows: Row, **options: Any) -> Refused:
        """Defines schedules, which must be refused."""
        (answer,) = only(self.hear(OPERATOR, self.a_set(*rows, **options)), Refused)
        return answer

    def a_set(
        self,
        *rows: Row,
        source: str = "client",
        revision: str = "",
        is_whole: bool = False,
        is_dry: bool = False,
        part: int = 1,
        parts: int = 1,
        request: int | None = None,
    ) -> ScheduleSet:
        """A ScheduleSet under the next request's number."""
        if request is None:
            request = self.request = self.request + 1
        return ScheduleSet(SHARD, request, "ann@host", source, revision, is_whole, is_dry, part, parts, list(rows))

    def act(self, action: str, *names: str, note: str | None = None, token: int | None = None) -> list[list[Any]]:
        """Does something with schedules; returns the changes."""
        (answer,) = only(self.hear(OPERATOR, self.an_act(action, *names, note=note, token=token)), ScheduleChanged)
        return answer.changes

    def an_act(self, action: str, *names: str, note: str | None = None, token: int | None = None) -> ScheduleAct:
        """A ScheduleAct under the next request's number."""
        self.request += 1
        token = self.request if token is None else token
        return ScheduleAct(SHARD, self.request, "ann@host", action, "default", list(names), note, token)

    def ticks(self, number: int = 1) -> list[Tick]:
        """What has become of a schedule's instants, in order, the times counted from the bench's first hour."""
        rows: dict[int, Tick] = {}
        for op in self.ops(TICK):
            for schedule, from_ms, to_ms, count, reason, job, _, _ in op[1]:
                if schedule == number:
                    rows[from_ms] = Tick(from_ms, to_ms, count, REASONS[reason].name, job)
        return [rows[from_ms] for from_ms in sorted(rows)]

    def reasons(self, number: int = 1) -> list[str]:
        """The reasons of a schedule's ticks, in order, each as often as it has instants."""
        return [tick.reason for tick in self.ticks(number) for _ in range(tick.count)]
