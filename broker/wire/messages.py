"""The vocabulary: every message that crosses a wire, declared once.

Decides names, numbers, fields and directions; docs/protocol.md is printed from this file. Knows nothing of sockets or
of how a message is answered. Messages are msgpack arrays `[version, kind, field, ...]`; rows inside them are flat
arrays (see `rows.py`), because per-job objects are what a hot path cannot afford. A number once given is never used
for anything else.
"""

from typing import Any, ClassVar, get_args

from .cluster_messages import ClusterAct, ClusterActed, ClusterAsk, ClusterMap, ClusterShown
from .fields import Fields, Row
from .member_messages import (
    Append,
    Appended,
    MemberHello,
    PreVote,
    PreVoted,
    SnapshotChunk,
    SnapshotOffer,
    SnapshotTaken,
    TimeoutNow,
    Vote,
    Voted,
)

PROTOCOL_VERSION = 1


class ClientHello(Fields):
    """Client to coordinator: opens or reopens the conversation."""

    KIND: ClassVar[int] = 1
    cluster: str | None


class ClientWelcome(Fields):
    """Coordinator to client, one a shard: it leads this one; with what a client must know to route and refuse early."""

    KIND: ClassVar[int] = 2
    shard: int
    epoch: int
    cluster: str
    shards: int
    tasks: list[Row]
    payload_bytes_max: int


class Submit(Fields):
    """Client to coordinator: take these jobs. The same (session, sequence) is taken once, however often it is sent."""

    KIND: ClassVar[int] = 3
    shard: int
    session: int
    sequence: int
    acked_below: int
    jobs: list[Row]


class Submitted(Fields):
    """Coordinator to client: the jobs are durable.

    Ids run from `first_id`; `existing` lists [offset, id] of keys already taken.
    """

    KIND: ClassVar[int] = 4
    shard: int
    session: int
    sequence: int
    first_id: int
    count: int
    existing: list[Row]


class Refused(Fields):
    """Coordinator to any peer: not done; `code` is one of errors.py.

    `request` is the number of the request refused, or the sequence of `session`'s Submit; session 0 is no Submit.
    """

    KIND: ClassVar[int] = 5
    shard: int
    session: int
    request: int
    code: str
    text: str


class Cancel(Fields):
    """Client to coordinator: end these jobs if they have not ended."""

    KIND: ClassVar[int] = 6
    shard: int
    request: int
    ids: list[int]


class Cancelled(Fields):
    """Coordinator to client: rows [id, code].

    The code is cancelled (it will not run), asked (it runs, and its executor is told), finished, or not_found.
    """

    KIND: ClassVar[int] = 7
    shard: int
    request: int
    codes: list[Row]


class Await(Fields):
    """Client to coordinator: send Ended for these jobs; with `now` their states as they are, else each as it ends."""

    KIND: ClassVar[int] = 8
    shard: int
    request: int
    ids: list[int]
    now: bool


class Ended(Fields):
    """Coordinator to client: jobs' states.

    Unsolicited for awaited jobs (request 0) or the answer to an Await with `now`.
    """

    KIND: ClassVar[int] = 9
    shard: int
    request: int
    jobs: list[Row]


class Query(Fields):
    """Client to coordinator: a bounded listing by name; `filter` holds only scalars."""

    KIND: ClassVar[int] = 10
    shard: int
    request: int
    name: str
    filter: dict[str, Any]


class Listing(Fields):
    """Coordinator to client: the rows of a Query under these column names; `more` says that the limit cut it."""

    KIND: ClassVar[int] = 11
    shard: int
    request: int
    columns: list[str]
    rows: list[Row]
    more: bool


class ScheduleSet(Fields):
    """Client to coordinator: define these schedules, all of them or none; to ask twice changes nothing.

    `by`: who asks; `source`: where the definitions come from, such as "client" or "file:schedules.toml"; `revision`:
    what that source calls this version of it. `is_whole`: what else the source has defined in this shard is removed.
    `is_dry`: say what would change, change nothing. A long list comes in `parts`, numbered from 1.
    """

    KIND: ClassVar[int] = 12
    shard: int
    request: int
    by: str
    source: str
    revision: str
    is_whole: bool
    is_dry: bool
    part: int
    parts: int
    schedules: list[Row]


class ScheduleAct(Fields):
    """Client to coordinator: do this (pause, resume, run, remove) with the named schedules of a tenant.

    `token` is drawn by the client for each call, so that a `run` that is sent twice runs once.
    """

    KIND: ClassVar[int] = 13
    shard: int
    request: int
    by: str
    action: str
    tenant: str
    names: list[str]
    note: str | None
    token: int


class ScheduleChanged(Fields):
    """Coordinator to client: what became of each schedule that was named, and of those that the source had besides."""

    KIND: ClassVar[int] = 14
    shard: int
    request: int
    changes: list[Row]


