"""Declared commands in the executor's machine: tasks like others, with a child that ends each by itself."""

from builders import a_task
from executor_bench import ExecutorBench

from mainspring.actors.executor.acts import CancelOn, Failed, KillChild, Note, SpawnChild
from mainspring.actors.executor.events import ChildPong, ChildReady
from mainspring.actors.executor.settings import COMMAND_MARGIN_MS, STUCK_MS
from mainspring.broker.wire.messages import ExecutorHello

GRACE_MS = 200
BACKUP = a_task("command.backup", runner="command", timeout_ms=5_000)


def a_bench(**settings: object) -> ExecutorBench:
    """An executor that runs one command, four at once."""
    return ExecutorBench(**{"commands": [BACKUP], "command_slots": 4, "kill_grace_ms": GRACE_MS, **settings})


def test_commands_are_announced_with_the_tasks() -> None:
    """One hello names both; the child for commands comes once the tasks are known, and brings credit."""
    bench = a_bench(process_slots=1, asyncio_slots=0)
    assert [act.kind for act in bench.turn().acted(SpawnChild)] == ["process"]
    said = bench.turn(ChildReady(1, [a_task("echo")], []))
    assert [row[0] for row in bench.hello(said).tasks] == ["echo", "command.backup"]
    (child,) = said.acted(SpawnChild)
    assert child.kind == "command"
    assert bench.welcome().credit() == {"process": 1, "asyncio": 0, "thread": 0, "command": 0}
    said = bench.turn(ChildReady(child.child, [], []))
    assert said.only(ExecutorHello) == []
    assert said.credit() == {"process": 1, "asyncio": 0, "thread": 0, "command": 4}


def test_an_executor_may_run_commands_alone() -> None:
    """Its first child is that for commands, and no other is started."""
    bench = a_bench(process_slots=0, asyncio_slots=0, thread_slots=0)
    assert [act.kind for act in bench.turn().acted(SpawnChild)] == ["command"]
    said = bench.turn(ChildReady(1, [], []))
    assert [row[0] for row in bench.hello(said).tasks] == ["command.backup"]
    assert said.acted(SpawnChild) == []
    assert bench.welcome().credit() == {"process": 0, "asyncio": 0, "thread": 0, "command": 4}


def test_commands_without_slots_are_not_announced() -> None:
    """An executor that would never run a command does not say that it has it."""
    bench = a_bench(command_slots=0)
    bench.turn()
    assert [row[0] for row in bench.hello(bench.turn(ChildReady(1, [a_task("echo")], []))).tasks] == ["echo"]


def test_a_name_that_a_task_has_too_stops_the_first_start() -> None:
    """Which of the two is meant nobody can know; later the command keeps the name, loudly."""
    clash = "a task and a command are both named command.backup: give one of them another name"
    bench = a_bench()
    bench.turn()
    assert bench.turn(ChildReady(1, [a_task("command.backup")], [])).acted(Failed) == [Failed(clash)]
    bench = a_bench(process_slots=1)
    bench.up([a_task("echo")])
    said = bench.turn(ChildReady(1, [a_task("echo"), a_task("command.backup")], []))
    assert said.acted(Note) == [Note("error", clash)]
    assert bench.hello(said).tasks == [a_task("echo"), BACKUP]


def test_its_child_ends_a_command_by_itself() -> None:
    """At the timeout the child is told, without a signal, and is left in peace when the grace is over."""
    bench = a_bench()
    bench.up()
    bench.run(1, 2, task="command.backup")
    said = bench.wait(5_000 + GRACE_MS + COMMAND_MARGIN_MS - 1, renewing=True)
    child = bench.children[1]
    assert said.acted(CancelOn) == [CancelOn(child, [bench.run_ids[1], bench.run_ids[2]], "timeout", False)]
    assert said.acted(KillChild) == []
    assert bench.ends(1, 2, outcome="timed_out", error_kind="timeout").outcomes() == {1: "timed_out", 2: "timed_out"}
    assert bench.wait(2_000, renewing=True).acted(KillChild) == []


def test_a_child_that_does_not_end_its_command_is_killed() -> None:
    """Some time after the grace it is stuck; then it dies, and the other commands go back unpunished."""
    bench = a_bench()
    bench.up()
    bench.run(1, task="command.backup", timeout_ms=60_000)
    bench.run(2, task="command.backup")
    bench.cancel(2)
    assert KillChild(bench.children[2]) in bench.wait(GRACE_MS + COMMAND_MARGIN_MS, renewing=True).acted(KillChild)
    assert bench.dies(bench.children[2]).outcomes() == {1: "returned", 2: "cancelled"}


def test_a_child_that_does_not_answer_is_replaced() -> None:
    """A command child is asked for signs of life as an event loop is."""
    bench = a_bench()
    bench.up()
    bench.run(1, task="command.backup", timeout_ms=60_000)
    child = bench.children[1]
    bench.wait(1_500, renewing=True)
    bench.turn(ChildPong(child, 0))
    assert KillChild(child) in bench.wait(STUCK_MS + 1_500, renewing=True).acted(KillChild)
