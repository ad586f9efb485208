"""What a client's shell asks of the machine, and what the machine tells it.

Decides the caller's side of the conversation. Each call has a number of the shell's own; it is answered by exactly one
Completed, unless the shell forgets it. Deadlines are elapsed ns; None waits for ever.
"""

from typing import Any, NamedTuple

from ...broker.wire.errors import ERRORS
from ..effects import Peer

Row = list[Any]


class SubmitJobs(NamedTuple):
    """Take these jobs, rows of JOB_COLUMNS; queue or priority None means "as the task's executors announced it"."""

    request: int
    jobs: list[Row]
    deadline_ns: int | None


class CancelJobs(NamedTuple):
    """End these jobs if they have not ended. Value: rows [id, code], see messages.Cancelled."""

    request: int
    ids: list[int]
    deadline_ns: int | None


class StatusJobs(NamedTuple):
    """What is known of these jobs now. Value: rows of ENDED_COLUMNS."""

    request: int
    ids: list[int]
    deadline_ns: int | None


class AwaitJobs(NamedTuple):
    """Tell when these jobs end: rows of ENDED_COLUMNS in any number of Partial acts.

    The value of Completed holds the last of them.
    """

    request: int
    ids: list[int]
    deadline_ns: int | None


class ActOnJobs(NamedTuple):
    """Retry, skip or discard jobs; see messages.JobAct. Value: rows [id, code], see messages.JobActed."""

    request: int
    action: str
    ids: list[int]
    force: bool
    reason: str | None
    by: str
    deadline_ns: int | None


class RunQuery(NamedTuple):
    """A listing of one shard, or of all (shard None). Value: (columns, rows, more)."""

    request: int
    shard: int | None
    name: str
    filter: dict[str, Any]
    deadline_ns: int | None


class SetSchedules(NamedTuple):
    """Define these schedules, rows of SCHEDULE_COLUMNS, all or none; see messages.ScheduleSet.

    Queue or priority None means "as the task's executors announced it".
    Value: rows of CHANGE_COLUMNS, those of the given definitions first and in their order.
    """

    request: int
    rows: list[Row]
    by: str
    source: str
    revision: str
    is_whole: bool
    is_dry: bool
    deadline_ns: int | None


class ActOnSchedules(NamedTuple):
    """Pause, resume, run or remove schedules of a tenant; see messages.ScheduleAct.

    Value: rows of CHANGE_COLUMNS in the order of the names.
    """

    request: int
    action: str
    tenant: str
    names: list[str]
    note: str | None
    by: str
    deadline_ns: int | None


class Forget(NamedTuple):
    """The caller has gone away: its request is completed no more."""

    request: int


class Connected(NamedTuple):
    """The transport has connected to a peer, for the first time or again."""

    peer: Peer


class Connect(NamedTuple):
    """To the shell: connect to this endpoint, too; a map has named it. It is a peer from now on."""

    peer: Peer


class Disconnect(NamedTuple):
    """To the shell: end the connection to this peer, which is no member any more."""

    peer: Peer


class Close(NamedTuple):
    """The client ends: whatever is open completes with an error."""


Command = SubmitJobs | CancelJobs | StatusJobs | AwaitJobs | ActOnJobs | RunQuery | SetSchedules | ActOnSchedules


class Failure(NamedTuple):
    """Why a request was not fulfilled; definite: what was asked has not happened and will not."""

    code: str
    text: str
    definite: bool


class Completed(NamedTuple):
    """The one answer to a request.

    A failed SubmitJobs still has as value the ids of the jobs that were taken, None for the others.
    """

    request: int
    value: Any
    failure: Failure | None


class Partial(NamedTuple):
    """Rows of an AwaitJobs that is not over yet."""

    request: int
    rows: list[Row]


UNREACHABLE = "unreachable"
UNSENT = "unsent"
TIMEOUT = "timeout"
CLOSED = "closed"
TORN = "torn"

OWN_CODES = (UNREACHABLE, UNSENT, TIMEOUT, CLOSED, TORN)
"""The codes of failures that the client or its shell finds; all others are those of broker.wire.errors."""

assert not ERRORS.keys() & set(OWN_CODES)


def refusal(code: str, text: str = "") -> Failure:
    """Makes the failure of a refusal by the protocol's own code.

    Unknown codes, of a later version, may mean anything.
    """
    error = ERRORS.get(code)
    if error is None:
        return Failure(code, text or f"the node refused with {code!r}", False)
    return Failure(code, text or f"{error.meaning}; {error.mend}", error.definite)
