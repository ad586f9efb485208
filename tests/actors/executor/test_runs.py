"""How runs end: by their own result, by timeout, cancel, death of a child, give-back or drain."""

import pytest
from builders import a_run, a_task
from executor_bench import START_MS, TASKS, ExecutorBench

from mainspring.actors.executor.acts import (
    CancelOn,
    KillChild,
    RunOn,
)  # fmt: skip
from mainspring.actors.executor.events import ChildReady
from mainspring.actors.executor.settings import WAIT_MAX_MS
from mainspring.broker.wire.messages import CancelRun

GRACE_MS = 1_000


@pytest.fixture
def bench() -> ExecutorBench:
    """An executor with two process children, 1 and 2, and an asyncio child, 3."""
    bench = ExecutorBench(process_slots=2, asyncio_slots=10, kill_grace_ms=GRACE_MS)
    bench.up()
    assert bench.kinds == {1: "process", 2: "process", 3: "asyncio"}
    return bench


# Handing out.


def test_runs_go_to_the_emptiest_child(bench: ExecutorBench) -> None:
    """A process child runs one at a time; an asyncio child takes many."""
    assert bench.run(1, 2).given() == {1: 1, 2: 2}
    assert bench.run(11, 12, 13, task="io").given() == {11: 3, 12: 3, 13: 3}


def test_what_a_run_is_told(bench: ExecutorBench) -> None:
    """The fence, the payload, the timeout and the deadline reach the child."""
    row = a_run(5, 2, payload="[1]", timeout_ms=700, due_ms=9, queue="q", tenant="t", trace="x")
    said = bench.hear(bench.a_run(row))
    assert said.acted(RunOn) == [RunOn(1, [[1, 5, 2, 1, 41, "echo", "[1]", 700, 9, START_MS + 700, "q", "t", "x"]])]


def test_a_run_that_comes_twice_runs_once(bench: ExecutorBench) -> None:
    """The same job and attempt is held already."""
    bench.run(5)
    assert bench.run(5).acts == []


def test_a_result_is_reported_as_it_came(bench: ExecutorBench) -> None:
    """Times, result, error and kind; under the fence of the run."""
    bench.run(5)
    (row,) = bench.ends(5, outcome="failed", took_ms=7, error="boom", error_kind="ValueError").results()
    assert row == (5, 1, 1, 41, "failed", START_MS - 7, START_MS, None, "boom", "ValueError", None, None, None)
    assert bench.ends(5).results() == [], "it is reported once"


def test_a_waiting_run_gets_the_slot_that_comes_free(bench: ExecutorBench) -> None:
    """Within 50 ms it waits in the executor."""
    bench.run(1, 2, 3)
    assert bench.ends(2).given() == {3: 2}


@pytest.mark.parametrize("task", ["nobody", "sometime"])
def test_a_run_of_a_task_that_nobody_here_runs_goes_back(bench: ExecutorBench, task: str) -> None:
    """Unpunished, with the reason; a task whose runner kind has no children is one of them."""
    bench.turn(ChildReady(1, [*TASKS, a_task("sometime", runner="later")], []))
    bench.welcome()
    (row,) = bench.run(5, task=task).results()
    assert row.outcome == "returned"
    assert row.error is not None
    assert task in row.error


# Timeouts.


@pytest.mark.parametrize(
    ("task", "timeout_ms", "ends_ms"),
    [("echo", 700, 700), ("slow", None, 3_000), ("slow", 50, 50), ("echo", None, 9_000), ("io", 20, 20)],
)
def test_a_timeout_tells_the_child(task: str, timeout_ms: int | None, ends_ms: int) -> None:
    """The run's own, else its task's, else the executor's; to the millisecond."""
    bench = ExecutorBench(timeout_default_ms=9_000)
    bench.up()
    bench.run(5, task=task, timeout_ms=timeout_ms)
    said = bench.wait(ends_ms - 1, renewing=True)
    assert said.acted(CancelOn) == []
    (act,) = bench.wait(1, renewing=True).acted(CancelOn)
    assert act == CancelOn(bench.children[5], [1], "timeout", task != "io")


@pytest.mark.parametrize(
    ("task", "left_ms", "ends_ms"), [("echo", 60_000, 9_000), ("echo", 400, 400), ("slow", 60_000, 3_000)]
)
def test_a_deadline_only_shortens_the_time(task: str, left_ms: int, ends_ms: int) -> None:
    """A job whose deadline is far off has no more time than its task, or else the executor, gives it."""
    bench = ExecutorBench(timeout_default_ms=9_000)
    bench.up()
    bench.run(5, task=task, left_ms=left_ms)
    assert bench.wait(ends_ms - 1, renewing=True).acted(CancelOn) == []
    (act,) = bench.wait(1, renewing=True).acted(CancelOn)
    assert act.reason == "timeout"


