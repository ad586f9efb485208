"""What an executor says to its coordinators and hears from them.

Decides hellos, credit, heartbeats, the sending and repeating of results, and self-fencing: runs whose lease nobody
renews are told to end so early that they are dead before the coordinator gives them to somebody else. Rule:
docs/promises.md, P5.
"""

from typing import Any

from ...broker.wire.limits import BATCH_BYTES_MAX, BATCH_JOBS_MAX
from ...broker.wire.messages import (
    CancelRun,
    Credit,
    ExecutorHello,
    ExecutorWelcome,
    Finished,
    FinishedAck,
    HelloNeeded,
    Message,
    Refused,
    Renew,
    Renewed,
    Run,
)  # fmt: skip
from ...broker.wire.rows import run_fault
from ..effects import Peer, Send
from . import acts, runs
from .figures import figures
from .held import Held
from .link import Link, ShardLink
from .settings import FIGURES_EVERY_MS, RESEND_AFTER_MS
from .state import ExecutorState

_RESEND_NS = RESEND_AFTER_MS * 1_000_000


def received(state: ExecutorState, peer: Peer, message: Message) -> None:
    """Takes one message from a coordinator."""
    link = state.links.get(peer)
    if link is None:
        return
    match message:
        case Run():
            _run(state, link, message)
        case FinishedAck(shard, batch):
            if shard in link.shards:
                link.shards[shard].unacked.pop(batch, None)
        case Renewed(shard, number, epoch, sent_ms):
            if number == link.number and shard in link.welcomed and epoch == link.shards[shard].epoch:
                link.shards[shard].renewed(sent_ms * 1_000_000)
        case ExecutorWelcome():
            _welcome(state, link, message)
        case HelloNeeded():
            if link.hello_ns is None:
                link.hello_ns = state.now.elapsed_ns
        case CancelRun(shard, epoch, wanted):
            if shard in link.shards and epoch >= link.shards[shard].epoch:
                _end(state, wanted, "cancelled")
        case Refused(_, _, _, code, text):
            _refused(state, link, f"{code}: {text}")
        case _:
            state.count("messages_unexpected")


def _refused(state: ExecutorState, link: Link, why: str) -> None:
    """Tells the log why a hello is refused; not each time, for it is said again every second."""
    state.count("refused")
    if why != link.refused:
        link.refused = why
        state.act(acts.Note("error", f"the coordinator refuses this executor: {why}"))


def _run(state: ExecutorState, link: Link, message: Run) -> None:
    shard = link.shards.get(message.shard)
    if (
        shard is None
        or message.shard not in link.welcomed
        or message.link != link.number
        or message.epoch < shard.epoch
    ):
        state.count("runs_void")
        return
    if not shard.came(message.sequence):
        state.count("runs_repeated")
        return
    if any(run_fault(row) is not None for row in message.jobs):
        state.count("runs_malformed")
        return
    runs.take(state, link.peer, message)


def _welcome(state: ExecutorState, link: Link, message: ExecutorWelcome) -> None:
    shard = link.shards.setdefault(message.shard, ShardLink(message.shard))
    if message.link != link.number or message.epoch < shard.epoch:
        return
    if message.shard not in link.welcomed:
        shard.opened(message.epoch, message.lease_ttl_ms, link.hello_sent_ns)
        link.welcomed.add(message.shard)
    state.cluster = message.cluster
    if len(link.welcomed) >= message.shards:
        link.hello_ns = None
        link.refused = ""
    _end(state, message.lost, "void")
    for batch, (finished, _) in list(shard.unacked.items()):
        _send_finished(state, link, shard, batch, finished)
    if not state.announced and all(other.hello_ns is None for other in state.links.values()):
        state.announced = True
        state.act(acts.Ready())


def _end(state: ExecutorState, wanted: list[list[Any]], outcome: str) -> None:
    """Ends the named [id, attempt] runs, if they are held and were not told before."""
    helds: list[Held] = []
    for row in wanted:
        held = state.held.get((row[0], row[1])) if list(map(type, row)) == [int, int] else None
        if held is not None and (held.ending is None or (outcome == "void" and held.ending != "void")):
            if held.ending is not None:
                held.ending = outcome  # it is ending already; only nobody wants to hear of it any more
            else:
                helds.append(held)
    if helds:
        runs.end(state, helds, outcome)


def gone(state: ExecutorState, peer: Peer) -> None:
    """The transport lost a coordinator: say hello when it is back; the leases decide about the runs."""
    link = state.links.get(peer)
    if link is not None:
        link.hello_ns = state.now.elapsed_ns


