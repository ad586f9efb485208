"""What a shard counts: every ended attempt and job once, under the names of the table."""

from typing import Any

from builders import a_job
from shard_bench import CLIENT, SHARD, ShardBench, only, runs_of

from mainspring.actors.coordinator.tallies import OTHERS, TASKS_MAX, Tallies
from mainspring.actors.jobs.lifecycle import DEAD, OUTCOME_CRASHED, OUTCOME_RETURNED, OUTCOME_SUCCEEDED, SUCCEEDED
from mainspring.broker.wire.messages import Listing, Query, Renew
from mainspring.nodes.metrics.families import FAMILIES


def _values(rows: list[list[object]]) -> dict[tuple[object, ...], object]:
    return {(row[0], *row[1]): row[2] for row in rows}  # pyright: ignore[reportGeneralTypeIssues]  (labels are a list)


def _sum_and_count(value: Any) -> tuple[int, int]:
    _, total, _, buckets = value
    return total, sum(buckets)


def test_attempts_and_jobs_are_counted_by_task_and_end() -> None:
    """Counters, histograms and failures say what was counted; a run given back is no failure."""
    tallies = Tallies()
    tallies.of("a").attempt(OUTCOME_SUCCEEDED, 100, 103, 110)
    tallies.of("a").attempt(OUTCOME_CRASHED, 100, 104, 204)
    tallies.of("a").attempt(OUTCOME_RETURNED, 100, None, 204)
    tallies.of("a").job(SUCCEEDED)
    tallies.of("a").job(DEAD)
    found = _values(tallies.rows())
    assert found["scheduler_task_run_total", "task", "a", "status", "success"] == 1
    assert found["scheduler_task_run_total", "task", "a", "status", "failure"] == 1
    assert _sum_and_count(found["job_duration_seconds", "job", "a", "status", "success"]) == (7, 1)
    assert found["task_failures_total", "job", "a", "reason", "crashed"] == 1
    assert ("task_failures_total", "job", "a", "reason", "returned") not in found
    assert _sum_and_count(found["scheduler_start_lateness_seconds", "task", "a"]) == (7, 2)


def test_many_tasks_are_counted_together() -> None:
    """Names beyond the bound share one row, so that whoever makes up names does not fill the memory."""
    tallies = Tallies()
    for number in range(TASKS_MAX + 5):
        tallies.of(f"t{number}").attempt(OUTCOME_SUCCEEDED, 0, 1, 2)
        tallies.of(f"t{number}").job(SUCCEEDED)
    found = _values(tallies.rows())
    assert found["scheduler_task_run_total", "task", OTHERS, "status", "success"] == 5
    assert _sum_and_count(found["job_duration_seconds", "job", OTHERS, "status", "success"]) == (10 - 5, 5)
    assert len(found) == 3 * (TASKS_MAX + 1), "whoever asks makes the buckets into samples, not the coordinator's loop"


def test_the_listing_holds_only_known_families() -> None:
    """Each row of the listing belongs to a family that the exporter knows, and names its labels and the shard."""
    bench = ShardBench()
    executor = bench.executor()
    bench.submit(a_job(), a_job())
    executor.finish(*runs_of(bench.said))
    bench.hear(CLIENT, bench.a_submit(a_job(task="nobody's")))
    bench.hear(executor.peer, Renew(SHARD, executor.link, 1, 1, [["children", 2], ["bad"], ["worse", "x"]]))
    bench.said.clear()
    bench.hear(CLIENT, Query(SHARD, 9, "metrics", {}))
    (listing,) = only(bench.said, Listing)
    assert listing.columns == ["name", "labels", "value"]
    for name, labels, _ in listing.rows:
        assert name in FAMILIES, f"{name} is not in the table of families"
        assert sorted({*labels[::2]} - {"shard"}) == sorted(FAMILIES[name].labels), name
        assert labels[-2:] == ["shard", str(SHARD)]
    found = _values(listing.rows)
    shard = ("shard", str(SHARD))
    assert found["scheduler_task_run_total", "task", "echo", "status", "success", *shard] == 2
    assert found["scheduler_refusals_total", "code", "unknown_task", *shard] == 1
    assert (
        found["scheduler_executor_figure", "node", "node-1", "executor", "executor-1", "figure", "children", *shard]
        == 2
    )
    assert not any("bad" in row or "worse" in row for row in found)
