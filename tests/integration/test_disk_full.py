"""A node whose data directory stands on a file system that runs full: it refuses, goes on, and takes jobs again."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_node import BOUND_S, LiveNode, wait_until

import mainspring
from mainspring.broker.net.exceptions import Overloaded

TASKS = '''
import time
from pathlib import Path

import mainspring


@mainspring.task
def hold(path: str) -> int:
    """Runs until the file is there."""
    until = time.monotonic() + 60
    while not Path(path).exists() and time.monotonic() < until:
        time.sleep(0.02)
    return 7


@mainspring.task
def swallow(text: str) -> int:
    """Takes its argument, which is large."""
    return len(text)
'''


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LiveNode]:
    """A node with its data on a small file system in memory."""
    live = LiveNode(tmp_path, "full_tasks")
    live.data_dir.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m,mode=700", "tmpfs", str(live.data_dir)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    (tmp_path / "full_tasks.py").write_text(TASKS)
    try:
        live.start()
        yield live
    finally:
        if live.process is not None and live.process.poll() is None:
            live.kill()
        subprocess.run(["umount", "--lazy", str(live.data_dir)], check=True)


def _fill(path: Path) -> None:
    """Takes all the room that is left, to the last byte."""
    with path.open("wb", buffering=0) as filler:
        for size in (1 << 16, 1 << 12):
            try:
                while filler.write(bytes(size)):
                    pass
            except OSError:
                continue


def _submit_until_refused(client: mainspring.Client) -> list[mainspring.JobHandle[Any]]:
    """Submits large jobs until the node has no room for them; returns those that were taken."""
    taken: list[mainspring.JobHandle[Any]] = []
    for _ in range(2_000):
        try:
            taken.append(client.submit(mainspring.job("full_tasks.swallow", "x" * 20_000)))
        except Overloaded as error:
            if error.code != "disk_full":
                raise
            return taken
    raise AssertionError("the disk does not run full")


def test_a_full_disk_is_survived(node: LiveNode, tmp_path: Path) -> None:
    """New jobs are refused, a running one ends, nothing acknowledged is lost, and with room all goes on."""
    filler, gate = node.data_dir / "filler", tmp_path / "gate"
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        held = client.submit(mainspring.job("full_tasks.hold", str(gate)))
        wait_until(lambda: held.status() == "running", "the job to run")
        _fill(filler)
        taken = _submit_until_refused(client)
        gate.touch()
        assert held.result(timeout=BOUND_S) == 7
        assert "the disk is full" in node.log()
        (coordinator,) = node.actors("processes.coordinator")
        filler.unlink()
        wait_until(lambda: "room again" in node.log(), "the node to notice the room")
        assert client.submit(mainspring.job("full_tasks.swallow", "abc")).result(timeout=BOUND_S) == 3
        assert {job.result(timeout=BOUND_S) for job in taken} <= {20_000}
        assert coordinator.is_running(), "the process has lived through it"


def test_a_start_on_a_full_disk_says_so_and_goes_on_later(node: LiveNode) -> None:
    """The coordinator is tried again until there is room; each failure is one line with path and mend."""
    filler = node.data_dir / "filler"
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        _fill(filler)
        taken = _submit_until_refused(client)
        (coordinator,) = node.actors("processes.coordinator")
        _fill(node.data_dir / "filler-2")
        coordinator.kill()
        wait_until(lambda: "coordinator cannot start" in node.log(), "the start to fail")
        filler.unlink()
        (node.data_dir / "filler-2").unlink()
        assert client.submit(mainspring.job("full_tasks.swallow", "abc")).result(timeout=BOUND_S) == 3
        assert {job.result(timeout=BOUND_S) for job in taken} <= {20_000}
    lines = [line for line in node.log().splitlines() if "coordinator cannot start" in line]
    assert all("no room" in line and str(node.data_dir) in line and "free some space" in line for line in lines), lines
    assert "Traceback" not in node.log()


def test_a_backup_may_not_fill_the_disk(node: LiveNode, tmp_path: Path) -> None:
    """Where there is little room beside the node's own, a backup is refused with path and mend, and leaves nothing."""

    def back_up(target: Path) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "mainspring", "shards", "backup", str(target)]
        return subprocess.run(words, cwd=node.folder, capture_output=True, text=True, timeout=BOUND_S, check=False)

    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        assert client.submit(mainspring.job("full_tasks.swallow", "abc")).result(timeout=BOUND_S) == 3
        with (node.data_dir / "filler").open("wb") as filler:
            filler.write(bytes(12 * 1024 * 1024))
        before = sorted(path.name for path in node.data_dir.iterdir())
        done = back_up(node.data_dir / "copy")
        assert done.returncode == 1
        assert f"no room for the backup in {node.data_dir}" in done.stderr
        assert "free some space, or name another disk" in done.stderr
        assert sorted(path.name for path in node.data_dir.iterdir()) == before
        assert back_up(tmp_path / "copy").returncode == 0
        _fill(node.data_dir / "filler-2")
        taken = _submit_until_refused(client)
        assert back_up(tmp_path / "copy-2").returncode == 1, "rows wait for room, and a backup without them lacks jobs"
        (node.data_dir / "filler").unlink()
        wait_until(lambda: "room again" in node.log(), "the node to notice the room")
        assert back_up(tmp_path / "copy-3").returncode == 0
        assert {job.result(timeout=BOUND_S) for job in taken} <= {20_000}
