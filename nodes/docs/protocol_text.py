"""Holds the part of docs/protocol.md that is written by hand: framing, versions, conversations, wrong frames.

It must not know how the page is laid out. Figures come from the constants that the code obeys, so that none is
written twice. The form (goals, roles, sequences, wrong frames) is that of ZeroMQ's RFCs.
"""

from typing import Final

from ...actors.client.settings import SEQUENCES_IN_FLIGHT, ClientSettings
from ...actors.client.submits import SEQUENCE_SPAN_MAX
from ...actors.executor.settings import FENCE_MARGIN_MS, RENEW_EVERY_MS, RESEND_AFTER_MS
from ...actors.limits import LEASE_SLACK
from ...broker.wire.limits import (
    BATCH_BYTES_MAX,
    BATCH_JOBS_MAX,
    FRAME_BYTES_MAX,
    FRAME_VALUES_MAX,
    IDS_MAX,
    MULTIPART_FRAMES_MAX,
)
from ...broker.wire.messages import PROTOCOL_VERSION

_SECOND_NS: Final = 1_000_000_000
_IDLE_S: Final = ClientSettings((b"",)).session_idle_ns // _SECOND_NS

GOALS: Final = f"""\
# The protocol

How clients and executors talk to coordinators, and coordinators to each other. This page is printed from
`broker/wire/messages.py` and its neighbours, by `python -m mainspring.nodes.docs`. MUST, SHOULD and MAY have their
usual meaning in protocols.

## Goals

* A job that was acknowledged is durable. A submit that is sent again is taken once.
* A result is accepted once, and from the holder of the lease alone.
* Every refusal has a stable code and says whether the thing may have happened.
* Messages may be lost, delayed or sent twice, and a peer may vanish. Both sides repeat themselves until they are
  answered, and every message can be repeated without harm.
* Messages carry lists, and payloads travel as text that the coordinator never reads.

## Roles

* A **client** submits jobs, cancels them, waits for their ends, defines schedules and asks for listings.
* An **executor** announces tasks and their schedules, is given jobs and reports how they ended.
* A **coordinator** process serves one or more shards. It binds a ROUTER socket. Clients and executors connect DEALER
  sockets to it. Clients and executors never talk to each other.

## Frames

A frame is one part of a ZeroMQ message. It holds one msgpack array:

    [version, kind, field, ...]

* `version` is {PROTOCOL_VERSION}. `kind` is the number of the message. The tables below have the order of the fields.
* A multipart MAY hold many frames; each part is a frame of its own. A coordinator puts all that it has for a peer at
  the end of a turn into one multipart. There is no empty part before the first frame.
* A frame has at most {FRAME_BYTES_MAX:_} bytes. A larger one is refused. One that is more than 1 KiB larger ends
  the connection.
* A frame to a coordinator holds at most {FRAME_VALUES_MAX:_} values, rows and columns counted alike. A map has each key
  once. Extension types of msgpack are refused.
* A multipart to a coordinator MUST NOT have more than {MULTIPART_FRAMES_MAX:_} frames; those above are dropped.
* Numbers are integers of 63 bits and a sign. A boolean is not a number. Texts are UTF-8. Nil stands for "none".
* Rows inside messages are flat arrays whose columns have fixed places.
* A frame with one field too many, one too few or one of the wrong type is `malformed`. There are no optional fields:
  a new field is a new version.
* The routing ids of a ROUTER address connections and nothing else. Who a peer is, its hello says.

## Versions

Both sides speak exactly one version, {PROTOCOL_VERSION}. A coordinator answers a frame of another version with
Refused(`version`) in its own version. The number of a message, once given, is never used for anything else. The code
of an error never changes its meaning.
"""