def fence(state: ExecutorState) -> None:
    """Ends runs whose lease nobody has renewed, before it is over.

    They are reported as returned: if the coordinator still holds the lease when it hears so, it must learn that
    nothing runs under it any more, and until they are dead a hello still names them.
    """
    now_ns, grace_ms = state.now.elapsed_ns, state.settings.kill_grace_ms
    for link in state.links.values():
        for shard in link.shards.values():
            if now_ns < shard.fence_ns(grace_ms):
                continue
            kill_by_ns = max(shard.kill_by_ns(), now_ns)
            fresh: list[Held] = []
            for held in state.held.values():
                if held.shard != shard.shard or held.peer != link.peer:
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
    if state.tasks is None:
        return
    now_ns = state.now.elapsed_ns
    for link in state.links.values():
        if link.hello_ns is not None and now_ns >= link.hello_ns:
            _hello(state, link)
        for shard in link.shards.values():
            if shard.shard not in link.welcomed:
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


def _figures(state: ExecutorState, link: Link, shard: ShardLink) -> list[list[Any]]:
    """Returns the executor's figures now and then; one shard of each coordinator gets them."""
    if shard.shard != min(link.welcomed) or state.now.elapsed_ns < link.figures_ns:
        return []
    link.figures_ns = state.now.elapsed_ns + FIGURES_EVERY_MS * 1_000_000
    return figures(state)


def _hello(state: ExecutorState, link: Link) -> None:
    assert state.tasks is not None
    settings = state.settings
    link.number += 1
    link.welcomed.clear()
    link.hello_sent_ns = state.now.elapsed_ns
    link.hello_ns = state.now.elapsed_ns + _RESEND_NS
    held = [
        [run.shard, run.id, run.attempt, run.epoch, run.index]
        for run in state.held.values()
        if run.peer == link.peer and run.ending != "void"
    ]
    for shard in link.shards.values():
        rows = [*shard.results, *(row for finished, _ in shard.unacked.values() for row in finished.results)]
        held.extend([shard.shard, row[0], row[1], row[2], row[3]] for row in rows)
    hello = ExecutorHello(
        settings.node,
        settings.name,
        settings.incarnation,
        settings.replaces,
        link.number,
        settings.queues,
        state.tasks,
        state.schedules,
        held,
        state.cluster,
        settings.labels,
    )
    state.out.sends.append(Send(link.peer, hello))


def _credit(state: ExecutorState, link: Link, shard: ShardLink) -> None:
    """Tells the shard its part of the windows, when that has changed enough to matter."""
    now_ns = state.now.elapsed_ns
    parts = sum(len(other.welcomed) for other in state.links.values()) or 1
    windows: dict[str, int] = {}
    for kind, pool in state.pools.items():
        whole = pool.window(now_ns) if state.drain_until_ns is None else 0
        windows[kind] = -(-whole // parts)
    if windows != shard.window:
        shard.window = windows
        state.out.sends.append(
            Send(link.peer, Credit(shard.shard, link.number, [list(item) for item in windows.items()]))
        )


def _report(state: ExecutorState, link: Link, shard: ShardLink) -> None:
    """Sends results in batches that fit a frame."""
    results, shard.results = shard.results, []
    start, size = 0, 0
    for at, row in enumerate(results):
        size += 64 + len(row[7] or "") + len(row[8] or "") + len(row[10] or "")
        if at + 1 - start == BATCH_JOBS_MAX or size * 4 > BATCH_BYTES_MAX or at + 1 == len(results):
            shard.batch += 1
            _send_finished(state, link, shard, shard.batch, Finished(shard.shard, shard.batch, results[start : at + 1]))
            start, size = at + 1, 0


def _send_finished(state: ExecutorState, link: Link, shard: ShardLink, batch: int, finished: Finished) -> None:
    shard.unacked[batch] = (finished, state.now.elapsed_ns)
    state.out.sends.append(Send(link.peer, finished))


def wakes(state: ExecutorState) -> list[int]:
    """Returns the elapsed ns at which the conversation wants a turn."""
    if state.tasks is None:
        return []
    found: list[int] = []
    for link in state.links.values():
        if link.hello_ns is not None:
            found.append(link.hello_ns)
        for shard in link.shards.values():
            if shard.shard not in link.welcomed:
                continue
            found.append(shard.renew_ns)
            if shard.unacked:
                found.append(min(sent_ns for _, sent_ns in shard.unacked.values()) + _RESEND_NS)
    if state.held:
        fences = (
            shard.fence_ns(state.settings.kill_grace_ms)
            for link in state.links.values()
            for shard in link.shards.values()
        )
        # One that is past was dealt with in this turn; its runs die at their own time.
        found.extend(at_ns for at_ns in fences if at_ns > state.now.elapsed_ns)
    return found
