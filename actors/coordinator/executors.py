"""Executors come, stay alive, and go: links, leases' lifetimes, and what becomes of the jobs of one that is gone.

Decides when a lease is over. A job is requeued only when it is provably not running: its executor denies it in a
hello, the executor's supervisor confirmed the death of its incarnation, or the lease ran out (the executor stops its
children before that, on its own clock). Rules: docs/design.md, "Replication and election" (reconciliation) and
"Execution"; docs/promises.md, P5.
"""

from typing import Any, cast

from ...broker.wire.limits import FIGURES_MAX, LABELS_MAX, NAME_CHARS_MAX
from ...broker.wire.messages import CancelRun, Credit, ExecutorHello, ExecutorWelcome, HelloNeeded, Renew, Renewed
from ...broker.wire.rows import HELD_COLUMNS, task_fault
from ..effects import Peer, Send
from ..entries import EXECUTORS, LEASE_TTL, TASKS
from ..jobs.job import Job
from ..jobs.lifecycle import OUTCOME_LOST, OUTCOME_RETURNED
from ..jobs.retry import policy_fault
from ..limits import EXECUTORS_MAX, LEASE_SLACK, TASKS_MAX
from . import finishing, scheduling
from .link import Link
from .state import ShardState

_MISSED_MAX = 3


def begin(state: ShardState) -> None:
    """Says in the first entry for how long leases are trusted, unless it is for less than before: see `lapse`."""
    if state.image.lease_ttl_ms < state.settings.lease_ttl_ms:
        _log_ttl(state)


def _log_ttl(state: ShardState) -> None:
    op = [LEASE_TTL, state.settings.lease_ttl_ms]
    state.log(op)
    state.image.apply_lease_ttl(op)


def hello(state: ShardState, peer: Peer, message: ExecutorHello) -> None:
    """Opens a link: learns what the executor can run, and settles what it still holds against what it was given."""
    fault = _hello_fault(state, message)
    if fault is not None:
        state.refuse(
            peer, 0, "wrong_cluster" if message.cluster not in (None, state.settings.cluster) else "malformed", fault
        )
        return
    known = state.links.by_peer.get(peer)
    if known is not None and known.incarnation != message.incarnation:
        state.count("hellos_forged")
        state.refuse(peer, 0, "malformed", "this connection belongs to another incarnation; open one of your own")
        return
    old = state.links.by_incarnation.get(message.incarnation)
    if state.links.numbers.get(message.incarnation, 0) >= message.link:
        state.count("hellos_stale")
        return  # a hello that came twice, or was overtaken by a newer one
    epoch = next((row[1] for row in message.epochs if row[0] == state.shard), 0)
    if epoch > state.epoch:
        state.count("hellos_beyond")
        return  # it knows a later leader: this one's end is on its way
    if epoch < state.epoch and any(job.incarnation == message.incarnation for job in state.image.leases.values()):
        # It may yet take a Run of the leader before this one, so what it does not hold now may still come to run.
        state.count("hellos_early")
        state.send(peer, HelloNeeded(state.shard, state.epoch))
        return
    if old is not None and old.peer != peer and old.number in message.links:
        state.count("hellos_by_another_way")
        return  # the link stands at its other end, too: a Run that is under way on it may yet be taken
    if old is not None and old.peer != peer:
        state.count("executors_superseded")  # it has connected anew; the old connection must say hello again
    known_names = state.image.executors
    if len(known_names) >= EXECUTORS_MAX and (message.node, message.name) not in known_names:
        state.refuse(peer, 0, "overloaded", f"{EXECUTORS_MAX} executor names are known; use names again after restarts")
        return
    executor = _executor_id(state, message.node, message.name)
    _learn_tasks(state, message.tasks)
    scheduling.learn(state, peer, message)
    link = Link(peer, executor, message, _deadline_ns(state))
    state.links.open(link)
    lost = _reconcile(state, link, message)
    state.count("executor_hellos")
    settings = state.settings
    state.send(
        peer,
        ExecutorWelcome(
            state.shard, state.epoch, settings.cluster, settings.shards, link.number, settings.lease_ttl_ms, lost
        ),
    )