SEQUENCES: Final = f"""\
## Clients: legal sequences

    client                                    coordinator
    ClientHello           ->
                          <-                  ClientWelcome, one for each shard
    Submit[session, 1]    ->
                          <-                  Submitted[session, 1]
    Submit[session, 2..]  ->
                          <-                  Submitted[session, 2..]
    Await                 ->
                          <-                  Ended, for jobs that have ended; for the others when they end
    Cancel, Query         ->
                          <-                  Cancelled, Listing
    ScheduleSet[1..parts] ->
                          <-                  ScheduleChanged, one for all parts
    ScheduleAct           ->
                          <-                  ScheduleChanged
    Goodbye               ->

* ClientHello SHOULD come first. Its answers tell how many shards there are and which tasks exist, with their queues
  and priorities. A coordinator keeps no record of it: each request stands for itself.
* The shard of a job is a hash of its tenant and queue (`broker/wire/routing.py`). A client MUST send a job to that
  shard.
* A request is answered by its own answer or by Refused. Refused names a Submit by `session` and, in `request`, its
  sequence; any other request by `request`, with `session` 0. Where a hello or a frame is refused, both are 0.
* A client that hears nothing sends the same message again, with growing pauses. One whose question (Await, Query) is
  refused as `overloaded` SHOULD do the same.
* What a peer may do wrong, and what it gets for it, is in [hostile-input.md](hostile-input.md).

### Sessions and sequences

A session is a client's numbered stream of submits to one shard. Its number is drawn by the client, from 1 to
2^63 - 1, so that no two clients share one. Sequences count from 1.

* The same (session, sequence) MUST always carry the same jobs. However often it is sent, it is taken once; each time
  the first answer comes back, from any later coordinator of the shard, too.
* A coordinator opens a session at its sequence 1. To a session that it does not know it answers any other sequence
  with `unknown_session`. So a client MUST wait for the answer to sequence 1 before it sends others.
* `acked_below` says that all answers below this sequence have reached the client; the coordinator forgets them. It
  also keeps no more than `dedup_window` answers. A sequence below what it keeps gets `forgotten`.
* Ours has at most {SEQUENCES_IN_FLIGHT} sequences of a shard in flight, never more than {SEQUENCE_SPAN_MAX} apart.
  It begins a new session after {_IDLE_S} idle seconds. A coordinator forgets one that was idle for `session_ttl_s`.
* A refused submit is not taken in part. While the coordinator lives, and for the last 10_000 refused sequences, the
  same sequence gets the same refusal.

Refused is **definite** where the code says so: what was asked has not happened and will not. An **indefinite** refusal
means that it may have happened. Only the answer to the same (session, sequence) can tell; where that is lost, look the
jobs up by their keys. Silence means the same as an indefinite refusal.

### Awaiting

* Await with `now` false: for each job that has ended, and for each id that is not known (`not_found`), a row of Ended
  comes at once; for the others when they end. Ended then has `request` 0.
* Await with `now` true: the present state of every job comes at once, under the number of the request. Nothing is
  remembered.
* Who waits is not stored. A client that has lost its connection, or hears nothing for a while, asks again.
* Lists of ids have at most {IDS_MAX:_}.

### Schedules

A schedule is defined once and makes jobs by itself. It lives in the shard of its tenant and queue, and its name is
unique there for its tenant.

* ScheduleSet with one row that cannot be taken changes nothing in its shard. A client that has rows for several shards
  SHOULD send all of them with `is_dry` first, so that one refusal changes nothing anywhere. Ours does.
* All parts of a long list have the same `request`; a client that hears nothing sends all of them again. Ours closes a
  part at {BATCH_JOBS_MAX:_} rows or {BATCH_BYTES_MAX:_} bytes.
* A definition that is there already is `unchanged`. So a ScheduleSet can be repeated without harm.
* `is_whole` MUST go to every shard, also to those for which the source has no row any more.
* No client knows the shard of a name. It sends ScheduleAct to all shards; a name is not found where all of them say so.
* A schedule that is defined in another queue than before may have come to another shard. The client then removes the
  name from the others; ours sends ScheduleAct `remove` to them after each set.
* What the code of tasks declares comes with ExecutorHello, to every shard; each takes the rows that are its own. A
  schedule that somebody has defined otherwise under such a name stays as it is.

## Executors: legal sequences

    executor                                  coordinator
    ExecutorHello         ->
                          <-                  ExecutorWelcome, one for each shard
    Credit                ->
                          <-                  Run[link, sequence 1]
    Finished[batch 1]     ->
                          <-                  FinishedAck[batch 1]
    Renew                 ->
                          <-                  Renewed
                          <-                  CancelRun, when somebody cancels
    Goodbye               ->

* Nothing but a hello opens a link. Before it a Credit and a Finished are passed over, and a Renew is answered with
  HelloNeeded.
* `incarnation` is the number of this life of the executor process. `replaces` lists former lives that are known to be
  dead with all their children: their jobs are given to others at once.
* `link` counts the hellos of an incarnation. A Run, a Credit or a Renewed of an older link is void; a Renew of one is
  answered with HelloNeeded. A hello with a lower number than the open link's is passed over.
* `held` lists every lease that the executor holds: those that run and those whose results are not acknowledged yet.
  A lease that the coordinator gave to this incarnation and that is not in `held` never arrived, and its job runs
  again. A lease in `held` that is not the coordinator's own comes back in `lost`; the executor MUST end that run and
  report nothing of it.
* Credit says how many jobs of each runner kind the executor will hold from this shard at once. The coordinator never
  leases more. A new Credit replaces the old one. It is said again with each heartbeat, in case one was lost.
* `sequence` of Run counts from 1 within a link. The executor takes each number once. `seen` of Renew says that all
  Runs up to this number have come. When three heartbeats in a row do not show a Run that was sent before an earlier
  heartbeat, the coordinator asks for a hello, and `held` settles which jobs never came.
* A Finished is sent again under the same `batch` until its FinishedAck comes: after {RESEND_AFTER_MS} ms,
  and after each welcome. A FinishedAck means that every result in it is durable or void.

### Leases, fences and epochs

* The fence of a run is (epoch, index): the epoch of the coordinator that gave the lease, and the index of the log
  entry that holds it. A result is accepted only if id, attempt, epoch and index are those of the job's present lease.
  Any other is void; it is acknowledged like the rest, so that it is forgotten.
* A Run leaves only when the entry that holds its leases is committed.
* An executor passes over a Run or a CancelRun of an epoch below the one that it was welcomed under, and a Renewed of
  any other epoch.
* A lease belongs to the executor's link with a shard. One Renew holds all leases of that link. Ours sends one every
  {RENEW_EVERY_MS} ms, or every tenth of the lease's time if that is shorter.
* The executor trusts its leases for `lease_ttl_ms` from the moment at which it **sent** the Renew that was answered.
  It ends its runs so early that they are dead before that: by its own kill grace and {FENCE_MARGIN_MS} ms, but
  not more than half of the lease. It reports them as `returned`: where the coordinator still holds the lease when it
  hears so, their jobs run again at once.
* The coordinator ends them {LEASE_SLACK} times `lease_ttl_ms` after the last Renew **came**. So an executor that is
  cut off has stopped before another one begins.
* After its own restart a coordinator counts every lease as renewed at that moment, for the `lease_ttl_ms` that was
  granted before. If its own is shorter, it ends no lease before that time is over.
"""

