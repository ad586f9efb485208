"""Which ended attempts an executor tells the log."""

import pytest
from builders import a_run
from executor_bench import START_MS, ExecutorBench

from mainspring.actors.executor.acts import AttemptEnded

OUTCOMES = ("succeeded", "failed", "timed_out", "returned", "cancelled")


@pytest.mark.parametrize(
    ("log_jobs", "told"),
    [("none", ()), ("failed", ("failed", "timed_out")), ("all", OUTCOMES)],
)
def test_the_setting_says_which_are_told(log_jobs: str, told: tuple[str, ...]) -> None:
    """None of them, those that failed, or every one."""
    bench = ExecutorBench(process_slots=1, asyncio_slots=10, log_jobs=log_jobs)
    bench.up()
    found: list[str] = []
    for id, outcome in enumerate(OUTCOMES, 1):
        bench.run(id, task="io")
        found += [act.outcome for act in bench.ends(id, outcome=outcome).acted(AttemptEnded)]
    assert tuple(found) == told


def test_what_is_told() -> None:
    """The job, its task, where it came from, when it was due and when it ran, and the trace."""
    bench = ExecutorBench(process_slots=1, asyncio_slots=0)
    bench.up()
    bench.hear(bench.a_run(a_run(5, 2, due_ms=9, queue="q", tenant="t", trace="x")))
    (act,) = bench.ends(5, attempt=2, outcome="failed", took_ms=7, error_kind="ValueError").acted(AttemptEnded)
    assert act == AttemptEnded(5, 2, "echo", "q", "t", "x", "failed", "ValueError", 9, START_MS - 7, START_MS)
