"""Planted bugs of clusters: what goes wrong only where several members share a shard; see mutants.py.

Decides what is broken and how. Those of the protocol itself, which need no machines, stand in raft_mutants.py.
"""

from typing import Any

from ..actors import turn
from ..actors.cluster import leadership
from ..actors.coordinator import executors, takeover
from ..actors.events import Passed
from ..actors.executor import hearing, runs
from ..actors.raft import election
from ..actors.raft.engine import RaftLog
from ..actors.raft.news import Deposed
from ..actors.schedules import book
from . import member_loop, member_node, memory_entries
from .mutant import Function, Mutant
from .network import CALM, MS, Weather

_FAILOVERS: dict[str, Any] = {
    "faults": ("crash_leader", "isolate", "transfer"),
    "fault_every_ms": 1_000,
    "weather_name": "calm",
    "weather": CALM,
    "weather_healed": CALM,
    "shards": 1,
}
"""A world in which leaders come and go."""
_CUTS = _FAILOVERS | {
    "faults": ("strand_leader",),
    "fault_every_ms": 1_500,
    "executors": 3,
    "clients": 3,
    "lease_ttl_ms": 3_000,
    "submits": 5,
    "submit_every_ms": 2_000,
    "schedules": 0,
}


_CRASHES: dict[str, Any] = _FAILOVERS | {
    "faults": ("crash_all", "crash_leader"),
    "fault_every_ms": 250,
    "commit_min_ns": 20 * MS,
    "commit_span_ns": 80 * MS,
    "schedules": 0,
}
"""Leaders die while their first entry is on its way to disk."""

_OVERTAKEN: dict[str, Any] = _FAILOVERS | {
    "faults": ("transfer", "crash_leader"),
    "fault_every_ms": 600,
    "weather": Weather(spike=5_000, spike_ns=1_500 * MS, in_order=False),
    "executors": 3,
    "clients": 2,
    "submits": 60,
    "submit_every_ms": 100,
    "schedules": 0,
    "lease_ttl_ms": 6_000,
}
"""Frames of one leader arrive after those of the next one."""


