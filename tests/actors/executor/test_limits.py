"""What a run may use, which labels a task asks for, and whose output is told."""

from builders import Row, a_task
from executor_bench import ExecutorBench

from mainspring.actors.executor.acts import Failed, KillChild, WatchRun
from mainspring.actors.executor.events import ChildReady, ChildrenSized, RunUsed
from mainspring.broker.wire.limits import FIGURES_MAX
from mainspring.broker.wire.messages import Renew

MIB = 1024 * 1024
GRACE_MS = 1_000
TASKS = [a_task("echo"), a_task("greedy"), a_task("busy"), a_task("io", runner="asyncio")]
LIMITS: list[Row] = [["greedy", 100 * MIB, None, []], ["busy", None, 2_000, []]]


def an_executor(limits: list[Row] = LIMITS, **settings: object) -> ExecutorBench:
    """An executor whose children announce these limits."""
    bench = ExecutorBench(**{"process_slots": 1, "kill_grace_ms": GRACE_MS, **settings})
    bench.turn()
    bench.turn(ChildReady(1, TASKS, [], limits))
    bench.welcome()
    return bench


def test_a_run_with_a_limit_is_watched_while_it_is_at_work() -> None:
    """One without is not."""
    bench = an_executor()
    assert bench.run(1, task="echo").acted(WatchRun) == []
    bench.ends(1)
    assert bench.run(2, task="greedy").acted(WatchRun) == [WatchRun(1, bench.run_ids[2])]
    assert bench.turn().acted(WatchRun) == []
    assert bench.ends(2).acted(WatchRun) == [WatchRun(1, None)]


def test_a_run_behind_another_is_watched_when_it_begins() -> None:
    """What the one before it used is not its own."""
    bench = an_executor()
    bench.quick()
    assert bench.run(1, 2, task="busy").acted(WatchRun) == [WatchRun(1, bench.run_ids[1])]
    assert bench.ends(1).acted(WatchRun) == [WatchRun(1, bench.run_ids[2])]


def test_a_run_that_has_too_much_memory_fails() -> None:
    """Its child is killed; that is a failure with the limit, what was found, and what it has written; no crash."""
    bench = an_executor()
    bench.run(1, task="greedy")
    run_id = bench.run_ids[1]
    assert bench.turn(RunUsed(1, run_id, 100 * MIB, 10**9)).acted(KillChild) == []
    assert bench.turn(RunUsed(1, run_id, 100 * MIB + 1, 0)).acted(KillChild) == [KillChild(1)]
    assert bench.turn(RunUsed(1, run_id, 200 * MIB, 0)).acted(KillChild) == []
    (row,) = bench.dies(1, output="last words").results()
    assert (row.outcome, row.error_kind, row.output) == ("failed", "memory_limit", "last words")
    assert row.error == "it used 100.0 MiB of memory, more than its limit of 100.0 MiB, so its process was killed"


def test_a_run_that_takes_too_much_cpu_time_fails() -> None:
    """Once the grace is over, too, within which its child has told it."""
    bench = an_executor()
    bench.run(1, task="busy")
    run_id = bench.run_ids[1]
    assert bench.turn(RunUsed(1, run_id, 10**12, 2_000 + GRACE_MS)).acted(KillChild) == []
    assert bench.turn(RunUsed(1, run_id, 0, 2_001 + GRACE_MS)).acted(KillChild) == [KillChild(1)]
    (row,) = bench.dies(1).results()
    assert (row.outcome, row.error_kind) == ("failed", "cpu_limit")
    assert row.error == "it used 3.0 s of CPU time, more than its limit of 2.0 s, so its process was killed"


def test_runs_behind_one_that_used_too_much_go_back() -> None:
    """They had not begun; nor is one to blame that began while its child was killed."""
    bench = an_executor()
    bench.quick()
    bench.run(1, 2, 3, task="greedy")
    bench.turn(RunUsed(1, bench.run_ids[1], 200 * MIB, 0))
    bench.ends(1)
    assert bench.dies(1).outcomes() == {2: "returned", 3: "returned"}


def test_the_use_of_a_run_that_is_over_is_passed_over() -> None:
    """The look was taken before its end was heard."""
    bench = an_executor()
    bench.run(1, task="greedy")
    bench.ends(1)
    bench.run(2, task="greedy")
    assert bench.turn(RunUsed(1, bench.run_ids[1], 200 * MIB, 0), RunUsed(9, 1, 1, 1)).acted(KillChild) == []


