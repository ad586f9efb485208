"""Runner children: which are started, how deaths are blamed, and what drains."""

import pytest
from builders import a_task
from executor_bench import PEER, TASKS, ExecutorBench
from schedule_bench import a_schedule

from mainspring.actors.events import Drain
from mainspring.actors.executor.acts import (
    CancelOn,
    Exit,
    Failed,
    KillChild,
    Note,
    PingChild,
    Ready,
    SpawnChild,
    StopChild,
)  # fmt: skip
from mainspring.actors.executor.events import ChildExited, ChildFailed, ChildPong, ChildReady, ChildStuck
from mainspring.actors.executor.settings import STUCK_MS
from mainspring.broker.wire.messages import ExecutorHello, Goodbye

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
    said = bench.turn(ChildReady(1, TASKS, []))
    assert said.acted(SpawnChild) == [SpawnChild(2, "process"), SpawnChild(3, "process"), SpawnChild(4, "asyncio")]
    assert bench.hello(said).tasks == TASKS
    assert bench.welcome().acted(Ready) == [Ready()]


def test_only_the_kinds_that_are_needed_have_children() -> None:
    """Where every task is asyncio, the first child is let go."""
    bench = ExecutorBench(process_slots=2)
    bench.turn()
    said = bench.turn(ChildReady(1, [a_task("io", runner="asyncio")], []))
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
    bench.turn(ChildReady(child, TASKS, []))
    bench.dies(child)
    assert bench.turn(ChildExited(child + 1, "exited with status 1")).acted(SpawnChild) == []
    assert len(bench.wait(100).acted(SpawnChild)) == 1


def test_news_of_a_child_that_is_gone_is_passed_over(bench: ExecutorBench) -> None:
    """A late frame of a dead child ends nothing."""
    bench.run(5)
    bench.dies(1)
    said = bench.turn(ChildReady(1, TASKS, []), ChildPong(1, 1), ChildStuck(1, 1, ""), ChildExited(1, "again"))
    assert said.messages == []
    assert bench.ends(5).results() == []


def test_changed_tasks_are_announced(bench: ExecutorBench) -> None:
    """A child that imports another version says so, and the coordinator hears of it."""
    bench.dies(1)
    changed = [a_task("echo", timeout_ms=7)]
    assert bench.hello(bench.turn(ChildReady(4, changed, []))).tasks == changed


def test_changed_schedules_are_announced(bench: ExecutorBench) -> None:
    """So is another schedule of the same tasks; the same ones again are no news."""
    schedules = [a_schedule(task="echo")]
    for dead, born, found, heard in ((1, 4, schedules, [schedules]), (2, 5, schedules, []), (4, 6, [], [[]])):
        bench.dies(dead)
        said = bench.turn(ChildReady(born, TASKS, found))
        assert [hello.schedules for hello in said.only(ExecutorHello)] == heard


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


def test_a_loop_that_dies_by_itself_has_crashed_although_a_run_was_to_end(bench: ExecutorBench) -> None:
    """The grace was not over, so nobody killed it: only the run that was told to end has ended as told."""
    bench.run(1, 2, task="io")
    bench.cancel(1)
    bench.wait(GRACE_MS - 1)
    assert bench.dies(3).outcomes() == {1: "cancelled", 2: "crashed"}


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


# Drain.


def test_a_drain_lets_runs_finish(bench: ExecutorBench) -> None:
    """Nothing new is taken, what waits goes back, and when all is acknowledged the executor says goodbye."""
    bench.run(1, 2, 3)
    said = bench.turn(Drain())
    assert said.outcomes() == {3: "returned"}
    assert said.credit() == {"process": 0, "asyncio": 0, "thread": 0}
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
