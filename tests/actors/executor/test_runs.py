"""How runs end: by their own result, by timeout, cancel, death of a child, give-back or drain."""

from typing import Any

import pytest
from builders import a_run, a_task
from executor_bench import PEER, START_MS, TASKS, ExecutorBench

from mainspring.actors.events import Drain
from mainspring.actors.executor.acts import (
    CancelOn,
    Exit,
    Failed,
    KillChild,
    Note,
    PingChild,
    Ready,
    RunOn,
    SpawnChild,
    StopChild,
)  # fmt: skip
from mainspring.actors.executor.events import ChildExited, ChildFailed, ChildPong, ChildReady, ChildStuck
from mainspring.actors.executor.settings import STUCK_MS, WAIT_MAX_MS
from mainspring.broker.wire.messages import CancelRun, Credit, ExecutorHello, Goodbye

GRACE_MS = 1_000


@pytest.fixture
def bench() -> ExecutorBench:
    """An executor with two process children, 1 and 2, and an asyncio child, 3."""
    bench = ExecutorBench(process_slots=2, asyncio_slots=10, kill_grace_ms=GRACE_MS)
    bench.up()
    assert bench.kinds == {1: "process", 2: "process", 3: "asyncio"}
    return bench


# Children.


def test_the_first_child_tells_the_tasks() -> None:
    """One process child imports them; then come the children that they need, and the hello."""
    bench = ExecutorBench(process_slots=3)
    said = bench.turn()
    assert said.acted(SpawnChild) == [SpawnChild(1, "process")]
    assert said.only(ExecutorHello) == []
    said = bench.turn(ChildReady(1, TASKS))
    assert said.acted(SpawnChild) == [SpawnChild(2, "process"), SpawnChild(3, "process"), SpawnChild(4, "asyncio")]
    assert bench.hello(said).tasks == TASKS
    assert bench.welcome().acted(Ready) == [Ready()]


def test_only_the_kinds_that_are_needed_have_children() -> None:
    """Where every task is asyncio, the first child is let go."""
    bench = ExecutorBench(process_slots=2)
    bench.turn()
    said = bench.turn(ChildReady(1, [a_task("io", runner="asyncio")]))
    assert said.acted(SpawnChild) == [SpawnChild(2, "asyncio")]
    assert said.acted(StopChild) == [StopChild(1)]
    assert bench.dies(1).acted(SpawnChild) == []


def test_tasks_that_cannot_be_imported_end_a_first_start() -> None:
    """Later they stop only that child's restart, and an operator is told."""
    bench = ExecutorBench()
    bench.turn()
    assert bench.turn(ChildFailed(1, "no module named shop")).acted(Failed) == [Failed("no module named shop")]
    bench = ExecutorBench()
    bench.up()
    (note,) = bench.turn(ChildFailed(2, "no module named shop")).acted(Note)
    assert note.level == "error"
    assert "shop" in note.text


def test_a_child_that_worked_is_replaced_at_once(bench: ExecutorBench) -> None:
    """Its death may be one job's fault."""
    assert bench.dies(1).acted(SpawnChild) == [SpawnChild(4, "process")]


def test_a_child_that_never_came_up_is_replaced_after_a_growing_pause(bench: ExecutorBench) -> None:
    """100 ms, doubled up to 5 s; a child that comes up begins anew."""
    bench.dies(1)
    child, waits = 4, []
    for _ in range(8):
        bench.turn(ChildExited(child, "exited with status 1"))
        before_ms = bench.elapsed_ns / 1e6
        said = bench.wait(6_000, renewing=True)
        (spawned,) = said.acted(SpawnChild)
        waits.append(said.times(SpawnChild)[0] + 5_000 - before_ms)
        child = spawned.child
    assert waits == [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]
    bench.turn(ChildReady(child, TASKS))
    bench.dies(child)
    assert bench.turn(ChildExited(child + 1, "exited with status 1")).acted(SpawnChild) == []
    assert len(bench.wait(100).acted(SpawnChild)) == 1


def test_news_of_a_child_that_is_gone_is_passed_over(bench: ExecutorBench) -> None:
    """A late frame of a dead child ends nothing."""
    bench.run(5)
    bench.dies(1)
    said = bench.turn(ChildReady(1, TASKS), ChildPong(1, 1), ChildStuck(1, 1, ""), ChildExited(1, "again"))
    assert said.messages == []
    assert bench.ends(5).results() == []


