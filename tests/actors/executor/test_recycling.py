"""Children that have run many jobs, are large or are old: replaced without a job lost, stopped or punished."""

import pytest
from builders import a_task
from executor_bench import TASKS, ExecutorBench
from hypothesis import given
from hypothesis import strategies as st

from mainspring.actors.events import Drain
from mainspring.actors.executor.acts import KillChild, SpawnChild, StopChild
from mainspring.actors.executor.events import ChildExited, ChildReady, ChildrenSized
from mainspring.actors.executor.settings import STOP_MS, Recycle

MIB = 1024 * 1024
KINDS = [*TASKS, a_task("threaded", runner="thread")]


def an_executor(recycle: Recycle, *, slots: int = 1) -> ExecutorBench:
    """An executor with `slots` process children, then an asyncio and a thread child."""
    bench = ExecutorBench(process_slots=slots, asyncio_slots=10, thread_slots=4, recycle=recycle)
    bench.up(KINDS)
    return bench


@pytest.mark.parametrize(("task", "child"), [("echo", 1), ("io", 2), ("threaded", 3)])
def test_a_child_that_has_run_so_many_jobs_is_replaced(task: str, child: int) -> None:
    """The fresh one is started at once, takes its place when it is ready, and the old one is let go when idle."""
    bench = an_executor(Recycle(jobs_max=2))
    bench.run(1, task=task)
    bench.ends(1)
    said = bench.run(2, task=task)
    assert said.acted(SpawnChild) == []
    said = bench.turn()
    (spawned,) = said.acted(SpawnChild)
    assert spawned.kind == bench.kinds[child]
    said = bench.turn(ChildReady(spawned.child, KINDS, []))
    assert said.acted(StopChild) == []
    assert bench.run(3, task=task).given() == {3: spawned.child}
    said = bench.ends(2)
    assert said.outcomes() == {2: "succeeded"}
    assert said.acted(StopChild) == [StopChild(child)]
    assert bench.dies(child, "exited with status 0").acted(SpawnChild) == []
    assert bench.ends(3).outcomes() == {3: "succeeded"}
    assert bench.state.counts == {"children_recycled": 1}


def test_a_worn_child_works_until_its_place_is_taken() -> None:
    """While the fresh one imports the tasks, jobs run on, and credit stays what it was."""
    bench = an_executor(Recycle(jobs_max=1))
    bench.run(1)
    bench.ends(1)
    assert bench.turn().credit() is None
    assert bench.run(2).given() == {2: 1}
    assert bench.ends(2).outcomes() == {2: "succeeded"}


def test_children_are_replaced_one_after_the_other() -> None:
    """So that those which start do not take all the processors from those which work."""
    bench = an_executor(Recycle(jobs_max=1), slots=3)
    bench.run(1, 2, 3)
    first = bench.ends(1, 2, 3).acted(SpawnChild)
    assert len(first) == 1
    assert bench.turn().acted(SpawnChild) == []
    said = bench.turn(ChildReady(first[0].child, KINDS, []))
    assert said.acted(StopChild) == [StopChild(1)]
    assert len(bench.turn().acted(SpawnChild) + said.acted(SpawnChild)) == 1


def test_a_child_that_is_too_large_is_replaced() -> None:
    """As soon as it has run something: one that is large from the beginning would be replaced for ever."""
    bench = an_executor(Recycle(rss_bytes_max=100 * MIB))
    assert bench.turn(ChildrenSized([[1, 200 * MIB], [2, 99 * MIB], [77, 1]], 0)).acted(SpawnChild) == []
    bench.run(1)
    (spawned,) = bench.ends(1).acted(SpawnChild)
    assert spawned.kind == "process"
    assert bench.turn(ChildrenSized([[1, 10 * MIB]], 0)).acted(StopChild) == []
    assert bench.turn(ChildReady(spawned.child, KINDS, [])).acted(StopChild) == [StopChild(1)]


def test_a_child_that_is_too_old_is_replaced() -> None:
    """At its age, without any other event."""
    bench = an_executor(Recycle(age_ms=60_000))
    assert bench.wait(59_999, renewing=True).acted(SpawnChild) == []
    said = bench.wait(1, renewing=True)
    assert sorted(act.kind for act in said.acted(SpawnChild)) == ["asyncio", "process", "thread"]