def test_without_a_timeout_a_run_may_take_for_ever(bench: ExecutorBench) -> None:
    """Nothing ends it but its lease."""
    bench.run(5)
    assert bench.wait(3_600_000, renewing=True).acted(CancelOn) == []


@pytest.mark.parametrize(
    ("outcome", "reported"), [("cancelled", "timed_out"), ("failed", "failed"), ("succeeded", "succeeded")]
)
def test_how_a_run_ends_that_was_told_to(bench: ExecutorBench, outcome: str, reported: str) -> None:
    """What was interrupted has timed out; what had a result of its own keeps it."""
    bench.run(5, timeout_ms=100)
    bench.wait(110)
    assert bench.ends(5, outcome=outcome).outcomes() == {5: reported}
    assert bench.wait(2 * GRACE_MS).acted(KillChild) == []


@pytest.mark.parametrize(("task", "child"), [("echo", 1), ("io", 3)])
def test_a_run_that_goes_on_has_its_child_killed(bench: ExecutorBench, task: str, child: int) -> None:
    """After the grace; its death is the timeout's, and costs the others nothing."""
    bench.run(5, task=task, timeout_ms=100)
    bench.run(6, task="io")
    said = bench.wait(100 + GRACE_MS - 1)
    assert said.acted(KillChild) == []
    assert bench.wait(1).acted(KillChild) == [KillChild(child)]
    assert bench.wait(50).acted(KillChild) == [], "once is enough"
    said = bench.dies(child)
    (row,) = [row for row in said.results() if row.id == 5]
    assert (row.outcome, row.error_kind) == ("timed_out", "killed")
    assert str(GRACE_MS) in str(row.error)
    assert said.outcomes().get(6) == ("returned" if task == "io" else None)


def test_the_timeout_of_a_waiting_run_begins_when_it_starts(bench: ExecutorBench) -> None:
    """A run behind another has its whole time."""
    bench.quick()
    bench.run(1, 2)
    bench.run(3, timeout_ms=100)
    bench.wait(30)
    bench.ends(bench_head(bench, 3), took_ms=30)
    assert bench.wait(99).acted(CancelOn) == []
    assert bench.wait(1).acted(CancelOn)[0].run_ids == [bench.run_ids[3]]


def bench_head(bench: ExecutorBench, id: int) -> int:
    """The job that runs in front of another, in the same child."""
    (head,) = [other for other in (1, 2) if bench.children[other] == bench.children[id]]
    return head


# Cancels.


def test_a_cancel_interrupts_the_run(bench: ExecutorBench) -> None:
    """The child is told; the run is reported as cancelled when it has ended."""
    bench.run(5)
    assert bench.cancel(5).acted(CancelOn) == [CancelOn(1, [1], "cancelled", True)]
    assert bench.cancel(5).acts == [], "once is enough"
    assert bench.ends(5, outcome="cancelled").outcomes() == {5: "cancelled"}


def test_a_cancel_of_a_waiting_run_ends_it_at_once(bench: ExecutorBench) -> None:
    """No child needs to hear of it."""
    bench.run(1, 2, 3)
    said = bench.cancel(3)
    assert said.outcomes() == {3: "cancelled"}
    assert said.acts == []


def test_a_cancel_of_another_attempt_is_passed_over(bench: ExecutorBench) -> None:
    """Or of a job that is not held, or one that makes no sense."""
    bench.run(5)
    said = bench.hear(CancelRun(0, 1, [[5, 2], [6, 1], [5], [], ["5", 1], [[5], 1], [5, 1, 1]]))
    assert said.acts == []
    assert bench.ends(5).outcomes() == {5: "succeeded"}


def behind_and_head(bench: ExecutorBench) -> tuple[int, int]:
    """Has four short runs come; returns one that stands behind another in child 1, and that other."""
    bench.quick()
    bench.run(*range(1, 5))
    head, behind = sorted(id for id in range(1, 5) if bench.children[id] == 1)
    return behind, head