def test_changed_tasks_are_announced(bench: ExecutorBench) -> None:
    """A child that imports another version says so, and the coordinator hears of it."""
    bench.dies(1)
    changed = [a_task("echo", timeout_ms=7)]
    assert bench.hello(bench.turn(ChildReady(4, changed))).tasks == changed


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
    assert row == (5, 1, 1, 41, "failed", START_MS - 7, START_MS, None, "boom", "ValueError")
    assert bench.ends(5).results() == [], "it is reported once"


def test_a_waiting_run_gets_the_slot_that_comes_free(bench: ExecutorBench) -> None:
    """Within 50 ms it waits in the executor."""
    bench.run(1, 2, 3)
    assert bench.ends(2).given() == {3: 2}


@pytest.mark.parametrize("task", ["nobody", "sometime"])
def test_a_run_of_a_task_that_nobody_here_runs_goes_back(bench: ExecutorBench, task: str) -> None:
    """Unpunished, with the reason; a task whose runner kind has no children is one of them."""
    bench.turn(ChildReady(1, [*TASKS, a_task("sometime", runner="thread")]))
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


def test_a_cancel_that_goes_unheard_kills_the_child(bench: ExecutorBench) -> None:
    """After the grace; the run is cancelled, and the runs of other children go on."""
    bench.run(1, 2)
    bench.cancel(1)
    assert bench.wait(GRACE_MS).acted(KillChild) == [KillChild(1)]
    said = bench.dies(1)
    assert said.outcomes() == {1: "cancelled"}
    assert bench.ends(2).outcomes() == {2: "succeeded"}


# Deaths.


def test_a_process_childs_death_is_put_down_to_the_run_it_was_at(bench: ExecutorBench) -> None:
    """The runs behind it go back unpunished."""
    bench.quick()
    bench.run(1, 2, 3, 4)
    mates = {id for id in (1, 2, 3, 4) if bench.children[id] == 1}
    said = bench.dies(1, "was killed by signal 11")
    assert said.outcomes() == {min(mates): "crashed", max(mates): "returned"}
    (crashed,) = [row for row in said.results() if row.outcome == "crashed"]
    assert "signal 11" in str(crashed.error)
    assert crashed.error_kind == "crash"
    assert crashed.finished_ms == bench.wall_ms


def test_a_loops_death_is_put_down_to_all_its_runs(bench: ExecutorBench) -> None:
    """Nobody can tell who did it."""
    bench.run(1, 2, 3, task="io")
    assert set(bench.dies(3).outcomes().values()) == {"crashed"}


def test_a_loops_death_is_put_down_to_the_run_that_held_it(bench: ExecutorBench) -> None:
    """If the child has said which one it was."""
    bench.run(1, 2, 3, task="io")
    (note,) = bench.turn(ChildStuck(3, bench.run_ids[2], "at shop.py:5")).acted(Note)
    assert "job 2 (io)" in note.text
    assert "shop.py:5" in note.text
    assert bench.dies(3).outcomes() == {1: "returned", 2: "crashed", 3: "returned"}


def test_a_loop_that_turns_again_is_not_blamed(bench: ExecutorBench) -> None:
    """A pong, or the end of the run that held it, clears the suspicion."""
    bench.run(1, 2, task="io")
    bench.turn(ChildStuck(3, bench.run_ids[2], ""))
    bench.turn(ChildPong(3, 1))
    assert bench.dies(3).outcomes() == {1: "crashed", 2: "crashed"}


def test_a_loop_that_does_not_turn_is_replaced(bench: ExecutorBench) -> None:
    """It is asked each second for a sign of life, and killed ten seconds after one that it did not give."""
    bench.run(1, task="io")
    said = bench.wait(1_000, renewing=True)
    (ping,) = said.acted(PingChild)
    assert ping.child == 3
    bench.turn(ChildPong(3, ping.number))
    bench.wait(1_000, renewing=True)
    assert bench.wait(STUCK_MS - 1, renewing=True).acted(KillChild) == []
    assert bench.wait(1, renewing=True).acted(KillChild) == [KillChild(3)]
    assert bench.dies(3).outcomes() == {1: "crashed"}


