"""The seam between a shard machine and its rows: what it may ask, what it gets, and what a store must do.

Decides the questions. The SQLite shard file (nodes/storage) and the in-memory twin (chaos) answer them alike and pass
one conformance suite. Reads are served as of the last applied entry; the machine lays its own unapplied entries over
them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from .entries import Entry

LIVE_COLUMNS = (
    "id",
    "lane",
    "payload",
    "scheduled_ms",
    "due_ms",
    "key",
    "retry",
    "timeout_ms",
    "expires_ms",
    "trace",
    "deadline_ms",
    "state",
    "attempts",
    "failures",
    "crashes",
    "asked",
)
"""A live job's row. `due_ms` None: ready since it was written. `attempts` counts recorded attempts. `asked`: the
state in which it is to end if its run was asked to stop, else 0.
"""

DONE_COLUMNS = ("id", "state", "result", "error", "attempts", "lane")
"""A finished job's row."""

SCHEDULE_STATE_COLUMNS = (
    "schedule",
    "source",
    "revision",
    "paused",
    "pause_note",
    "cursor_ms",
    "next_ms",
    "runs",
    "buffered_ms",
    "skip_from_ms",
    "skip_count",
    "skip_reason",
    "definition",
)
"""A schedule as it stands. paused: 1 or 0. runs: ticks that made a job. buffered_ms: the instant whose job waits for
the one before to end, None if none does. skip_*: the last tick row, if it was skipped, ends at the cursor and can
be extended by a like one, else None. definition: a row of broker.wire.rows.SCHEDULE_COLUMNS.
"""


def is_done(row: list[Any]) -> bool:
    """Says whether a row that ReadJobs has brought is a finished job's."""
    return len(row) == len(DONE_COLUMNS)


class ReadReady(NamedTuple):
    """The live jobs of a lane with due_ms None and id > after, in order of id, at most `limit`.

    Rows of LIVE_COLUMNS.
    """

    lane: int
    after: int
    limit: int


class ReadDue(NamedTuple):
    """Live jobs with (due_ms, id) > (after_ms, after_id) and due_ms < before_ms: rows [due_ms, id], in that order."""

    after_ms: int
    after_id: int
    before_ms: int
    limit: int


class ReadJobs(NamedTuple):
    """What is known of these ids, for the named purpose: rows of LIVE_COLUMNS, or of DONE_COLUMNS if finished.

    Unknown ids have none.
    """

    ids: list[int]
    purpose: str
    context: Any = None


class ReadKeys(NamedTuple):
    """The jobs that hold these (tenant, key): rows [tenant, key, id, until_ms]."""

    keys: list[tuple[str, str]]
    context: Any = None


class ReadExpired(NamedTuple):
    """Ids of live jobs with expires_ms <= before_ms, in order of expires_ms, at most `limit`: rows [id]."""

    before_ms: int
    limit: int


class ReadListing(NamedTuple):
    """A listing for people, by name and filter; rows under the columns that the store names: [columns, rows, more]."""

    name: str
    filter: dict[str, Any]
    context: Any = None


Read = ReadReady | ReadDue | ReadJobs | ReadKeys | ReadExpired | ReadListing


class Restored(NamedTuple):
    """What a machine needs to take over a shard, as of entry `applied`; everything else it reads when it needs it."""

    applied: int
    stamp_ms: int
    next_sequence: int
    """The sequence number of the next job id."""
    floor: int
    """From the last HOLD: every lease older than this entry has a row; open ones since then stand in the log alone."""
    lanes: list[list[Any]]
    """Rows of LANE_COLUMNS + live count."""
    executors: list[list[Any]]
    tasks: list[list[Any]]
    sessions: list[list[Any]]
    """Rows [session, sequence, first_id, count, existing, acked_below, stamp_ms], in order of session and sequence."""
    leases: list[list[Any]]
    """Rows of HOLD_COLUMNS."""
    finished: int
    """How many finished jobs are kept."""
    schedules: list[list[Any]]
    """Rows of SCHEDULE_STATE_COLUMNS of those not removed, in order of number."""
    next_schedule: int
    """The number of the next schedule."""
    tick_jobs: list[list[int]]
    """Rows [job, schedule]: the live jobs that ticks have made."""
    boots: list[list[str]]
    """Rows [node, boot]."""
    ticks: int
    """How many rows of ticks are kept."""
    next_audit: int
    """The id of the next audit row."""
    lease_ttl_ms: int
    """From the last LEASE_TTL; 0 if there was none."""


class ShardStore(Protocol):
    """The rows of one shard: the view that the log's entries build."""

    @property
    def applied(self) -> int:
        """The index of the last applied entry."""
        ...

    @property
    def floor(self) -> int:
        """The floor that the rows carry, as of `applied`: see `Restored`."""
        ...

    @property
    def finished_count(self) -> int:
        """How many finished jobs are kept, as of `applied`."""
        ...

    def apply(self, entries: Sequence[tuple[int, Entry]]) -> bool:
        """Applies (index, entry) pairs in order, in one transaction with `applied`.

        An index at or below `applied` is passed over, a gap is an assertion. Returns False if the rows are locked by
        somebody else for now (nothing was applied; try again with the same entries and what has come since).
        """
        ...

    def read(self, read: Read) -> list[Any]:
        """Answers one question as of `applied`. A refused listing raises ValueError with fault and mend."""
        ...

    def restore(self) -> Restored:
        """Returns what a new machine starts from."""
        ...

    def close(self) -> None:
        """Ends the use of the store."""
        ...