WRONG_FRAMES: Final = (
    (
        "coordinator",
        "a frame that cannot be read",
        (
            "counts it, logs it, and answers Refused(shard 0, session 0, request 0, `malformed` or `version`); the"
            " other frames of the same multipart are taken"
        ),
    ),
    ("coordinator", "a message for a shard that it does not serve", "Refused(`not_here`)"),
    ("coordinator", "a message that only a coordinator sends", "Refused(request 0, `malformed`)"),
    ("coordinator", "a hello from another cluster", "Refused(request 0, `wrong_cluster`), and no link"),
    ("coordinator", "a hello of another incarnation on a connection that has one", "Refused(request 0, `malformed`)"),
    ("coordinator", "a Submit with one bad row", "refuses the whole Submit; the text names the fault"),
    ("coordinator", "a ScheduleSet with one bad row", "refuses the whole list of its shard; the text names the fault"),
    ("coordinator", "a Finished with a bad row", "passes that row over, takes the others, acknowledges all"),
    ("executor", "a frame that cannot be read", "logs it and passes it over"),
    ("executor", "a Run with a bad row", "passes the whole Run over"),
    ("executor", "Refused", "logs it; the hello is said again until it is answered"),
    ("client", "a late, repeated or unknown answer", "passes it over"),
)
"""(who, what it gets, what it does)."""

LIMITS: Final = """\
A peer that does not read is not waited for. What cannot be sent waits in an outbox of bounded length; when that is
full, or the connection is gone, the coordinator treats the peer as gone: no new work is sent, and its leases run on
until they are over.

## Known weaknesses

* There is no authentication in the protocol, and no encryption. A node listens on a socket in its own private folder;
  TCP must be allowed by name (`insecure = true`).
* Members believe each other. Whoever reaches a member's endpoint can pass for another member.
* The texts of refusals are for people and may change. Programs go by the code.
"""
