"""`mainspring reload` on a real node under load: new code everywhere, no job lost, nobody punished."""

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_node import BOUND_S, LiveNode, wait_until

import mainspring
from mainspring.broker.net.handles import JobHandle
from mainspring.nodes.cli.control import ask, control_path

OLD = """
import asyncio, time
from mainspring import task

VERSION = "old"

@task(retries=3)
def tells() -> str:
    time.sleep(0.01)
    return VERSION

@task(retries=3)
async def tells_from_a_loop() -> str:
    await asyncio.sleep(0.01)
    return VERSION

@task(retries=3)
def works(seconds: float) -> str:
    time.sleep(seconds)
    return VERSION

@task(retries=3)
def hangs() -> str:
    time.sleep(600)
    return VERSION
"""
NEW = OLD.replace('"old"', '"brand new"').replace("sleep(600)", "sleep(0)")
BROKEN = NEW + "\nimport no_such_module\n"


class Load:
    """Submits all the time from a thread."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.ids: list[int] = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        jobs = [mainspring.job(f"reload_tasks.{name}") for name in ("tells", "tells_from_a_loop")]
        with mainspring.Client(self.url, timeout=BOUND_S) as client:
            while not self.stopping.wait(0.005):
                self.ids += [handle.id for handle in client.submit_many(jobs)]

    def stop(self) -> list[int]:
        """Stops it; returns the ids of all its jobs."""
        self.stopping.set()
        self.thread.join()
        return self.ids


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LiveNode]:
    """A node with the old code."""
    (tmp_path / "reload_tasks.py").write_text(OLD)
    live = LiveNode(tmp_path, "reload_tasks")
    yield live
    if live.process is not None and live.process.poll() is None:
        live.kill()


def deploy(node: LiveNode, code: str) -> None:
    """Replaces the module of tasks."""
    (node.folder / "reload_tasks.new").write_text(code)
    (node.folder / "reload_tasks.new").replace(node.folder / "reload_tasks.py")


def reload(node: LiveNode, *words: str) -> "subprocess.CompletedProcess[str]":
    """Runs `mainspring reload` in the node's folder."""
    return subprocess.run(
        [sys.executable, "-m", "mainspring", "reload", *words],
        cwd=node.folder, capture_output=True, text=True, timeout=BOUND_S,
    )  # fmt: skip


def pids(node: LiveNode) -> dict[str, int | None]:
    """Asks the supervisor for the processes of the node."""
    told = ask(control_path(None, node.data_dir), {"do": "status"})
    return {row["process"]: row["pid"] for row in told if "process" in row}


def rows(node: LiveNode, sql: str) -> list[tuple[Any, ...]]:
    """Asks the shard file."""
    (path,) = node.data_dir.glob("tasks_*.db")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as shard:
        return shard.execute(sql).fetchall()


def unpunished(node: LiveNode) -> bool:
    """Says whether no attempt ended in any other way than well, or returned."""
    return not rows(node, "SELECT * FROM v_executions WHERE outcome NOT IN ('succeeded', 'returned')")


def test_new_code_runs_under_load_and_nobody_is_punished(node: LiveNode) -> None:
    """Each job must succeed, on old code or on new, without a failed attempt; the coordinator must stay."""
    node.start()
    before = pids(node)
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        load = Load(node.url)
        try:
            long = client.submit(mainspring.job("reload_tasks.works", 1.0))
            wait_until(lambda: long.status() == "running", "the long job to run")
            wait_until(lambda: len(load.ids) >= 100 and client.job(load.ids[0]).status() == "succeeded", "load")
            deploy(node, NEW)
            done = reload(node, "--json")
            after = [client.submit(mainspring.job("reload_tasks.tells")) for _ in range(20)]
        finally:
            ids = load.stop()
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["ok"], told["code"], len(told["restarted"])) == (True, "reloaded", 2)
        handles: list[JobHandle[Any]] = [client.job(id) for id in ids]
        assert "old" in (versions := {handle.result(BOUND_S) for handle in handles})
        assert versions <= {"old", "brand new"}
        assert {handle.result(BOUND_S) for handle in after} == {"brand new"}, "submitted after the reload"
        assert long.result(BOUND_S) == "old", "a running job may finish"
    assert {name for name, pid in pids(node).items() if pid != before[name]} == {"executor-1", "executor-2"}
    assert node.stop() == 0, node.log()
    assert rows(node, "SELECT state, count(*) FROM v_jobs GROUP BY 1") == [("succeeded", len(ids) + len(after) + 1)]
    # Neither of the two counts against the retries of a job, nor against its crashes.
    assert unpunished(node)


