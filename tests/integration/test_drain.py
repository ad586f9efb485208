"""Stopping a node in good order, stopping it hard, and what another process's lock on the shard file does to it."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_node import BOUND_S, LiveNode, is_alive, wait_until

import mainspring
from mainspring.broker.net.handles import JobHandle

HERE = Path(__file__).parent
LOCK_S = 10.0


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LiveNode]:
    """A node of its own for each test."""
    (tmp_path / "outcome_tasks.py").write_text((HERE / "outcome_tasks.py").read_text())
    live = LiveNode(tmp_path, "outcome_tasks")
    live.start()
    yield live
    if live.process is not None and live.process.poll() is None:
        live.kill()


def _rows(node: LiveNode, sql: str) -> list[tuple[object, ...]]:
    (path,) = node.data_dir.glob("tasks_*.db")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as shard:
        return shard.execute(sql).fetchall()


def test_in_flight_jobs_finish_at_a_drain(node: LiveNode) -> None:
    """SIGTERM lets running jobs end; what waits stays, and runs after the next start, unpunished."""
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        running = client.submit_many([mainspring.job("outcome_tasks.waits", 1.0) for _ in range(5)])
        wait_until(lambda: set(client.status([each.id for each in running]).values()) == {"running"}, "the jobs to run")
        later = client.submit(mainspring.job("outcome_tasks.returns", 5), delay=2)
    assert node.stop() == 0, node.log()
    assert _rows(node, "SELECT DISTINCT outcome FROM v_executions") == [("succeeded",)]
    assert _rows(node, f"SELECT state FROM v_jobs WHERE id = {later.id}") == [("scheduled",)]
    node.start()
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        assert client.job(later.id).result(BOUND_S) == 5
    assert _rows(node, f"SELECT count(*) FROM v_executions WHERE job_id = {later.id}") in ([(0,)], [(1,)])


def test_a_second_signal_stops_hard(node: LiveNode) -> None:
    """The second SIGINT kills what still runs; the job is not lost and runs again after the next start."""
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        job = client.submit(mainspring.job("outcome_tasks.works", 3.0))
        wait_until(lambda: job.status() == "running", "the job to run")
        assert node.process is not None
        below = node.below()
        node.process.send_signal(signal.SIGINT)
        wait_until(lambda: "second signal" in node.log(), "the drain to begin")
        node.process.send_signal(signal.SIGINT)
        node.process.wait(timeout=2.5)
        wait_until(lambda: not any(is_alive(process) for process in below), "every process to end")
        node.process.stdout.close()  # type: ignore[union-attr]  # it was opened
        node.start()
        assert job.result(BOUND_S) == "done"


def test_a_shell_that_holds_the_write_lock_loses_nothing(node: LiveNode) -> None:
    """Ten seconds of somebody's BEGIN IMMEDIATE: submits and results go on, the rows follow when the lock goes."""
    (path,) = node.data_dir.glob("tasks_*.db")
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        client.submit(mainspring.job("outcome_tasks.returns", 0)).result(BOUND_S)
        shell = sqlite3.connect(path, isolation_level=None)
        shell.execute("BEGIN IMMEDIATE")
        until_s = time.monotonic() + LOCK_S
        handles: list[JobHandle[object]] = []
        while time.monotonic() < until_s:
            handles += client.submit_many([mainspring.job("outcome_tasks.returns", number) for number in range(20)])
            assert handles[-1].result(BOUND_S) == 19
        known = shell.execute("SELECT count(*) FROM v_jobs").fetchone()[0]
        assert known < len(handles), "the lock held no rows back: this test tests nothing"
        shell.execute("ROLLBACK")
        shell.close()
        ended = "SELECT count(*) FROM v_jobs WHERE state = 'succeeded'"
        wait_until(lambda: _rows(node, ended) == [(len(handles) + 1,)], "the rows to follow")
        client.wait_all(handles, BOUND_S)
    assert "held by another process" in node.log()
    assert f"users={os.getpid()} (" in node.log()


def test_a_reader_that_pins_the_wal_is_named(tmp_path: Path) -> None:
    """A snapshot held open pins the WAL: above its bound no rows are applied, until it is closed."""
    (tmp_path / "outcome_tasks.py").write_text((HERE / "outcome_tasks.py").read_text())
    (tmp_path / "node.toml").write_text(
        "[storage]\ncheckpoint_pages = 100\nwal_bytes_max = 4_194_304\n"
        '[[executor]]\nname = "executor"\ntasks = ["outcome_tasks"]\n'
    )
    node = LiveNode(tmp_path, "", arguments=["node.toml"])
    node.start()
    (path,) = node.data_dir.glob("tasks_*.db")
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        client.submit(mainspring.job("outcome_tasks.returns", 0)).result(BOUND_S)
        reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM v_jobs").fetchone()
        jobs = [mainspring.job("outcome_tasks.returns", "x" * 50_000) for _ in range(100)]
        handles = client.submit_many(jobs)
        client.wait_all(handles, BOUND_S)
        wait_until(lambda: "held by another process" in node.log(), "the reader to be named")
        assert path.with_name(path.name + "-wal").stat().st_size < 3 * 4_194_304
        reader.close()
        ended = "SELECT count(*) FROM v_jobs WHERE state = 'succeeded'"
        wait_until(lambda: _rows(node, ended) == [(len(handles) + 1,)], "the rows to follow")
    assert node.stop() == 0


def test_a_second_node_on_the_same_data_is_refused(node: LiveNode) -> None:
    """Two nodes on one data directory: the second says so and ends."""
    second = LiveNode(node.folder, "outcome_tasks")
    with pytest.raises(AssertionError, match="did not start"):
        second.start()
    assert second.process is not None
    assert second.process.wait(timeout=BOUND_S) == 1
    second.process.stdout.close()  # type: ignore[union-attr]  # it was opened
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        assert client.submit(mainspring.job("outcome_tasks.returns", 3)).result(BOUND_S) == 3