def test_a_cancel_of_a_run_behind_another_waits_for_its_turn(bench: ExecutorBench) -> None:
    """The one in front is left alone; the grace begins when the cancelled run may have begun."""
    behind, head = behind_and_head(bench)
    assert bench.cancel(behind).acted(CancelOn) == [CancelOn(1, [bench.run_ids[behind]], "cancelled", True)]
    assert bench.wait(3 * GRACE_MS, renewing=True).acted(KillChild) == []
    bench.ends(head)
    assert bench.wait(GRACE_MS - 1, renewing=True).acted(KillChild) == []
    assert bench.wait(1, renewing=True).acted(KillChild) == [KillChild(1)]
    assert bench.dies(1).outcomes() == {behind: "cancelled"}


def test_a_cancelled_run_that_had_not_begun_is_cancelled(bench: ExecutorBench) -> None:
    """Its child hands it back, and that is how it ended."""
    behind, _ = behind_and_head(bench)
    bench.cancel(behind)
    assert bench.hands_back(behind).outcomes() == {behind: "cancelled"}


def test_a_cancel_that_goes_unheard_kills_the_child(bench: ExecutorBench) -> None:
    """After the grace; the run is cancelled, and the runs of other children go on."""
    bench.run(1, 2)
    bench.cancel(1)
    assert bench.wait(GRACE_MS).acted(KillChild) == [KillChild(1)]
    said = bench.dies(1)
    assert said.outcomes() == {1: "cancelled"}
    assert bench.ends(2).outcomes() == {2: "succeeded"}


# Credit and look-ahead.


def test_credit_is_what_children_can_hold() -> None:
    """One for each process child that is up, and the slots of the loop."""
    bench = ExecutorBench(process_slots=2, asyncio_slots=10)
    assert bench.up().credit() == {"process": 2, "asyncio": 10, "thread": 0}
    assert bench.dies(1).credit() == {"process": 1, "asyncio": 10, "thread": 0}
    assert bench.turn(ChildReady(4, TASKS, [])).credit() == {"process": 2, "asyncio": 10, "thread": 0}


def test_short_runs_let_jobs_be_taken_ahead(bench: ExecutorBench) -> None:
    """Once runs are known to be short, and in bounds."""
    before = bench.state.pools["process"].window(bench.elapsed_ns)
    bench.quick()
    after = bench.state.pools["process"].window(bench.elapsed_ns)
    assert (before, after > before) == (2, True)
    assert after <= 2 * (1 + 32)
    assert bench.run(*range(1, 7)).given().keys() == set(range(1, 7)), "they wait in the children"


def test_a_run_behind_a_long_one_goes_back(bench: ExecutorBench) -> None:
    """After 50 ms; the child is told, hands it back, and for a second nothing is taken ahead."""
    bench.quick()
    bench.run(*range(1, 5))
    said = bench.wait(WAIT_MAX_MS - 1)
    assert said.acted(CancelOn) == []
    said = bench.wait(1)
    behind = {act.child: act.run_ids for act in said.acted(CancelOn)}
    assert all(act.reason == "lease_lost" and act.interrupt for act in said.acted(CancelOn))
    back = [id for id in range(1, 5) if bench.run_ids[id] in [one for ids in behind.values() for one in ids]]
    assert len(back) == 2
    said = bench.hands_back(*back)
    assert said.outcomes() == dict.fromkeys(back, "returned")
    assert bench.state.pools["process"].window(bench.elapsed_ns) == 2
    assert bench.wait(500).acted(KillChild) == [], "the run in front is left alone"


def test_after_a_give_back_nothing_is_taken_ahead_for_a_second(bench: ExecutorBench) -> None:
    """However short the runs are again."""
    behind, head = behind_and_head(bench)
    bench.wait(WAIT_MAX_MS)
    bench.hands_back(behind)
    bench.ends(head, took_ms=0)
    bench.quick()
    assert bench.state.pools["process"].window(bench.elapsed_ns) == 2
    bench.wait(1_000, renewing=True)
    assert bench.state.pools["process"].window(bench.elapsed_ns) > 2


def test_a_run_that_had_begun_after_all_keeps_its_result(bench: ExecutorBench) -> None:
    """The give-back came too late."""
    bench.quick()
    bench.run(*range(1, 5))
    bench.wait(WAIT_MAX_MS)
    back = max(id for id in range(1, 5) if bench.children[id] == 1)
    head = min(id for id in range(1, 5) if bench.children[id] == 1)
    assert bench.ends(head, back).outcomes() == {head: "succeeded", back: "succeeded"}


def test_a_job_that_finds_no_child_goes_back(bench: ExecutorBench) -> None:
    """A Run that was under way when the credit shrank waits 50 ms at the most."""
    bench.run(1, 2, 3)
    assert bench.wait(WAIT_MAX_MS - 1).results() == []
    assert bench.wait(1).outcomes() == {3: "returned"}