class _AllCommitted:
    """A log that takes all that it holds for committed."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def __getattr__(self, name: str) -> Any:
        return self._log.last_index if name == "committed" else getattr(self._log, name)


def _applied_at_once(true: Function) -> Function:
    def broken(member: Any, log: Any, *rest: Any) -> bool:
        return true(member, _AllCommitted(log), *rest)

    return broken


def _image_kept(true: Function) -> Function:
    def lead(member: Any, epoch: int, log: Any, settings: Any, draws: Any, now: Any) -> None:
        true(member, epoch, log, settings, draws, now)
        kept = _KEPT.get(id(member))
        fresh = member.machine
        if kept is not None:
            kept.state.epoch, kept.state.image.index = epoch, fresh.state.image.index
            member.machine = kept
        _KEPT[id(member)] = member.machine

    return lead


_KEPT: dict[int, Any] = {}


def _no_round(_true: Function) -> Function:
    def broken(_self: Any, _group: int) -> int:
        return 0

    return broken


def _all_applied(_true: Function) -> Function:
    def broken(durable: int, _floor: int) -> int:
        return durable + 1

    return broken


def _never_sticky(_true: Function) -> Function:
    def broken(_state: Any, _now: Any) -> bool:
        return False

    return broken


def _state_forgotten(_true: Function) -> Function:
    def broken(_self: Any, _group: int, _state: bytes) -> None:
        return None

    return broken


def _sent_at_once(_true: Function) -> Function:
    def broken(member: Any, _log: Any, released: list[Any]) -> None:
        while member.waiting:
            released.extend(member.waiting.popleft().sends)

    return broken


def _orphans_over(_true: Function) -> Function:
    def broken(state: Any) -> int:
        return state.started_ns

    return broken


def _none_open(_true: Function) -> Function:
    def broken(_restored: Any, _entries: Any) -> list[list[int]]:
        return []

    return broken


def _cursor_lost(true: Function) -> Function:
    def init(self: Any, restored: Any) -> None:
        rows: list[list[Any]] = []
        for row in restored.schedules:
            changed = list(row)
            if changed[6] is not None:
                changed[5] -= 2_000
            rows.append(changed)
        true(self, restored._replace(schedules=rows))

    return init


def _unpassed(_true: Function) -> Function:
    def broken(self: Any, index: int, epoch: int) -> None:
        self.inbox.insert(0, Passed(index))
        assert epoch, "an epoch is never 0"

    return broken


def _entries_kept(true: Function) -> Function:
    def broken(self: Any, committed: int) -> None:
        kept = list(self.unapplied)
        true(self, committed)
        self.unapplied.clear()
        self.unapplied.extend(kept)

    return broken


def _ever_deposed(true: Function) -> Function:
    def broken(self: Any, news: Any, now: Any) -> None:
        if not isinstance(news, Deposed):
            true(self, news, now)

    return broken


def _runs_of_anybody(_true: Function) -> Function:
    def broken(state: Any, link: Any, message: Any) -> None:
        if message.link == link.number:
            runs.take(state, message)

    return broken


CLUSTER_MUTANTS: dict[str, Mutant] = {
    "rows_run_ahead_of_commits": Mutant(
        "a leader applies what it has decided at once", member_loop, "catch_up", _applied_at_once, _FAILOVERS, 3
    ),
    "image_outlives_its_deposition": Mutant(
        "who leads again takes up its old memory", member_loop, "lead", _image_kept, _FAILOVERS, 3
    ),
    "leases_are_renewed_unconfirmed": Mutant(
        "a leader answers without asking whether it still leads", RaftLog, "begin_round", _no_round, _CUTS, 3
    ),
    "truncation_passes_unsaved_leases": Mutant(
        "a member's log goes as far as its rows are durable", member_node, "keep_from", _all_applied, _FAILOVERS, 3
    ),
    "pre_votes_are_not_sticky": Mutant(
        "a member promises its vote while it hears a leader",
        election,
        "is_sticky",
        _never_sticky,
        {"faults": ("cut_one_way",), "fault_every_ms": 800, "shards": 1},
        3,
    ),
    "epochs_are_forgotten": Mutant(
        "a member that starts again gives epochs, and with them fences, once more",
        memory_entries.MemoryEntries,
        "save_state",
        _state_forgotten,
        _CRASHES,
        3,
    ),
    "cursors_are_lost_at_failover": Mutant(
        "a new leader begins before the instants that are accounted for",
        book.Book,
        "__init__",
        _cursor_lost,
        _FAILOVERS | {"schedules": 6, "schedule_acts": 25},
        3,
    ),
    "members_ack_before_commit": Mutant(
        "sends leave before a quorum has what they rest on", turn, "_release", _sent_at_once, _FAILOVERS, 3
    ),
    "failover_requeues_what_runs": Mutant(
        "a new leader takes what runs for lost", executors, "orphans_deadline_ns", _orphans_over, _FAILOVERS, 3
    ),
    "failover_forgets_leases": Mutant(
        "a new leader knows of no lease", takeover, "open_leases", _none_open, _FAILOVERS, 3
    ),
    "runs_of_a_deposed_leader_are_taken": Mutant(
        "an executor obeys whoever speaks to it", hearing, "_run", _runs_of_anybody, _OVERTAKEN, 3
    ),
    "deposed_leaders_keep_their_entries": Mutant(
        "what a leader had decided is applied although another one was elected",
        turn.Member,
        "step_down",
        _entries_kept,
        _FAILOVERS,
        3,
    ),
    "deposed_leaders_go_on": Mutant(
        "who is deposed decides on", leadership.Leadership, "_obey", _ever_deposed, _FAILOVERS, 3
    ),
    "engine_entries_are_not_applied": Mutant(
        "a leader's rows leave out the entries of its engine",
        member_loop.Member,
        "passed",
        _unpassed,
        _FAILOVERS | {"faults": ("replace_member",), "spares": 1},
        3,
    ),
}
"""Name -> planted bug."""
