"""What is done with jobs by hand, and cancels beside it, in each state: one winner in each race."""

from collections.abc import Callable

import pytest
from job_stage import Stage, codes, do
from shard_bench import OPERATOR, SHARD, runs_of

from mainspring.actors import entries
from mainspring.broker.wire.messages import Cancel, JobAct
from mainspring.chaos.small_limits import small_limits

_ACTS = ("cancel", "skip", "skip!", "retry", "retry!", "discard")
_TABLE = {
    "ready": "cancelled/cancelled skipped/skipped skipped/skipped waiting/ready waiting/ready waiting/ready",
    "scheduled": "cancelled/cancelled skipped/skipped skipped/skipped retried/ready retried/ready waiting/scheduled",
    "far": "cancelled/cancelled skipped/skipped skipped/skipped retried/ready retried/ready waiting/scheduled",
    "retrying": "cancelled/cancelled skipped/skipped skipped/skipped retried/ready retried/ready waiting/retrying",
    "ahead": "cancelled/cancelled skipped/skipped skipped/skipped running/running running/running running/running",
    "running": "asked/cancelled running/running asked/skipped running/running running/running running/running",
    "asked": "asked/cancelled running/cancelled asked/cancelled running/cancelled running/cancelled running/cancelled",
    "told_to_skip": "asked/skipped running/skipped asked/skipped running/skipped running/skipped running/skipped",
    "succeeded": "finished/succeeded succeeded/succeeded succeeded/succeeded succeeded/succeeded retried/ready"
    " succeeded/succeeded",
    "dead": "finished/dead skipped/skipped skipped/skipped retried/ready retried/ready discarded/discarded",
    "cancelled": "finished/cancelled skipped/skipped skipped/skipped retried/ready retried/ready discarded/discarded",
    "expired": "finished/expired skipped/skipped skipped/skipped retried/ready retried/ready discarded/discarded",
    "skipped": "finished/skipped ended/skipped ended/skipped retried/ready retried/ready ended/skipped",
    "discarded": "finished/discarded ended/discarded ended/discarded retried/ready retried/ready ended/discarded",
    "never": " ".join(["not_found/not_found"] * 6),
}
"""State -> for each act the code that answers it, and the state in which the job is then; one that is asked to stop is
given back by its executor first."""
CASES = [
    (state, act, *fate.split("/"))
    for state, fates in _TABLE.items()
    for act, fate in zip(_ACTS, fates.split(), strict=True)
]


def rest(stage: Stage) -> None:
    """Lets the executor give back what was asked to stop."""
    for job in list(stage.bench.state.asked.values()):
        (run,) = [run for run in runs_of(stage.bench.said) if (run.id, run.attempt) == (job.id, job.attempts)]
        stage.executor.credit(0)
        stage.executor.finish(run, outcome="returned")


@pytest.mark.parametrize("applied", [True, False], ids=["applied", "not applied"])
@pytest.mark.parametrize(("state", "act", "code", "then"), CASES)
def test_every_act_in_every_state(state: str, act: str, code: str, then: str, applied: bool) -> None:
    """The table above; to ask twice changes nothing more; and a restart finds the same."""
    stage = Stage()
    bench = stage.bench
    bench.store.locked = not applied
    getattr(stage, state)()
    with small_limits({"LEAD_MS": 900}) if state == "ahead" else small_limits({}):
        assert codes(do(bench, act, stage.id)) == [code]
        decided = len(bench.entries())
        again = codes(do(bench, act, stage.id))
    assert len(bench.entries()) == decided, "the second time changes something"
    assert again[0] in (code, "finished", "ended", "waiting", "running"), again
    rest(stage)
    assert bench.state_of(stage.id) == [then]
    bench.store.locked = False
    bench.wait(1)
    assert bench.state_of(stage.id) == [then]
    bench.restart()
    assert bench.state_of(stage.id) == [then]


@pytest.mark.parametrize(("state", "act", "code", "then"), [case for case in CASES if case[3] == "ready"])
def test_what_is_ready_runs(state: str, act: str, code: str, then: str) -> None:
    """A job that was retried, or was ready anyhow, runs with its payload once there is a slot, as its next attempt."""
    stage = Stage()
    getattr(stage, state)()
    attempts = stage.bench.rows_of(stage.id)[0][4]
    assert codes(do(stage.bench, act, stage.id)) == [code]
    (run,) = runs_of(stage.executor.credit(1))
    assert (run.id, run.attempt, run.payload, then) == (stage.id, attempts + 1, "{}", "ready")
    stage.executor.finish(run, result="2")
    assert stage.bench.rows_of(stage.id) == [[stage.id, "succeeded", "2", None, attempts + 1, None]]


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("act", _ACTS)
def test_a_finish_in_the_same_turn(act: str, late: bool) -> None:
    """The order of the events decides: the job ends once, and an act finds it ended or asks too late."""
    stage = Stage()
    stage.run()
    bench = stage.bench
    (run,) = runs_of(bench.said)
    message: Cancel | JobAct = Cancel(SHARD, 9, [run.id])
    if act != "cancel":
        message = bench.an_act(act.rstrip("!"), run.id, force=act.endswith("!"))
    stage.executor.credit(0)
    events: list[Callable[[], None]] = [
        lambda: bench.put(OPERATOR, message),
        lambda: bench.put(stage.executor.peer, stage.executor.finished(run, result="1")),
    ]
    for event in events[:: 1 if late else -1]:
        event()
    said = bench.run()
    first = {"cancel": "asked", "skip!": "asked"}.get(act, "running")
    second = {"cancel": "finished", "retry!": "retried"}.get(act, "succeeded")
    assert codes(said) == [first if late else second]
    assert bench.state_of(run.id) == ["ready" if act == "retry!" and not late else "succeeded"]
    assert len(bench.ops(entries.FINISH)) == 1