class JobAct(Fields):
    """Client to coordinator: do this (retry, skip, discard) with these jobs; to ask twice changes nothing more.

    `by`: who asks, `reason`: why, for the audit. `force`: also with jobs that run (skip) or have succeeded (retry).
    """

    KIND: ClassVar[int] = 15
    shard: int
    request: int
    by: str
    action: str
    ids: list[int]
    force: bool
    reason: str | None


class JobActed(Fields):
    """Coordinator to client: rows [id, code].

    The code is retried (it lives again, or runs now and not later), skipped, discarded, asked (it runs, and its
    executor is told), running, waiting, succeeded, ended (it is so already) or not_found.
    """

    KIND: ClassVar[int] = 16
    shard: int
    request: int
    codes: list[Row]


class ExecutorHello(Fields):
    """Executor to coordinator: who it is, what it can run, what it still holds.

    `link` counts its hellos; older Runs are void. `schedules`: what the code of its tasks declares, rows of
    SCHEDULE_COLUMNS; other schedules that code has declared for these tasks are removed. `labels`: texts `name=value`
    by which tasks choose their executors. `epochs`: rows [shard, epoch] of the leaders that it knows of; it takes no
    Run of an older one any more, so that what is not in `held` does not run. `links`: the numbers of its last hellos on
    its other connections, on which Runs may be under way; one of them may lead to the same coordinator.
    """

    KIND: ClassVar[int] = 20
    node: str
    name: str
    incarnation: int
    replaces: list[int]
    link: int
    queues: list[str]
    tasks: list[Row]
    schedules: list[Row]
    held: list[Row]
    cluster: str | None
    labels: list[str]
    epochs: list[Row]
    links: list[int]


class ExecutorWelcome(Fields):
    """Coordinator to executor, one a shard: the link is open under this epoch.

    `lost` lists [id, attempt] to stop at once.
    """

    KIND: ClassVar[int] = 21
    shard: int
    epoch: int
    cluster: str
    shards: int
    link: int
    lease_ttl_ms: int
    lost: list[Row]


class Credit(Fields):
    """Executor to coordinator.

    How many jobs of each runner kind it will hold from this shard at once, as [kind, window].
    """

    KIND: ClassVar[int] = 22
    shard: int
    link: int
    windows: list[Row]


class Run(Fields):
    """Coordinator to executor: run these.

    Fence of each = (epoch, index). `sequence` counts the Runs of a link, without gaps.
    """

    KIND: ClassVar[int] = 23
    shard: int
    link: int
    sequence: int
    epoch: int
    index: int
    jobs: list[Row]


class Finished(Fields):
    """Executor to coordinator: how attempts ended; repeated under the same `batch` until acknowledged."""

    KIND: ClassVar[int] = 24
    shard: int
    batch: int
    results: list[Row]


class FinishedAck(Fields):
    """Coordinator to executor: the batch is durable or void; forget it."""

    KIND: ClassVar[int] = 25
    shard: int
    batch: int


class Renew(Fields):
    """Executor to coordinator, a heartbeat: renews every lease of the link.

    `sent_ms` is echoed; `seen` is the last Run sequence; `figures` are rows [name, value], counters and gauges of the
    executor for the metrics, sent now and then.
    """

    KIND: ClassVar[int] = 26
    shard: int
    link: int
    sent_ms: int
    seen: int
    figures: list[Row]


class Renewed(Fields):
    """Coordinator to executor: leases hold for lease_ttl_ms from `sent_ms` (the executor's own clock)."""

    KIND: ClassVar[int] = 27
    shard: int
    link: int
    epoch: int
    sent_ms: int


class CancelRun(Fields):
    """Coordinator to executor: stop these [id, attempt] runs."""

    KIND: ClassVar[int] = 28
    shard: int
    epoch: int
    runs: list[Row]


class HelloNeeded(Fields):
    """Coordinator to any peer: it does not know the link, leads since `epoch`, or the peer missed something.

    Say hello again.
    """

    KIND: ClassVar[int] = 29
    shard: int
    epoch: int


class Goodbye(Fields):
    """Executor or client to coordinator: the link ends in good order; an executor holds nothing any more."""

    KIND: ClassVar[int] = 30
    incarnation: int


Message = (
    ClientHello | ClientWelcome | Submit | Submitted | Refused | Cancel | Cancelled | Await | Ended | Query |
    Listing | ScheduleSet | ScheduleAct | ScheduleChanged | JobAct | JobActed | ExecutorHello | ExecutorWelcome |
    Credit | Run | Finished | FinishedAck | Renew | Renewed | CancelRun | HelloNeeded | Goodbye |
    ClusterMap | ClusterAsk | ClusterShown | ClusterAct | ClusterActed | MemberHello | PreVote | PreVoted | Vote |
    Voted | Append | Appended | SnapshotOffer | SnapshotChunk | SnapshotTaken | TimeoutNow
)  # fmt: skip

MESSAGES: tuple[type[Message], ...] = get_args(Message)