def test_a_job_that_does_not_finish_goes_back_and_runs_on_new_code(node: LiveNode) -> None:
    """With one executor, and a job beyond the drain timeout: returned, not failed, and done by the new code."""
    (node.folder / "node.toml").write_text(
        '[node]\ndrain_timeout_s = 0.5\n[[executor]]\nname = "only"\ntasks = ["reload_tasks"]\nprocess_slots = 2\n'
    )
    node.arguments = ["node.toml"]
    node.start()
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        hanging = client.submit(mainspring.job("reload_tasks.hangs"))
        wait_until(lambda: hanging.status() == "running", "the job to run")
        deploy(node, NEW)
        done = reload(node, "node.toml")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[:2] == ["only  restarting", "only  ready"]
        assert done.stdout.splitlines()[2].startswith("reloaded 1 executor in ")
        assert hanging.result(BOUND_S) == "brand new"
    assert node.stop() == 0, node.log()
    told = rows(node, "SELECT outcome FROM v_executions ORDER BY attempt")
    assert [outcome for (outcome,) in told] == ["returned", "succeeded"]


def test_code_that_does_not_import_stops_the_reload_and_the_others_go_on(node: LiveNode) -> None:
    """The first executor must be named with the error, the second must work on; mended code reloads at once."""
    node.start()
    before = pids(node)
    deploy(node, BROKEN)
    failed = reload(node)
    assert failed.returncode == 1
    assert failed.stderr.startswith("mainspring: the reload ended at executor-1, which did not come up: ")
    assert "No module named 'no_such_module'" in failed.stderr
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        assert client.submit(mainspring.job("reload_tasks.tells")).result(BOUND_S) == "old"
        assert {name for name, pid in pids(node).items() if pid != before[name]} == {"executor-1"}
        deploy(node, NEW)
        assert reload(node).returncode == 0
        assert client.submit(mainspring.job("reload_tasks.tells")).result(BOUND_S) == "brand new"
    assert node.stop() == 0, node.log()


def test_levels_change_while_the_node_runs_and_outlive_a_reload(node: LiveNode) -> None:
    """Each process must say so, and a restarted one must keep to it."""
    node.start()
    words = [sys.executable, "-m", "mainspring", "log-level", "debug"]
    changed = subprocess.run(words, cwd=node.folder, capture_output=True, text=True, timeout=BOUND_S)
    names = ["supervisor", "coordinator", "executor-1", "executor-2"]
    assert (changed.stdout, changed.stderr) == (f"log level debug: {', '.join(names)}\n", "")
    for name in names:
        wait_until(lambda name=name: f" {name} logs from level debug on" in node.log(), f"{name} to log more")
    assert reload(node).returncode == 0
    listed = subprocess.run(
        [sys.executable, "-m", "mainspring", "processes", "--json"],
        cwd=node.folder, capture_output=True, text=True, timeout=BOUND_S,
    )  # fmt: skip
    found = json.loads(listed.stdout)
    assert [(row["process"], row["phase"], row["restarts"], row["log_level"]) for row in found] == [
        (name, "ready", int(name.startswith("executor")), "debug") for name in names
    ]
    assert node.stop() == 0, node.log()
