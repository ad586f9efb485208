"""The exporter of a live node: what Prometheus reads is what has happened."""

import socket
import urllib.request
from pathlib import Path

import pytest
from live_node import LiveNode, wait_until
from prometheus_client.parser import text_string_to_metric_families

from mainspring import Client, job
from mainspring.nodes.metrics.families import FAMILIES

NODE = """\
[node]
data_dir = "mainspring-data"

[metrics]
listen = "127.0.0.1:{port}"

[[executor]]
tasks = ["outcome_tasks"]
import_paths = ["{here}"]
process_slots = 1
asyncio_slots = 10
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _scrape(port: int) -> dict[str, float]:
    """Returns each sample's value by its text, `name{label="value",…}` with the labels in order."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()) if name != "shard")
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_a_scrape_tells_what_has_happened(tmp_path: Path) -> None:
    """Jobs, attempts, failures, queues, executors, log and disk stand in one scrape; without a coordinator, up is 0."""
    port = _free_port()
    (tmp_path / "node.toml").write_text(NODE.format(port=port, here=Path(__file__).parent))
    node = LiveNode(tmp_path, "", arguments=["node.toml"])
    node.start()
    try:
        with Client(node.url) as client:
            handles = client.submit_many([job("outcome_tasks.returns", number) for number in range(20)])
            assert [handle.result(30) for handle in handles] == list(range(20))
            failed = client.submit(job("outcome_tasks.raises"))
            assert failed.wait(30)
        found = _scrape(port)
        assert found["scheduler_up{}"] == 1
        assert found['scheduler_task_run_total{status="success",task="outcome_tasks.returns"}'] == 20
        assert found['scheduler_task_run_total{status="failure",task="outcome_tasks.raises"}'] == 1
        assert found['job_duration_seconds_count{job="outcome_tasks.returns",status="success"}'] == 20
        assert found['task_failures_total{job="outcome_tasks.raises",reason="failed"}'] == 1
        assert found['scheduler_queue_jobs{queue="default",state="succeeded",tenant="default"}'] == 20
        assert found['scheduler_queue_jobs{queue="default",state="dead",tenant="default"}'] == 1
        assert found['scheduler_events_total{event="jobs_submitted"}'] == 21
        assert found["scheduler_executors{}"] == 1
        assert found["scheduler_log_sync_seconds_count{}"] > 0
        assert found["scheduler_turn_seconds_count{}"] > found["scheduler_log_sync_seconds_count{}"] > 0
        assert found["scheduler_disk_free_bytes{}"] > 0
        assert found["scheduler_log_applied_index{}"] <= found["scheduler_log_index{}"]
        _every_sample_is_documented(found)

        (coordinator,) = node.actors("processes.coordinator")
        coordinator.suspend()
        try:
            silent = _scrape(port)
        finally:
            coordinator.resume()
        assert silent["scheduler_up{}"] == 0
        assert silent.keys() == {"scheduler_up{}", "scheduler_scrape_seconds{}"}
        wait_until(lambda: _scrape(port)["scheduler_up{}"] == 1, "the coordinator to answer again")
    finally:
        assert node.stop() == 0


def _every_sample_is_documented(found: dict[str, float]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    assert all(f"`{name}`" in page for name in FAMILIES), "python -m mainspring.nodes.docs prints the page"
    assert all(sample.startswith(tuple(FAMILIES)) for sample in found)


def test_a_port_in_use_stops_the_node_with_the_mend(tmp_path: Path) -> None:
    """If nobody can listen there, the node does not start, and its log says what to correct."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "node.toml").write_text(NODE.format(port=port, here=Path(__file__).parent))
        node = LiveNode(tmp_path, "", arguments=["node.toml"])
        with pytest.raises(AssertionError, match="the node did not start"):
            node.start()
        assert node.process is not None
        assert node.process.wait(30) == 1
        node.process.stdout.close()  # pyright: ignore[reportOptionalMemberAccess]  (it is a pipe)
        assert f"cannot listen on 127.0.0.1:{port}" in node.log()
        assert "correct [metrics] listen" in node.log()
