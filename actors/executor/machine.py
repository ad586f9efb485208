"""The executor: takes leased jobs, has children run them, reports how they ended.

Decides which child runs what and when a run must end (timeout, cancel, lost lease, drain). It runs no user code and
must not know how children are started. Rules: docs/design.md, "Execution"; every run is reported exactly once, until
it is acknowledged.
"""

from collections.abc import Mapping
from typing import Any, assert_never

from ...broker.wire.messages import Goodbye
from ..effects import Effects, Peer, Send
from ..events import Drain, PeerGone, Received, Wake
from ..machine import Now
from . import acts, children, conversation, hearing, runs
from .events import (
    ChildDone,
    ChildEvent,
    ChildExited,
    ChildFailed,
    ChildPong,
    ChildReady,
    ChildrenSized,
    ChildStuck,
    Connected,
    RunUsed,
)
from .settings import COMMAND, ExecutorSettings
from .state import Announced, ExecutorState

Event = Received | PeerGone | Connected | Wake | Drain | ChildEvent


class ExecutorMachine:
    """One executor process, as a machine."""

    def __init__(self, settings: ExecutorSettings, coordinators: list[Peer], now: Now) -> None:
        """Starts with no child and no link.

        Args:
            settings: what the operator tuned.
            coordinators: the peers to say hello to.
            now: both clocks.
        """
        self.state = ExecutorState(settings, coordinators, now)

    def handle(self, event: Event, now: Now) -> Effects:
        """Takes one event; see actors.machine.Machine."""
        state = self.state
        state.begin(now)
        match event:
            case Received(peer, message):
                hearing.received(state, peer, message)
            case ChildDone(child, rows):
                runs.done(state, child, rows)
            case Wake():
                self._settle()
            case ChildReady(child, tasks, schedules, limits):
                self._child_ready(child, (tasks, schedules, limits))
            case ChildFailed(child, text):
                self._child_failed(child, text)
            case ChildExited(child, how, output):
                children.exited(state, child, how, output)
            case ChildStuck(child, run_id, stack):
                children.stuck(state, child, run_id, stack)
            case ChildPong(child, _):
                children.ponged(state, child)
            case ChildrenSized(rows, dropped_bytes):
                children.sized(state, rows, dropped_bytes)
            case RunUsed(child, run_id, memory_bytes, cpu_ms):
                runs.used(state, child, run_id, memory_bytes, cpu_ms)
            case PeerGone(peer):
                hearing.gone(state, peer)
            case Connected(peer):
                hearing.connected(state, peer)
            case Drain():
                self._drain()
            case _:
                assert_never(event)
        return state.out

    def _child_ready(self, number: int, announced: Announced) -> None:
        state = self.state
        found = state.pool_of_child(number)
        if found is None:
            return
        pool, child = found
        pool.child_came(child, state.now.elapsed_ns)
        if pool.kind == COMMAND:
            # What it runs stands in the settings; it may be the only child that there is, and then the first.
            announced = state.announced_by_child or ([], [], [])
        if self._is_ambiguous(announced[0]):
            return
        if announced != state.announced_by_child:
            state.learn(announced)
            for link in state.links.values():
                if not link.is_gone:
                    link.hello_ns = state.now.elapsed_ns

    def _is_ambiguous(self, tasks: list[list[Any]]) -> bool:
        """Says whether a task's name is a command's, too, at the first start; later the command keeps the name."""
        state = self.state
        commands = {row[0] for row in state.settings.commands}
        name = next((row[0] for row in tasks if row[0] in commands), None)
        if name is None:
            return False
        text = f"a task and a command are both named {name}: give one of them another name"
        if state.tasks is not None:
            state.act(acts.Note("error", text))
            return False
        state.failed = True
        state.act(acts.Failed(text))
        return True

    def _child_failed(self, number: int, text: str) -> None:
        """A child cannot import the tasks.

        At the first start that ends the executor, later only that child's restart is put off.
        """
        if self.state.tasks is None:
            self.state.failed = True
            self.state.act(acts.Failed(text))
        else:
            self.state.act(acts.Note("error", f"runner child {number} cannot import the tasks: {text}"))

    def _drain(self) -> None:
        state = self.state
        if state.drain_until_ns is None:
            state.drain_until_ns = state.now.elapsed_ns + state.settings.drain_timeout_ms * 1_000_000
            runs.give_back_waiting(state)

    def _settle(self) -> None:
        """Ends a turn: children, deadlines, hellos and heartbeats, then one message of results a shard."""
        state = self.state
        conversation.fence(state)  # first: what came late, out of a frozen socket, must not start any more
        children.tend(state)
        runs.tend(state)
        conversation.speak(state)
        if state.drain_until_ns is not None and not state.exited:
            self._settle_drain(state.drain_until_ns)

    def _settle_drain(self, until_ns: int) -> None:
        state = self.state
        if state.now.elapsed_ns >= until_ns:
            runs.end_all(state, "returned")
        # When nobody answers any more, the leases tell the coordinator; there is nothing to wait for beyond a grace.
        deaf_ns = until_ns + (state.settings.kill_grace_ms + 2_000) * 1_000_000
        settled = not state.held and not any(shard.unacked or shard.results for shard in state.shards.values())
        if settled or state.now.elapsed_ns >= deaf_ns:
            for link in state.links.values():
                state.out.sends.append(Send(link.peer, Goodbye(state.settings.incarnation)))
            state.exited = True
            state.act(acts.Exit())

    def wake_at(self) -> int | None:
        """Returns when it wants a turn, in elapsed ns; see actors.machine.Machine."""
        state = self.state
        if state.exited:
            return None
        wakes = [*children.wakes(state), *runs.wakes(state), *conversation.wakes(state)]
        if state.drain_until_ns is not None:
            wakes.append(max(state.drain_until_ns, state.now.elapsed_ns + 50_000_000))
        return min(wakes, default=None)

    def snapshot(self) -> Mapping[str, object]:
        """Returns a small picture; see actors.machine.Machine."""
        state = self.state
        return {
            "name": state.settings.name,
            "held": len(state.held),
            "leaders": {
                shard.shard: (shard.link.peer, shard.epoch) for shard in state.shards.values() if shard.link is not None
            },
            "windows": {kind: pool.window(state.now.elapsed_ns) for kind, pool in state.pools.items()},
            "mean_ms": {kind: round(pool.mean_ms, 3) for kind, pool in state.pools.items()},
            "unacked": sum(len(shard.unacked) for shard in state.shards.values()),
        }

    def check(self) -> None:
        """Asserts every internal relation; see actors.machine.Machine."""
        state = self.state
        placed = 0
        for pool in state.pools.values():
            pool.check()
            placed += len(pool.waiting) + sum(len(child.runs) for child in pool.children.values())
        assert placed == len(state.held), f"{placed} runs placed, {len(state.held)} held"
        for (id, attempt), held in state.held.items():
            assert (held.id, held.attempt) == (id, attempt)
            assert state.by_run[held.run_id] is held
            assert held.shard in state.shards, f"run {held.run_id} is of a shard that nobody has led"
        self._check_links()

    def _check_links(self) -> None:
        state = self.state
        state.reach.check()
        assert state.links.keys() == state.reach.taught.keys() | set(state.reach.given), "a node has no link"
        assert all(link.peer == peer for peer, link in state.links.items())
        assert len(state.shards) <= state.shards_known or not state.shards, "there are more shards than the cluster has"
        for number, shard in state.shards.items():
            shard.check()
            assert shard.shard == number, number
            assert shard.link is None or state.links.get(shard.link.peer) is shard.link, "a leader is not connected to"
        for link in state.links.values():
            assert link.number <= state.hellos, "a hello was numbered by somebody else"
