"""Planted bugs: each replaces one behaviour of the machines for a while, and the simulator must notice.

Decides what is broken and how; a mutant that survives its seeds shows a hole in the invariants or in the weather.
They are put in at run time, so nothing of them is in the machines. Rule: every promise has a mutant that breaks it
(docs/promises.md).
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ..actors import turn
from ..actors.coordinator import (
    cancelling,
    dispatching,
    executors,
    finishing,
    image,
    placing,
    recovery,
    session,
    submitting,
    takeover,
    timers,
)
from ..actors.effects import Send
from ..actors.executor import conversation, runs
from ..actors.jobs.lifecycle import RUNNING
from ..actors.limits import LEAD_MS, LEASE_SLACK
from ..actors.machine import Now
from ..actors.turn import Member
from ..broker.wire.messages import Run
from . import coordinator_node
from .cluster_mutants import CLUSTER_MUTANTS
from .cluster_options import options_of
from .job_mutants import JOB_MUTANTS
from .mutant import Function, Mutant
from .network import MS, Weather
from .options import WEATHERS
from .schedule_mutants import SCHEDULE_MUTANTS
from .simulate import Report, run


@contextmanager
def planted(name: str) -> Generator[None]:
    """Breaks what a mutant breaks, for a while."""
    mutant = MUTANTS[name]
    owner, function = mutant.owner, mutant.function
    before: object = owner.__dict__[function]
    broken = mutant.make(getattr(owner, function))  # of a class as of a module: the plain function
    setattr(owner, function, staticmethod(broken) if isinstance(before, staticmethod) else broken)
    try:
        yield
    finally:
        setattr(owner, function, before)


def killed_by(name: str, seeds: Sequence[int]) -> Report | None:
    """Returns the first failing run of a mutant, None if it survives these seeds."""
    with planted(name):
        for seed in seeds:
            report = run(seed, replace(options_of(seed, MUTANTS[name].members), **MUTANTS[name].focus))
            if report.violation is not None:
                return report
    return None


def _present_ttl(_true: Function) -> Function:
    def deadline_ns(state: Any) -> int:
        return state.started_ns + int(state.settings.lease_ttl_ms * LEASE_SLACK) * MS

    return deadline_ns


def _nothing(_true: Function) -> Function:
    def broken(*_values: Any) -> None:
        return None

    return broken


def _ack_before_commit(_true: Function) -> Function:
    def broken(member: Any, _log: Any, released: list[Any]) -> None:
        while member.waiting:
            released.extend(member.waiting.popleft().sends)

    return broken


def _any_fence(true: Function) -> Function:
    def take(state: Any, peer: bytes, message: Any) -> None:
        for row in message.results:
            job = state.image.leases.get(row[0])
            if job is not None:
                row[1:4] = [job.attempts, job.epoch, job.index]
        true(state, peer, message)

    return take


def _finish_again(true: Function) -> Function:
    def take(state: Any, peer: bytes, message: Any) -> None:
        for row in message.results:
            job = state.image.jobs.get(row[0])
            if job is not None and job.terminal and job.attempts == row[1]:
                job.state, job.incarnation = RUNNING, 0
                state.image.leases[job.id] = job
        true(state, peer, message)

    return take


def _rowed_only(_true: Function) -> Function:
    def broken(restored: Any, _entries: Any) -> list[list[int]]:
        return sorted(restored.leases)

    return broken


def _all_applied(_true: Function) -> Function:
    def broken(durable: int, _floor: int) -> int:
        return durable + 1

    return broken


def _answers_forgotten(true: Function) -> Function:
    def answered(state: Any, peer: bytes, message: Any) -> bool:
        known = state.image.sessions.get(message.session)
        if known is not None:
            known.answers.pop(message.sequence, None)
            known.floor = min(known.floor, message.sequence)
        return true(state, peer, message)

    return answered


def _requeue_when_gone(true: Function) -> Function:
    def gone(state: Any, peer: bytes) -> None:
        link = state.links.by_peer.get(peer)
        if link is not None:
            left = [job for job in state.image.leases.values() if job.incarnation == link.incarnation]
            finishing.lose(state, left, 6, "the connection is gone")
        true(state, peer)

    return gone


def _due_within_lead(true: Function) -> Function:
    def broken(heaps: Any, now: Any) -> Any:
        return true(heaps, Now(now.elapsed_ns + LEAD_MS * 1_000_000, now.wall_ms + LEAD_MS))

    return broken


def _round_down(true: Function) -> Function:
    def broken(self: Any, job: Any, delay_ms: Any, now: Any) -> None:
        true(self, job, delay_ms, Now(now.elapsed_ms * 1_000_000, now.wall_ms))

    return broken


def _no_keys(_true: Function) -> Function:
    def broken(_state: Any, _message: Any) -> list[Any]:
        return []

    return broken


def _keys_in_part(true: Function) -> Function:
    def broken(state: Any, message: Any) -> list[Any]:
        return [key for key in true(state, message) if key not in state.image.fresh_keys]

    return broken


def _kept_image(true: Function) -> Function:
    kept: dict[int, Any] = {}

    def take_over(shard: int, log: Any, *rest: Any) -> Member[Any]:
        member = true(shard, log, *rest)
        old = kept.setdefault(id(log), member.machine)
        if old is not member.machine:
            old.state.image.index, old.state.epoch = member.machine.state.image.index, member.machine.state.epoch
            member.machine = old
        return member

    return take_over


def _pages_only(true: Function) -> Function:
    def due_read(state: Any, read: Any, rows: list[list[int]]) -> None:
        true(state, read, rows if read.after_ms < 0 else [])

    return due_read


def _run_cancelled_too(true: Function) -> Function:
    def release(state: Any) -> None:
        for clock in timers.CLOCKS:
            for key, id in state.timers.ahead[clock]:
                job = state.image.jobs.get(id)
                if job is None or not job.terminal:
                    continue
                link = state.links.by_incarnation.get(job.incarnation)
                if link is not None and key <= timers.clock_ms(clock, state.now):
                    lane = state.image.lanes[job.lane]
                    link.run_sequence += 1
                    row = [
                        job.id,
                        job.attempts,
                        lane.task,
                        job.payload,
                        None,
                        job.scheduled_ms,
                        lane.queue,
                        lane.tenant,
                        None,
                        None,
                    ]
                    run = Run(state.shard, link.number, link.run_sequence, job.epoch, job.index, [row])
                    state.out.sends.append(Send(link.peer, run, job.index))
        true(state)

    return release


def _hello_twice(true: Function) -> Function:
    def hello(state: Any, peer: bytes, message: Any) -> None:
        if state.links.numbers.get(message.incarnation) == message.link:
            state.links.numbers[message.incarnation] -= 1
        true(state, peer, message)

    return hello


def _miscounted(true: Function) -> Function:
    def take(self: Any, sequence: int, acked_below: int, taken: Any, *rest: Any) -> None:
        true(self, sequence, acked_below, taken._replace(count=taken.count - len(taken.existing)), *rest)

    return take


def _held_forgotten(true: Function) -> Function:
    def hello(state: Any, link: Any) -> None:
        held, state.held = state.held, {}
        true(state, link)
        state.held = held

    return hello


def _fenced_in_silence(true: Function) -> Function:
    def broken(state: Any, helds: Any, outcome: str, *kill_by_ns: int) -> None:
        true(state, helds, "void" if kill_by_ns else outcome, *kill_by_ns)

    return broken


def _credit_once(true: Function) -> Function:
    said: dict[tuple[int, int], Any] = {}

    def credit(state: Any, link: Any, shard: Any) -> None:
        key = (state.settings.incarnation, link.number)
        shard.window = said.get(key, shard.window)
        true(state, link, shard)
        said[key] = shard.window

    return credit


def _cancel_loses(true: Function) -> Function:
    def end(state: Any, ids: list[int], final: int) -> None:
        before = len(state.ops)
        true(state, ids, final)
        del state.ops[before:]

    return end


def _leases_stay(true: Function) -> Function:
    def apply_finish(self: Any, op: list[Any], index: int) -> None:
        before = dict(self.leases)
        true(self, op, index)
        if len(op[2]) > 1:
            self.leases[op[2][0][0]] = before[op[2][0][0]]

    return apply_finish


_ECHOES = Weather(duplicate=8_000, spike=4_000, spike_ns=900 * MS, in_order=False)

MUTANTS: dict[str, Mutant] = {
    "ack_before_commit": Mutant(
        "sends leave before what they rest on is durable", turn, "_release", _ack_before_commit
    ),
    "any_fence_is_accepted": Mutant("a finish is taken under whatever lease is open", finishing, "take", _any_fence),
    "finish_is_accepted_twice": Mutant("a repeated finish ends the job once more", finishing, "take", _finish_again),
    "young_leases_are_lost": Mutant(
        "a start finds only the leases that have a row", takeover, "open_leases", _rowed_only
    ),
    "truncation_passes_leases": Mutant(
        "the log goes as far as rows are durable", coordinator_node, "keep_from", _all_applied
    ),
    "answers_are_forgotten": Mutant(
        "a submit that comes again is taken again", submitting, "_answered", _answers_forgotten
    ),
    "restored_answers_miscount": Mutant("answers leave out duplicates by key", session.Session, "take", _miscounted),
    "requeue_at_a_dropped_connection": Mutant(
        "a peer that is gone has its jobs taken away", executors, "gone", _requeue_when_gone
    ),
    "ahead_is_sent_at_once": Mutant("jobs run the lead too early", timers.Timers, "due", _due_within_lead),
    "delays_round_down": Mutant(
        "a delay may end a part of a millisecond early", timers.Timers, "add_delay", _round_down
    ),
    "lanes_are_never_refilled": Mutant("what a lane has on disk stays there", placing, "refill", _nothing),
    "keys_are_not_looked_up": Mutant(
        "keys that only the store knows are taken again", submitting, "_unknown_keys", _no_keys
    ),
    "keys_are_looked_up_in_part": Mutant(
        "keys known to memory are not asked for",
        submitting,
        "_unknown_keys",
        _keys_in_part,
        {
            "keyed_one_in": 1,
            "clients": 3,
            "submits": 90,
            "submit_every_ms": 50,
            "faults": ("hold_reads",),
            "fault_every_ms": 300,
        },
    ),
    "slots_leak": Mutant("a finish frees no slot", finishing, "_free", _nothing),
    "image_outlives_its_log": Mutant("a new leader keeps its old memory", coordinator_node, "take_over", _kept_image),
    "timers_are_lost_at_the_horizon": Mutant(
        "jobs that come within the horizon get no timer", placing, "due_read", _pages_only
    ),
    "leases_never_lapse": Mutant("a silent executor keeps its jobs for ever", executors, "lapse", _nothing),
    "new_ttl_for_old_leases": Mutant(
        "a leader waits for leases of the one before for its own lease_ttl_ms",
        executors,
        "orphans_deadline_ns",
        _present_ttl,
        {
            "faults": ("crash_coordinator", "cut_link"),
            "fault_every_ms": 1_500,
            "faulty_ms": 30_000,
            "clients": 1,
            "executors": 4,
            "submits": 60,
            "submit_every_ms": 300,
            "lease_ttl_ms": 9_000,
            "kill_grace_ms": 0,
            "other_ttl_ms": 1_000,
            "schedules": 0,
        },
    ),
    "cancelled_ahead_is_sent": Mutant(
        "a job cancelled after it was leased ahead runs",
        dispatching,
        "release_ahead",
        _run_cancelled_too,
        {"lead_ms": 300, "faults": (), "clients": 3, "process_slots": 4, "submits": 80, "schedules": 0},
    ),
    "executors_do_not_fence": Mutant(
        "an executor runs on when its lease is over",
        conversation,
        "fence",
        _nothing,
        {"faults": ("cut_link",), "fault_every_ms": 400, "executors": 2, "lease_ttl_ms": 1_500},
    ),
    "fenced_runs_are_not_reported": Mutant(
        "runs that ended with their lease are forgotten",
        runs,
        "end",
        _fenced_in_silence,
        {"faults": ("cut_link",), "fault_every_ms": 400},
    ),
    "credit_is_said_once": Mutant(
        "credit that is lost stays lost", conversation, "_credit", _credit_once, {"weather": WEATHERS["stormy"]}
    ),
    "hello_counts_twice": Mutant(
        "a hello that comes twice opens the link again",
        executors,
        "hello",
        _hello_twice,
        {"weather": _ECHOES, "faults": ("cut_link",), "fault_every_ms": 400, "executors": 2, "lease_ttl_ms": 3_000},
    ),
    "hello_forgets_what_runs": Mutant("a hello does not name what it holds", conversation, "_hello", _held_forgotten),
    "cancels_are_not_logged": Mutant("a cancel changes memory alone", cancelling, "end", _cancel_loses),
    "leases_outlive_their_finish": Mutant("a finished job stays leased", image.Image, "apply_finish", _leases_stay),
    **JOB_MUTANTS,
    **SCHEDULE_MUTANTS,
    **CLUSTER_MUTANTS,
}
"""Name -> planted bug."""

assert recovery.open_leases is takeover.open_leases, "mutants replace names where they are looked up"
