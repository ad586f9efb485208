"""What an executor machine asks of its shell besides sends."""

from typing import Any, NamedTuple

from ..effects import Peer


class SpawnChild(NamedTuple):
    """Start a runner child of this kind under this number."""

    child: int
    kind: str


class RunOn(NamedTuple):
    """Give these runs (rows of the runner's RUN frame) to a child."""

    child: int
    rows: list[list[Any]]


class CancelOn(NamedTuple):
    """Tell a child to end these runs; `interrupt`: signal it too, because it runs sync code."""

    child: int
    run_ids: list[int]
    reason: str
    interrupt: bool


class PingChild(NamedTuple):
    """Ask a child for a sign of life."""

    child: int
    number: int


class StopChild(NamedTuple):
    """Let a child finish and end."""

    child: int


class WatchRun(NamedTuple):
    """Look from now on what the run at which a child is uses; None: look no more."""

    child: int
    run_id: int | None


class KillChild(NamedTuple):
    """Kill a child and whatever it has started."""

    child: int


class Connect(NamedTuple):
    """Connect to this endpoint, too: a map has named it. It is a peer from now on."""

    peer: Peer


class Disconnect(NamedTuple):
    """End the connection to this peer, which is no member any more."""

    peer: Peer


class Note(NamedTuple):
    """Something that an operator should read."""

    level: str
    text: str


class AttemptEnded(NamedTuple):
    """An attempt has ended, and its line belongs into the log. Times are UTC."""

    job_id: int
    attempt: int
    task: str
    queue: str
    tenant: str
    trace: str | None
    outcome: str
    error_kind: str | None
    scheduled_ms: int
    started_ms: int | None
    finished_ms: int | None


class Ready(NamedTuple):
    """The executor runs jobs from now on."""


class Failed(NamedTuple):
    """The executor cannot start, for this reason."""

    text: str


class Exit(NamedTuple):
    """Everything is handed over: end the process."""


Act = (
    SpawnChild
    | RunOn
    | CancelOn
    | PingChild
    | StopChild
    | WatchRun
    | KillChild
    | Connect
    | Disconnect
    | Note
    | AttemptEnded
    | Ready
    | Failed
    | Exit
)