def test_a_run_that_was_told_to_end_ends_as_told() -> None:
    """Although it used too much on its way out."""
    bench = an_executor()
    bench.run(1, task="greedy")
    bench.cancel(1)
    bench.turn(RunUsed(1, bench.run_ids[1], 200 * MIB, 0))
    assert bench.dies(1).outcomes() == {1: "cancelled"}


# Labels.


def test_a_task_is_announced_only_where_its_labels_are() -> None:
    """All of them; the executor says its own in its hello."""
    limits = [["echo", None, None, ["gpu=a100"]], ["greedy", None, None, ["disk=ssd", "gpu=a100"]]]
    bench = ExecutorBench(labels=["gpu=a100", "zone=b"])
    bench.turn()
    hello = bench.hello(bench.turn(ChildReady(1, TASKS, [], limits)))
    assert [row[0] for row in hello.tasks] == ["echo", "busy", "io"]
    assert hello.labels == ["gpu=a100", "zone=b"]


def test_a_run_of_a_task_whose_labels_are_not_here_goes_back() -> None:
    """As one of a task that is not here at all."""
    bench = an_executor([["greedy", None, None, ["gpu=a100"]]])
    assert bench.run(1, task="greedy").outcomes() == {1: "returned"}
    assert bench.run(2, task="busy").outcomes() == {}


def test_changed_limits_are_learned() -> None:
    """From a child on new code."""
    bench = an_executor()
    bench.dies(1)
    (child,) = bench.state.pools["process"].children
    bench.turn(ChildReady(child, TASKS, [], [["greedy", MIB, None, []]]))
    bench.welcome()
    bench.run(1, task="greedy")
    assert bench.turn(RunUsed(child, bench.run_ids[1], 2 * MIB, 0)).acted(KillChild) == [KillChild(child)]


# Output.


def test_a_crash_tells_the_last_words_of_the_child() -> None:
    """To the run that it is put down to, and to none that goes back."""
    bench = an_executor()
    bench.quick()
    bench.run(1, 2)
    assert {row.id: row.output for row in bench.dies(1, output="Fatal Python error").results()} == {
        1: "Fatal Python error",
        2: None,
    }


def test_a_run_that_had_to_be_killed_tells_what_it_has_written() -> None:
    """One that timed out and went on."""
    bench = an_executor()
    bench.run(1, timeout_ms=50)
    bench.wait(50 + GRACE_MS, renewing=True)
    (row,) = bench.dies(1, output="still here").results()
    assert (row.outcome, row.output) == ("timed_out", "still here")


def test_a_run_whose_child_died_tells_when_it_began() -> None:
    """Of a crashed run the executor knows when it was given to its child; of one behind it, that it never began."""
    bench = ExecutorBench(process_slots=1, asyncio_slots=0)
    bench.up()
    bench.run(1)
    bench.wait(30, renewing=True)
    (row,) = bench.dies(1).results()
    assert (row.outcome, row.finished_ms - row.started_ms) == ("crashed", 30)


def test_a_first_child_that_dies_tells_why() -> None:
    """What it has written stands in the reason for which the executor does not start."""
    bench = ExecutorBench()
    bench.turn()
    (failed,) = bench.dies(1, "killed by signal 11 (SIGSEGV)", "in shop.c").acted(Failed)
    assert failed.text.endswith(
        "killed by signal 11 (SIGSEGV) before it had imported the tasks; its output ends:\nin shop.c"
    )


# Figures.


def test_figures_are_told_now_and_then() -> None:
    """With a heartbeat each five seconds: gauges of the children, and the counters."""
    bench = an_executor(asyncio_slots=10)
    bench.turn(ChildrenSized([[1, 5 * MIB]], 77))
    bench.run(1)
    told = [dict(renew.figures) for renew in bench.wait(10_500, renewing=True).only(Renew)]
    full = [figures for figures in told if figures]
    assert len(told) == 10
    assert len(full) == 2
    assert full[-1] == {
        "process_children": 1,
        "process_slots": 1,
        "process_busy": 1,
        "process_rss_bytes": 5 * MIB,
        "asyncio_children": 0,
        "asyncio_slots": 0,
        "asyncio_busy": 0,
        "asyncio_rss_bytes": 0,
        "output_dropped_bytes": 77,
    }


def test_figures_are_bounded() -> None:
    """Whatever is counted."""
    bench = an_executor()
    bench.state.counts.update({f"counter_{number}": number for number in range(200)})
    (renew,) = [renew for renew in bench.wait(5_000, renewing=True).only(Renew) if renew.figures]
    assert len(renew.figures) == FIGURES_MAX