def _hello_fault(state: ShardState, message: ExecutorHello) -> str | None:
    if message.cluster not in (None, state.settings.cluster):
        return f"this node belongs to cluster {state.settings.cluster!r}, the executor to {message.cluster!r}"
    if not (0 < len(message.node) <= NAME_CHARS_MAX and 0 < len(message.name) <= NAME_CHARS_MAX):
        return f"node and name are texts of 1 to {NAME_CHARS_MAX} characters"
    if not all(0 < len(queue) <= NAME_CHARS_MAX for queue in message.queues):
        return f"queues are names of 1 to {NAME_CHARS_MAX} characters, or *"
    if len(message.labels) > LABELS_MAX or not all(0 < len(label) <= NAME_CHARS_MAX for label in message.labels):
        return f"labels are at most {LABELS_MAX} texts of 1 to {NAME_CHARS_MAX} characters"
    if message.incarnation <= 0 or message.link <= 0:
        return "incarnation and link are positive integers"
    if len(message.tasks) > TASKS_MAX:
        return f"an executor announces at most {TASKS_MAX} tasks"
    if len(message.schedules) > TASKS_MAX:
        return f"the code of an executor declares at most {TASKS_MAX} schedules"
    for row in message.tasks:
        fault = task_fault(row) or policy_fault(row[3])
        if fault is not None:
            return f"an announced task is malformed: {fault}"
    for row in message.held:
        if len(row) != len(HELD_COLUMNS) or not all(type(value) is int for value in row):
            return f"held rows are integers: {', '.join(HELD_COLUMNS)}"
    if any(list(map(type, row)) != [int, int] for row in message.epochs):
        return "epochs are rows of two integers: shard, epoch"
    return None


def _executor_id(state: ShardState, node: str, name: str) -> int:
    id = state.image.executors.get((node, name))
    if id is None:
        id = len(state.image.executors) + 1
        op = [EXECUTORS, [[id, node, name]]]
        state.log(op)
        state.image.apply_executors(op)
    return id


def _learn_tasks(state: ShardState, tasks: list[list[Any]]) -> None:
    known = state.image.tasks
    changed = [row for row in tasks if known.get(row[0]) != row]
    if changed and len(known.keys() | {row[0] for row in changed}) <= TASKS_MAX:
        op = [TASKS, changed]
        state.log(op)
        state.image.apply_tasks(op)


def _reconcile(state: ShardState, link: Link, message: ExecutorHello) -> list[list[int]]:
    """Settles leases against the hello's `held`; returns the [id, attempt] that the executor must stop."""
    held = {(id, attempt, epoch, index) for shard, id, attempt, epoch, index in message.held if shard == state.shard}
    denied: list[Job] = []
    dead: list[Job] = []
    replaced = set(message.replaces) - {link.incarnation}
    for job in state.image.leases.values():
        if job.incarnation == link.incarnation:
            if (job.id, job.attempts, job.epoch, job.index) in held:
                job.kind = (
                    link.kind_for(state.image.lanes[job.lane].queue, state.image.lanes[job.lane].task)
                    or job.kind
                    or "process"
                )
                link.used[job.kind] = link.used.get(job.kind, 0) + 1
            else:
                denied.append(job)
        elif job.incarnation in replaced:
            dead.append(job)
    for job in denied:
        # Its slot was counted on the link that this hello replaced.
        job.incarnation = 0
    if denied:
        finishing.lose(state, denied, OUTCOME_RETURNED, "the run never reached the executor")
    for incarnation in sorted(replaced & state.links.by_incarnation.keys()):
        state.links.close(state.links.by_incarnation[incarnation])
    if dead:
        finishing.lose(state, dead, OUTCOME_LOST, "the executor process died while the job was running")
    current = {
        (job.id, job.attempts, job.epoch, job.index)
        for job in state.image.leases.values()
        if job.incarnation == link.incarnation
    }
    return [[id, attempt] for id, attempt, epoch, index in sorted(held) if (id, attempt, epoch, index) not in current]


def credit(state: ShardState, peer: Peer, message: Credit) -> None:
    """Notes how many jobs of each runner kind an executor takes."""
    link = state.links.by_peer.get(peer)
    if link is None or link.number != message.link:
        state.count("credits_unlinked")
        return
    kinds = {"process", "asyncio", *link.tasks.values()}
    for row in message.windows:
        if len(row) == 2 and isinstance(row[0], str) and row[0] in kinds and _is_window(row[1]):
            link.windows[row[0]] = row[1]


def _is_window(value: object) -> bool:
    return type(value) is int and 0 <= value <= 1_000_000


