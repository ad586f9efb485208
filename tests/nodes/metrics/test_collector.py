"""The collector: what a scrape shows, with and without a coordinator that answers."""

from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mainspring.actors.spread import JOB_BOUNDS_MS, LOOP_BOUNDS_US, Spread, histogram
from mainspring.broker.net.exceptions import Unreachable
from mainspring.nodes.metrics.collector import NodeCollector
from mainspring.nodes.metrics.families import FAMILIES


def _scraped(rows: Sequence[Sequence[Any]]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    registry = CollectorRegistry(auto_describe=True)
    registry.register(NodeCollector(lambda: rows))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_a_scrape_shows_counters_gauges_and_histograms() -> None:
    """The text that Prometheus reads holds each row under its name, labels and value."""
    took = Spread(JOB_BOUNDS_MS, 1000)
    for ms in (0, 3, 3, 7_000_000):
        took.add(ms)
    found = _scraped(
        [
            ["scheduler_task_run_total", ["task", "a.b", "status", "success", "shard", "0"], 7],
            ["scheduler_queue_jobs", ["tenant", "t", "queue", "q", "state", "ready", "shard", "0"], 3],
            took.row("job_duration_seconds", ["job", "a.b", "status", "success", "shard", "0"]),
        ]
    )
    ran = (("shard", "0"), ("status", "success"), ("task", "a.b"))
    assert found["scheduler_task_run_total", ran] == 7
    assert found["scheduler_queue_jobs", (("queue", "q"), ("shard", "0"), ("state", "ready"), ("tenant", "t"))] == 3
    job = (("job", "a.b"), ("shard", "0"), ("status", "success"))
    assert found["job_duration_seconds_count", job] == 4
    assert found["job_duration_seconds_sum", job] == pytest.approx(7000.006)
    by_bound = {
        dict(labels)["le"]: value for (name, labels), value in found.items() if name == "job_duration_seconds_bucket"
    }
    assert (by_bound["0.001"], by_bound["0.002"], by_bound["0.005"]) == (1, 1, 3)
    assert (by_bound["3600"], by_bound["+Inf"]) == (3, 4)
    assert found["scheduler_up", ()] == 1


def test_a_scrape_without_an_answer_shows_nothing_old() -> None:
    """If the coordinator does not answer, scheduler_up is 0 and no other figure of it is there."""
    answers: list[Any] = [[["scheduler_epoch", ["shard", "0"], 4]]]

    def ask() -> Sequence[Sequence[Any]]:
        if answers:
            return answers.pop()
        raise Unreachable("nobody is there", "unreachable")

    collector = NodeCollector(ask)
    first = {sample.name for metric in collector.collect() for sample in metric.samples}
    second = {sample.name: sample.value for metric in collector.collect() for sample in metric.samples}
    assert "scheduler_epoch" in first
    assert second.keys() == {"scheduler_up", "scheduler_scrape_seconds"}
    assert second["scheduler_up"] == 0


def test_a_metric_that_is_not_known_is_left_out() -> None:
    """What a newer coordinator tells beyond this table does not break the scrape."""
    found = _scraped([["scheduler_new_thing", ["shard", "0"], 1], ["scheduler_epoch", ["shard", "0"], 2]])
    assert not any(name == "scheduler_new_thing" for name, _ in found)
    assert found["scheduler_epoch", (("shard", "0"),)] == 2


def test_every_family_has_a_good_name() -> None:
    """Counters end in _total, times in _seconds, sizes in _bytes."""
    for name, family in FAMILIES.items():
        assert name.endswith("_total") == (family.type == "counter"), name
        if family.type == "histogram":
            assert name.endswith("_seconds"), name


def test_a_spread_keeps_every_time() -> None:
    """Each time falls into the one bucket whose bound is the first not below it; a negative one counts as none."""
    spread = Spread(LOOP_BOUNDS_US, 1_000_000)
    for us in (-5, 0, 50, 51, 10**9):
        spread.add(us)
    assert (spread.buckets[0], spread.buckets[1], spread.buckets[-1]) == (3, 1, 1)
    assert spread.count == 5
    name, labels, value = spread.row("x", [])
    assert histogram(name, labels, value)[-1] == ["x_sum", [], (50 + 51 + 10**9) / 1e6]
