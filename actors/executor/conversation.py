"""What an executor says to its coordinators, and when.

Decides hellos, credit, heartbeats, the sending and repeating of results, and self-fencing: runs whose lease nobody
renews are told to end so early that they are dead before the coordinator gives them to somebody else. Heartbeats,
credit and results of a shard go to its leader and wait while there is none. Must not know whose word counts
(hearing.py). Rule: docs/promises.md, P5.
"""

from typing import Any

from ...broker.wire.limits import BATCH_BYTES_MAX, BATCH_JOBS_MAX
from ...broker.wire.messages import Credit, ExecutorHello, Finished, Renew
from ..effects import Send
from . import acts, runs
from .figures import figures
from .held import Held
from .link import Link
from .settings import FIGURES_EVERY_MS, HELLO_AGAIN_MS, READY_WAIT_MS, RENEW_EVERY_MS, RESEND_AFTER_MS
from .shard import Shard
from .state import ExecutorState

_RESEND_NS = RESEND_AFTER_MS * 1_000_000
_HELLO_AGAIN_NS = HELLO_AGAIN_MS * 1_000_000
_READY_WAIT_NS = READY_WAIT_MS * 1_000_000
_SILENT_NS = 3 * RENEW_EVERY_MS * 1_000_000
"""A leader that has answered nothing for so long may lead no more: the others are asked."""


def fence(state: ExecutorState) -> None:
    """Ends runs whose lease nobody has renewed, before it is over.

    They are reported as returned: if the coordinator still holds the lease when it hears so, it must learn that
    nothing runs under it any more, and until they are dead a hello still names them.
    """
    now_ns, grace_ms = state.now.elapsed_ns, state.settings.kill_grace_ms
    for shard in state.shards.values():
        if now_ns < shard.fence_ns(grace_ms):
            continue
        kill_by_ns = max(shard.kill_by_ns(), now_ns)
        fresh: list[Held] = []
        for held in state.held.values():
            if held.shard != shard.shard:
                continue
            if held.ending is None:
                fresh.append(held)
            elif held.kill_ns is not None:
                held.kill_ns = min(held.kill_ns, kill_by_ns)
        if fresh:
            state.count("leases_fenced", len(fresh))
            text = "the coordinator has not answered a heartbeat in time: leases are over, and what runs is ended"
            state.act(acts.Note("warning", f"{text} jobs={len(fresh)} shard={shard.shard}"))
            runs.end(state, fresh, "returned", kill_by_ns)