def test_a_draining_executor_replaces_nobody() -> None:
    """However old its children become; it is not woken for it either."""
    bench = an_executor(Recycle(jobs_max=1, age_ms=20_000))
    bench.run(1)
    bench.turn(Drain())
    assert bench.wait(25_000, renewing=True).acted(SpawnChild) == []
    bench.ends(1)
    assert bench.turn().acted(SpawnChild) == []


def test_a_fresh_child_that_cannot_come_up_leaves_the_old_one_at_work() -> None:
    """Code that does not import any more stops no job; it is tried again with a growing pause."""
    bench = an_executor(Recycle(jobs_max=1))
    bench.run(1)
    (spawned,) = bench.ends(1).acted(SpawnChild)
    bench.turn(ChildExited(spawned.child, "exited with status 3"))
    assert bench.run(2).given() == {2: 1}
    assert len(bench.wait(100, renewing=True).acted(SpawnChild)) == 1


def test_a_child_that_does_not_end_when_it_is_let_go_is_killed() -> None:
    """A handler may have left a thread that nobody ends."""
    bench = an_executor(Recycle(jobs_max=1))
    bench.run(1)
    (spawned,) = bench.ends(1).acted(SpawnChild)
    assert bench.turn(ChildReady(spawned.child, KINDS, [])).acted(StopChild) == [StopChild(1)]
    assert bench.wait(STOP_MS - 1, renewing=True).acted(KillChild) == []
    assert bench.wait(1, renewing=True).acted(KillChild) == [KillChild(1)]
    bench.dies(1)
    assert bench.wait(60_000, renewing=True).acted(KillChild) == []


def test_without_a_bound_a_child_stays() -> None:
    """However much it runs, however large and old it is."""
    bench = an_executor(Recycle())
    for id in range(1, 50):
        bench.run(id)
        bench.ack(bench.ends(id))
    bench.turn(ChildrenSized([[1, 10**12]], 0))
    assert bench.wait(3_700_000, renewing=True).acted(SpawnChild) == []


STEPS = st.lists(st.tuples(st.sampled_from(["run", "end", "ready", "exit", "wait"]), st.integers(0, 5)), max_size=60)


@given(steps=STEPS, jobs_max=st.integers(1, 3), slots=st.integers(1, 3))
def test_recycling_loses_and_punishes_nothing(steps: list[tuple[str, int]], jobs_max: int, slots: int) -> None:
    """Whatever comes in which order: every job ends once, as it did in its child, and children are at work."""
    bench = an_executor(Recycle(jobs_max=jobs_max), slots=slots)
    running: list[int] = []
    starting: list[int] = []
    stopped: list[int] = []
    ended: dict[int, str] = {}
    job = 0

    def note(said: object) -> None:
        assert hasattr(said, "acted")
        starting.extend(act.child for act in said.acted(SpawnChild))  # type: ignore[attr-defined]  # it is a Said
        stopped.extend(act.child for act in said.acted(StopChild))  # type: ignore[attr-defined]  # as above
        ended.update(said.outcomes())  # type: ignore[attr-defined]  # as above

    for what, pick in steps:
        if what == "run" and len(running) < slots:
            job += 1
            running.append(job)
            note(bench.run(job))
        elif what == "end" and running:
            note(bench.ends(running.pop(pick % len(running))))
        elif what == "ready" and starting:
            note(bench.turn(ChildReady(starting.pop(pick % len(starting)), KINDS, [])))
        elif what == "exit" and stopped:
            note(bench.dies(stopped.pop(pick % len(stopped)), "exited with status 0"))
        elif what == "wait":
            note(bench.wait(pick, renewing=True))
        children = bench.state.pools["process"].children.values()
        assert sum(child.takes_runs for child in children) >= slots
        assert sum(not child.retired for child in children) <= slots + 1
    while running:
        note(bench.ends(running.pop()))
    assert ended == dict.fromkeys(range(1, job + 1), "succeeded")
