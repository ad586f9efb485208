"""Planted bugs in what follows an attempt, and in what is done with jobs by hand; see mutants.py.

Decides what is broken and how.
"""

from typing import Any

from ..actors.coordinator import audit, following, job_acts, placing, timers
from ..actors.jobs import job
from ..actors.jobs.lifecycle import CANCELLED
from .mutant import Function, Mutant

_BUSY: dict[str, Any] = {"clients": 3, "submits": 60, "submit_every_ms": 50, "process_slots": 4, "schedules": 0}
"""A world in which much is asked for."""


def _counted_all_the_same(true: Function) -> Function:
    def failed(state: Any, one: Any, ending: Any) -> Any:
        follow = true(state, one, ending)
        return follow._replace(failures=one.failures + 1) if ending.verdict == "no_count" else follow

    return failed


def _snooze_counts(true: Function) -> Function:
    def follow(state: Any, one: Any, ending: Any) -> Any:
        found = true(state, one, ending)
        return found._replace(failures=one.failures + 1) if found.error_kind == "snooze" else found

    return follow


def _no_deadline(_true: Function) -> Function:
    def broken(_state: Any, _one: Any, _ending: Any, follow: Any) -> Any:
        return follow

    return broken


def _verdict_lost(true: Function) -> Function:
    def failed(state: Any, one: Any, ending: Any) -> Any:
        return true(state, one, ending._replace(verdict=None))

    return failed


def _rows_alone(true: Function) -> Function:
    def act(state: Any, peer: bytes, message: Any, rows: dict[int, list[Any]], applied: int) -> None:
        hidden = {
            id: state.image.jobs.pop(id) for id in rows if id in state.image.jobs and id not in state.image.leases
        }
        true(state, peer, message, rows, applied)
        state.image.jobs.update({id: known for id, known in hidden.items() if id not in state.image.jobs})

    return act


def _retention_passed(true: Function) -> Function:
    def act(state: Any, *values: Any) -> None:
        state.pruned_index = 0
        true(state, *values)

    return act


def _live_too(_true: Function) -> Function:
    def settle(one: Any, event: str, code: str) -> Any:
        return job_acts.Step(code, event) if one.terminal else job_acts.Step("ended")

    return settle


def _asked_to_cancel(true: Function) -> Function:
    def from_live(row: list[Any]) -> Any:
        found = true(row)
        found.asked = CANCELLED if found.asked else 0
        return found

    return staticmethod(from_live)  # it is put into a class


def _nothing(_true: Function) -> Function:
    def broken(*_values: Any) -> None:
        return None

    return broken


JOB_MUTANTS: dict[str, Mutant] = {
    "no_count_is_counted": Mutant("an excused failure costs a retry", following, "_failed", _counted_all_the_same),
    "snoozing_costs_a_retry": Mutant("a job that snoozes is counted as failed", following, "follow", _snooze_counts),
    "deadlines_end_nothing": Mutant(
        "a job is tried again after its deadline", following, "_within_deadline", _no_deadline, _BUSY
    ),
    "verdicts_are_lost": Mutant("the policy alone decides what follows", following, "_failed", _verdict_lost),
    "acts_rest_on_rows_alone": Mutant(
        "an act does not see what is not applied", job_acts, "_act", _rows_alone, _BUSY | {"faults": ("hold_applies",)}
    ),
    "acts_pass_retention": Mutant(
        "an act does not wait for a PRUNE",
        job_acts,
        "_act",
        _retention_passed,
        _BUSY | {"faults": ("hold_applies", "lock_store"), "finished_jobs_max": 10, "fault_every_ms": 400},
    ),
    "successes_are_put_aside": Mutant("whatever has ended is settled", job_acts, "_settle", _live_too),
    "revived_jobs_wait_for_nobody": Mutant("nobody reads a job that lives again", placing, "on_disk", _nothing),
    "void_timers_fire": Mutant(
        "a timer from before an act fires",
        timers.Timers,
        "forget",
        _nothing,
        _BUSY | {"faults": (), "quick_jobs": False},
    ),
    "skips_become_cancels": Mutant(
        "a restart forgets how an asked job is to end",
        job.Job,
        "from_live",
        _asked_to_cancel,
        _BUSY | {"faults": ("crash_coordinator",), "fault_every_ms": 400},
    ),
    "nobody_is_named": Mutant("acts on jobs are not audited", audit, "jobs_changed", _nothing),
}
"""Name -> planted bug."""