def speak(state: ExecutorState) -> None:
    """Says what is due: hello, credit, results, heartbeat."""
    if not _may_speak(state):
        return
    now_ns = state.now.elapsed_ns
    for link in state.links.values():
        if link.hello_ns is not None and now_ns >= link.hello_ns:
            _hello(state, link)
    if len(state.links) > 1:
        for link in _sought(state):
            if now_ns >= link.hello_sent_ns + _HELLO_AGAIN_NS:
                _hello(state, link)
    for shard in state.shards.values():
        link = shard.link
        if link is None or shard.number != link.number:
            continue
        if now_ns >= shard.renew_ns:
            shard.renew_ns = now_ns + shard.renew_every_ns()
            shard.window = {}  # credit that was lost, or came out of order, is said again with each heartbeat
            rows = _figures(state, link, shard)
            state.out.sends.append(
                Send(link.peer, Renew(shard.shard, link.number, now_ns // 1_000_000, shard.seen, rows))
            )
        _credit(state, link, shard)
        if shard.results:
            _report(state, link, shard)
        for batch, (finished, sent_ns) in list(shard.unacked.items()):
            if now_ns - sent_ns >= _RESEND_NS:
                _send_finished(state, link, shard, batch, finished)
    if not state.announced and state.tasks is not None:
        _announce(state)


def _may_speak(state: ExecutorState) -> bool:
    """Says whether there is something to say: its tasks, or that a former life is dead: its jobs may run elsewhere."""
    return state.tasks is not None or bool(state.settings.replaces)


def _announce(state: ExecutorState) -> None:
    """Says that it is ready: every shard has welcomed it, or some node has answered and no more leaders come soon."""
    is_late = state.mapped_ns is not None and state.now.elapsed_ns >= state.mapped_ns + _READY_WAIT_NS
    if is_late or state.is_served:
        state.announced = True
        state.act(acts.Ready())


def _sought(state: ExecutorState) -> list[Link]:
    """Returns the links on which a leader may be found: nodes that have answered, while some shard has none.

    A hello begins a link anew, so a node that leads is left in peace, unless it leads a shard that it has not welcomed
    this executor to, by its own word or another's: its call for a hello may have been lost.
    """
    silent_ns = state.now.elapsed_ns - _SILENT_NS
    open_shards = {number for number, shard in state.shards.items() if shard.is_open(shard.link)}
    if 0 < state.shards_known == len(open_shards) and min(s.heard_ns for s in state.shards.values()) > silent_ns:
        return []
    leading = {link.peer for number in open_shards if (link := state.shards[number].link) is not None}
    return [
        link
        for link in state.links.values()
        if link.hello_ns is None
        and not link.is_gone
        and (link.peer not in leading or not state.leaders.of(state.reach.names.get(link.peer)) <= open_shards)
    ]


def _figures(state: ExecutorState, link: Link, shard: Shard) -> list[list[Any]]:
    """Returns the executor's figures now and then; one shard of each coordinator gets them."""
    if state.now.elapsed_ns < link.figures_ns:
        return []
    if shard.shard != min(other.shard for other in state.shards.values() if other.link is link):
        return []
    link.figures_ns = state.now.elapsed_ns + FIGURES_EVERY_MS * 1_000_000
    return figures(state)


def _hello(state: ExecutorState, link: Link) -> None:
    """Opens the link anew; whoever hears it learns of all that is held, for any node may come to lead."""
    settings = state.settings
    state.hellos += 1
    link.number = state.hellos
    link.hello_sent_ns = state.now.elapsed_ns
    link.since_ns = link.hello_sent_ns if link.since_ns is None else link.since_ns
    link.tries += 1
    link.hello_ns = state.now.elapsed_ns + link.hello_wait_ns()
    link.told = {shard.shard: shard.epoch for shard in state.shards.values()}
    held = [
        [run.shard, run.id, run.attempt, run.epoch, run.index] for run in state.held.values() if run.ending != "void"
    ]
    for shard in state.shards.values():
        rows = [*shard.results, *(row for finished, _ in shard.unacked.values() for row in finished.results)]
        held.extend([shard.shard, row[0], row[1], row[2], row[3]] for row in rows)
    hello = ExecutorHello(
        settings.node,
        settings.name,
        settings.incarnation,
        settings.replaces,
        link.number,
        settings.queues,
        state.tasks or [],
        state.schedules,
        held,
        state.cluster,
        settings.labels,
        [list(item) for item in link.told.items()],
        [other.number for other in state.links.values() if other.number and other is not link],
    )
    state.out.sends.append(Send(link.peer, hello))


def _credit(state: ExecutorState, link: Link, shard: Shard) -> None:
    """Tells the shard its part of the windows, when that has changed enough to matter.

    A shard keeps its part while it has no leader: the next one is there soon.
    """
    now_ns = state.now.elapsed_ns
    parts = len(state.shards)
    windows: dict[str, int] = {}
    for kind, pool in state.pools.items():
        whole = pool.window(now_ns) if state.drain_until_ns is None else 0
        windows[kind] = -(-whole // parts)
    if windows != shard.window:
        shard.window = windows
        state.out.sends.append(
            Send(link.peer, Credit(shard.shard, link.number, [list(item) for item in windows.items()]))
        )


def _report(state: ExecutorState, link: Link, shard: Shard) -> None:
    """Sends results in batches that fit a frame."""
    results, shard.results = shard.results, []
    start, size = 0, 0
    for at, row in enumerate(results):
        size += 64 + len(row[7] or "") + len(row[8] or "") + len(row[10] or "")
        if at + 1 - start == BATCH_JOBS_MAX or size * 4 > BATCH_BYTES_MAX or at + 1 == len(results):
            shard.batch += 1
            _send_finished(state, link, shard, shard.batch, Finished(shard.shard, shard.batch, results[start : at + 1]))
            start, size = at + 1, 0


def report_again(state: ExecutorState, link: Link, shard: Shard) -> None:
    """Sends what is not acknowledged again, at once: the leader may be a new one."""
    for batch, (finished, _) in list(shard.unacked.items()):
        _send_finished(state, link, shard, batch, finished)


def _send_finished(state: ExecutorState, link: Link, shard: Shard, batch: int, finished: Finished) -> None:
    shard.unacked[batch] = (finished, state.now.elapsed_ns)
    state.out.sends.append(Send(link.peer, finished))


def wakes(state: ExecutorState) -> list[int]:
    """Returns the elapsed ns at which the conversation wants a turn."""
    if not _may_speak(state):
        return []
    found = [link.hello_ns for link in state.links.values() if link.hello_ns is not None]
    if len(state.links) > 1:
        found.extend(link.hello_sent_ns + _HELLO_AGAIN_NS for link in _sought(state))
    if not state.announced and state.tasks is not None and state.mapped_ns is not None:
        found.append(state.mapped_ns + _READY_WAIT_NS)
    for shard in state.shards.values():
        if shard.link is None or shard.number != shard.link.number:
            continue
        found.append(shard.renew_ns)
        if shard.unacked:
            found.append(min(sent_ns for _, sent_ns in shard.unacked.values()) + _RESEND_NS)
    if state.held:
        grace_ms = state.settings.kill_grace_ms
        fences = (shard.fence_ns(grace_ms) for shard in state.shards.values())
        # One that is past was dealt with in this turn; its runs die at their own time.
        found.extend(at_ns for at_ns in fences if at_ns > state.now.elapsed_ns)
    return found