def test_an_idle_loop_is_not_asked(bench: ExecutorBench) -> None:
    """Without runs there is nothing to watch."""
    assert bench.wait(60_000, renewing=True).acted(PingChild) == []


def test_a_child_killed_for_one_run_does_not_punish_the_others(bench: ExecutorBench) -> None:
    """Two of three runs of a loop had been told to end; the third goes back."""
    bench.run(1, 2, 3, task="io")
    bench.cancel(1)
    bench.wait(500)
    bench.cancel(2)
    assert bench.wait(500).acted(KillChild) == [KillChild(3)]
    assert bench.dies(3).outcomes() == {1: "cancelled", 2: "cancelled", 3: "returned"}


# Credit and look-ahead.


def credit(bench: ExecutorBench, *messages: Any) -> dict[str, int] | None:
    """The last credit among the messages of these turns."""
    found = [message for said in messages for message in said.only(Credit)]
    return dict(found[-1].windows) if found else None


def test_credit_is_what_children_can_hold() -> None:
    """One for each process child that is up, and the slots of the loop."""
    bench = ExecutorBench(process_slots=2, asyncio_slots=10)
    assert credit(bench, bench.up()) == {"process": 2, "asyncio": 10}
    assert credit(bench, bench.dies(1)) == {"process": 1, "asyncio": 10}
    assert credit(bench, bench.turn(ChildReady(4, TASKS)), bench.welcome()) == {"process": 2, "asyncio": 10}


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


# Drain.


def test_a_drain_lets_runs_finish(bench: ExecutorBench) -> None:
    """Nothing new is taken, what waits goes back, and when all is acknowledged the executor says goodbye."""
    bench.run(1, 2, 3)
    said = bench.turn(Drain())
    assert said.outcomes() == {3: "returned"}
    assert credit(bench, said) == {"process": 0, "asyncio": 0}
    assert bench.run(4).outcomes() == {4: "returned"}
    said = bench.ends(1, 2)
    assert said.acted(Exit) == []
    said = bench.ack(bench.wait(2_000, renewing=True))
    assert [type(message) for _, _, message in said.messages] == [Goodbye]
    assert said.acted(Exit) == [Exit()]
    assert bench.machine.wake_at() is None


def test_an_idle_executor_drains_at_once(bench: ExecutorBench) -> None:
    """Goodbye and exit in the same turn; its children are let go."""
    said = bench.turn(Drain())
    assert len(said.acted(Exit)) == len(said.only(Goodbye)) == 1


def test_a_drain_ends_what_takes_too_long() -> None:
    """After its time runs are told to go back, and then killed; the coordinator hears of all."""
    bench = ExecutorBench(drain_timeout_ms=5_000, kill_grace_ms=GRACE_MS)
    bench.up()
    bench.run(1)
    bench.turn(Drain())
    assert bench.wait(4_999, renewing=True).acted(CancelOn) == []
    assert bench.wait(1, renewing=True).acted(CancelOn) == [CancelOn(1, [1], "lease_lost", True)]
    assert bench.wait(GRACE_MS, renewing=True).acted(KillChild) == [KillChild(1)]
    said = bench.dies(1)
    assert said.outcomes() == {1: "returned"}
    assert bench.ack(said).acted(Exit) == [Exit()]


def test_a_drain_does_not_wait_for_a_coordinator_that_is_deaf() -> None:
    """If nobody acknowledges, the executor leaves some time after all; the leases tell the rest."""
    bench = ExecutorBench(drain_timeout_ms=5_000, kill_grace_ms=GRACE_MS)
    bench.up()
    bench.run(1)
    bench.turn(Drain())
    bench.ends(1)
    assert len(bench.wait(20_000).acted(Exit)) == 1


def test_a_second_drain_changes_nothing(bench: ExecutorBench) -> None:
    """The first one's time counts."""
    bench.run(1)
    bench.turn(Drain())
    until_ns = bench.state.drain_until_ns
    bench.wait(1_000, renewing=True)
    bench.turn(Drain())
    assert bench.state.drain_until_ns == until_ns


def test_a_snapshot_shows_what_is_held(bench: ExecutorBench) -> None:
    """For people who look inside."""
    bench.run(1)
    assert bench.machine.snapshot()["held"] == 1
    assert PEER in bench.state.links