def renew(state: ShardState, peer: Peer, message: Renew) -> None:
    """Takes a heartbeat: every lease of the link holds on."""
    link = state.links.by_peer.get(peer)
    if link is None or link.number != message.link:
        state.count("renews_unlinked")
        state.out.urgent.append(Send(peer, HelloNeeded(state.shard, state.epoch)))
        return
    link.silent = False
    link.deadline_ns = _deadline_ns(state)
    if message.figures:
        _take_figures(link, message.figures)
    # A Run sent before the last heartbeat and still not seen is lost, or very late; a new hello settles which jobs
    # never came.
    link.missed = link.missed + 1 if message.seen < link.sequence_at_renew else 0
    if link.missed >= _MISSED_MAX:
        link.missed = 0
        state.count("runs_missed")
        state.out.urgent.append(Send(peer, HelloNeeded(state.shard, state.epoch)))
        return
    link.sequence_at_renew = (
        max(link.sequence_at_renew, min(link.run_sequence, message.seen)) if link.missed else link.run_sequence
    )
    # Not urgent: a leader that does not know yet that it was deposed must not prolong what its successor may end.
    state.send(peer, Renewed(state.shard, link.number, state.epoch, message.sent_ms))
    asked = [[job.id, job.attempts] for job in _asked(state, link)]
    if asked:
        state.send(peer, CancelRun(state.shard, state.epoch, asked))


def _take_figures(link: Link, rows: list[Any]) -> None:
    """Keeps what the executor says of itself, as far as it makes sense."""
    for found in rows[:FIGURES_MAX]:
        row = cast("list[Any]", found) if type(found) is list else []
        if list(map(type, row)) == [str, int]:
            name, value = row
            if name in link.figures or (len(link.figures) < FIGURES_MAX and 0 < len(name) <= NAME_CHARS_MAX):
                link.figures[name] = value


def _asked(state: ShardState, link: Link) -> list[Job]:
    """Returns the link's running jobs that were asked to stop: a lost CancelRun is repeated with each heartbeat."""
    return [job for job in state.asked.values() if job.incarnation == link.incarnation and not job.ahead]


def _deadline_ns(state: ShardState) -> int:
    """Returns when the leases of an executor that was heard now are over.

    It may still trust them for the longer time that a leader before this one has granted.
    """
    return max(_over_ns(state.now.elapsed_ns, state.settings.lease_ttl_ms), orphans_deadline_ns(state))


def _over_ns(renewed_ns: int, lease_ttl_ms: int) -> int:
    return renewed_ns + int(lease_ttl_ms * LEASE_SLACK) * 1_000_000


def gone(state: ShardState, peer: Peer) -> None:
    """Notes that the transport cannot reach a peer: no new work for it; only its lease decides about the old."""
    link = state.links.by_peer.get(peer)
    if link is not None:
        link.silent = True
    state.forget(peer)


def goodbye(state: ShardState, peer: Peer, incarnation: int) -> None:
    """Closes a link in good order: whatever the executor still had is not running any more."""
    link = state.links.by_peer.get(peer)
    if link is None or link.incarnation != incarnation:
        if link is not None:
            state.count("goodbyes_forged")
        return
    state.links.close(link)
    left = [job for job in state.image.leases.values() if job.incarnation == incarnation]
    if left:
        finishing.lose(state, left, OUTCOME_RETURNED, "the executor ended in good order")


def lapse(state: ShardState) -> None:
    """Ends the leases of silent links, and of executors that never came back after a start."""
    now_ns = state.now.elapsed_ns
    over = [link for link in state.links.by_peer.values() if link.deadline_ns <= now_ns]
    for link in over:
        state.links.close(link)
        state.count("executors_lapsed")
    orphans_over = now_ns >= orphans_deadline_ns(state)
    if orphans_over and state.image.lease_ttl_ms > state.settings.lease_ttl_ms:
        _log_ttl(state)
    if not over and not (orphans_over and not state.orphans_settled):
        return
    gone = {link.incarnation for link in over}
    known = state.links.by_incarnation
    lost = [
        job
        for job in state.image.leases.values()
        if job.incarnation in gone or (orphans_over and job.incarnation not in known)
    ]
    state.orphans_settled = state.orphans_settled or orphans_over
    if lost:
        finishing.lose(state, lost, OUTCOME_LOST, "the executor's lease ran out")


def orphans_deadline_ns(state: ShardState) -> int:
    """Returns when leases found at the start are over, unless their executor says hello.

    Each counts as renewed at the start, for the time that the leader before may have granted.
    """
    return _over_ns(state.started_ns, state.image.lease_ttl_ms)


def next_deadline_ns(state: ShardState) -> int | None:
    """Returns when `lapse` wants to be called."""
    deadlines = [link.deadline_ns for link in state.links.by_peer.values()]
    if not state.orphans_settled or state.image.lease_ttl_ms > state.settings.lease_ttl_ms:
        deadlines.append(orphans_deadline_ns(state))
    return min(deadlines, default=None)
