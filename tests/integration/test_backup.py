"""The whole story of a backup on real processes: under load, then kill -9, then elsewhere, then all of it runs."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_node import BOUND_S, LiveNode, wait_until

import mainspring

HERE = Path(__file__).parent


def shards(folder: Path, *words: str) -> tuple[int, Any]:
    """Runs `mainspring shards … --json` in a folder; returns status and answer."""
    done = subprocess.run(
        [sys.executable, "-m", "mainspring", "shards", *words, "--json"],
        cwd=folder, capture_output=True, text=True, timeout=BOUND_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0 or done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


class Load:
    """Submits from a thread, and remembers what was acknowledged, in order."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.acked: list[int] = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with mainspring.Client(self.url, timeout=BOUND_S) as client:
            while not self.stopping.is_set():
                first = len(self.acked)
                jobs = [mainspring.job("storage_tasks.double", number) for number in range(first, first + 20)]
                self.acked += [handle.id for handle in client.submit_many(jobs)]

    def stop(self) -> None:
        """Ends it."""
        self.stopping.set()
        self.thread.join(timeout=BOUND_S)
        assert not self.thread.is_alive()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LiveNode]:
    """A node that works."""
    folder = tmp_path / "first"
    folder.mkdir()
    shutil.copy(HERE / "storage_tasks.py", folder)
    live = LiveNode(folder, "storage_tasks")
    live.start()
    yield live
    if live.process is not None and live.process.poll() is None:
        live.kill()


def test_backup_under_load_kill_and_restore_elsewhere(node: LiveNode, tmp_path: Path) -> None:
    """Every job acknowledged before the backup is there and runs; those after it are gone, and nothing else is."""
    gate = tmp_path / "gate"
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        held = client.submit(mainspring.job("storage_tasks.hold", str(gate)))
        wait_until(lambda: held.status() == "running", "the job to run")
        later = client.submit(mainspring.job("storage_tasks.double", 21), delay=2.0)
    load = Load(node.url)
    load.thread.start()
    wait_until(lambda: len(load.acked) > 500, "the load to run")
    before = list(load.acked)
    status, backup = shards(node.folder, "backup", str(tmp_path / "copy"))
    assert status == 0
    count = len(load.acked)
    wait_until(lambda: len(load.acked) > count + 200, "the load to go on after the backup")
    assert shards(tmp_path, "verify", str(tmp_path / "copy"))[1]["findings"] == []
    load.stop()
    after = load.acked[-1]
    node.kill()

    second = LiveNode(tmp_path / "second", "storage_tasks")
    second.folder.mkdir()
    shutil.copy(HERE / "storage_tasks.py", second.folder)
    status, restored = shards(tmp_path, "restore", str(tmp_path / "copy"), str(second.data_dir))
    assert status == 0
    assert restored["epoch"] > backup["files"][1]["epoch"]
    gate.touch()
    second.start()
    try:
        with mainspring.Client(second.url, timeout=BOUND_S) as client:
            handles = [client.job(id) for id in (*before, held.id, later.id)]
            client.wait_all(handles, timeout=BOUND_S)
            assert {handle.wait() for handle in handles} == {"succeeded"}
            assert client.job(held.id).result() == 7
            assert client.job(later.id).result() == 42
            new = client.submit(mainspring.job("storage_tasks.double", 4))
            assert new.result(timeout=BOUND_S) == 8
            assert new.id > after, "an id is given once, even across a restore"
        assert second.stop() == 0, second.log()
    finally:
        if second.process is not None and second.process.poll() is None:
            second.kill()
    status, report = shards(second.folder, "verify")
    assert (status, report["findings"], report["unchecked"]) == (0, [], [])


def test_backup_and_export_of_a_killed_node(node: LiveNode, tmp_path: Path) -> None:
    """Nothing needs the node: verify, backup, export and rebuild work on what kill -9 has left."""
    load = Load(node.url)
    load.thread.start()
    wait_until(lambda: len(load.acked) > 500, "the load to run")
    load.stop()
    node.kill()
    status, report = shards(node.folder, "verify")
    assert (status, report["findings"], report["unchecked"]) == (0, [], [])
    assert shards(node.folder, "backup", str(tmp_path / "copy.tar"))[0] == 0
    (rebuilt,) = shards(node.folder, "rebuild")[1]
    assert rebuilt["begun_at"] == 0
    status, told = shards(node.folder, "export", "--output", str(tmp_path / "jobs.csv"), "--where", "id > 0")
    assert (status, told["rows"] >= len(load.acked)) == (0, True)
    node.start()
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        handles = [client.job(id) for id in load.acked]
        client.wait_all(handles, timeout=BOUND_S)
        assert {handle.wait() for handle in handles} == {"succeeded"}
