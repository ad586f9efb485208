"""Bits flip in the files of a stopped node, and under one that runs: it says so, and the documented ways lead back."""

import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_node import BOUND_S, LiveNode, wait_until
from stored_node import spoil, spoil_every

import mainspring
from mainspring.broker.net.exceptions import RequestError

HERE = Path(__file__).parent
JOBS = 600
SHARD_0 = "tasks_default_shard_0.db"


def shards(node: LiveNode, *words: str) -> tuple[int, str]:
    """Runs `mainspring shards …` in the node's folder; returns status and all that it says."""
    done = subprocess.run(
        [sys.executable, "-m", "mainspring", "shards", *words],
        cwd=node.folder, capture_output=True, text=True, timeout=BOUND_S, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LiveNode]:
    """A node that has done some jobs."""
    folder = tmp_path / "node"
    folder.mkdir()
    shutil.copy(HERE / "storage_tasks.py", folder)
    live = LiveNode(folder, "storage_tasks")
    live.start()
    with mainspring.Client(live.url, timeout=BOUND_S) as client:
        handles = client.submit_many([mainspring.job("storage_tasks.double", number) for number in range(JOBS)])
        client.wait_all(handles, timeout=BOUND_S)
    yield live
    if live.process is not None and live.process.poll() is None:
        live.kill()


def table_pages(path: Path, table: str) -> list[int]:
    """The offsets of the pages of a table: the root page, and its children if it is no leaf."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    (count,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()
    assert 0 < root <= count
    return [(root - 1) * 4096]


def all_succeeded(node: LiveNode) -> bool:
    """Says whether the node knows every job and its result."""
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        handles = [client.job(id) for id in range(1, JOBS + 1)]
        client.wait_all(handles, timeout=BOUND_S)
        return [handle.result() for handle in handles] == [2 * number for number in range(JOBS)]


def fails_to_start(node: LiveNode) -> str:
    """Starts the node, which must end by itself; returns what it says."""
    with pytest.raises(AssertionError):
        node.start()
    assert node.process is not None
    assert node.process.wait(timeout=BOUND_S) == 1
    return node.log()


def test_a_broken_shard_file_of_a_stopped_node(node: LiveNode) -> None:
    """The start ends with file and way back; verify says what, rebuild makes it again, and nothing is lost."""
    assert node.stop() == 0
    spoil(node.data_dir / SHARD_0, table_pages(node.data_dir / SHARD_0, "lanes")[0], 7)
    log = fails_to_start(node)
    assert f"{SHARD_0} is damaged" in log
    assert "mainspring shards rebuild" in log
    assert "Traceback" not in log
    status, told = shards(node, "verify")
    assert status == 1
    assert f"{SHARD_0}" in told
    assert shards(node, "rebuild")[0] == 0
    assert shards(node, "verify")[0] == 0
    node.start()
    assert all_succeeded(node)


def test_a_broken_log_of_a_stopped_node(node: LiveNode, tmp_path: Path) -> None:
    """The start ends with entry and file; what the shard files show is saved, restored, and goes on."""
    assert node.stop() == 0
    spoil_every(node.data_dir / "log" / "log-00000001.db", b"storage_tasks.double")
    log = fails_to_start(node)
    assert "has a wrong checksum; do not start this node on these files" in log
    assert "Traceback" not in log
    status, told = shards(node, "verify")
    assert status == 1
    assert "log-00000001.db: entry " in told
    status, told = shards(node, "query", "SELECT count(*) AS n FROM v_jobs WHERE state = 'succeeded'", "--json")
    assert (status, told.strip()) == (0, f'{{"n": {JOBS}}}')
    assert shards(node, "backup", str(tmp_path / "refused"))[0] == 1
    status, told = shards(node, "backup", str(tmp_path / "copy"), "--without-log")
    assert status == 0, told
    node.data_dir.rename(tmp_path / "broken")
    assert shards(node, "restore", str(tmp_path / "copy"), str(node.data_dir))[0] == 0
    node.start()
    assert all_succeeded(node)


def test_a_shard_file_that_breaks_under_a_running_node(node: LiveNode) -> None:
    """Whoever reads the broken page ends the coordinator with file and way back, and it does not serve that file again.

    The log is whole, so the mend is a stop, a rebuild and a start, and everything is there.
    """
    assert node.stop() == 0
    node.start()  # what has ended is not in its memory now
    path = node.data_dir / SHARD_0
    for offset in table_pages(path, "finished"):
        spoil(path, offset, 7)
    with mainspring.Client(node.url, timeout=5.0) as client, pytest.raises((RequestError, TimeoutError)):
        list(client.query("jobs"))
    wait_until(lambda: "coordinator ends, to be started again" in node.log(), "the coordinator to notice")
    line = next(line for line in node.log().splitlines() if "coordinator ends" in line)
    assert f"{path} is damaged" in line
    assert "shards verify" in line
    assert "Traceback" not in node.log()
    wait_until(lambda: "starts again in" in node.log(), "the supervisor to say when it tries again")
    wait_until(lambda: "coordinator cannot start" in node.log(), "the next start to check the file")
    line = next(line for line in node.log().splitlines() if "coordinator cannot start" in line)
    assert f"{path} is damaged" in line
    assert "mainspring shards rebuild" in line
    mark = path.with_name(f"{SHARD_0}.suspect")
    assert mark.exists()
    assert node.stop() in (0, 1)
    assert shards(node, "verify")[0] == 1
    assert shards(node, "rebuild")[0] == 0
    node.start()
    assert not mark.exists()
    assert all_succeeded(node)
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        assert client.submit(mainspring.job("storage_tasks.double", 50)).result(timeout=BOUND_S) == 100


def test_flips_after_a_kill(node: LiveNode, tmp_path: Path) -> None:
    """Wherever a bit flips in what a kill leaves, the node starts, or ends with a text that says what to do."""
    node.kill()
    kept = Path(shutil.copytree(node.data_dir, tmp_path / "kept", ignore=shutil.ignore_patterns("*.sock")))
    draw = random.Random(8)
    names = [f"{SHARD_0}-wal", "log/log-00000001.db-wal", "log/hard_state", "log/synced"]
    for name in names:
        shutil.rmtree(node.data_dir)
        shutil.copytree(kept, node.data_dir)
        node.log_path.write_text("")
        spoil(node.data_dir / name, draw.randrange((kept / name).stat().st_size), draw.randrange(8))
        try:
            node.start()
        except AssertionError:
            assert node.process is not None
            assert node.process.wait(timeout=BOUND_S) == 1
            assert "coordinator cannot start" in node.log(), (name, node.log())
            assert any(word in node.log() for word in ("restore", "rebuild", "backup")), (name, node.log())
        else:
            node.kill()
        assert "Traceback" not in node.log(), (name, node.log())
