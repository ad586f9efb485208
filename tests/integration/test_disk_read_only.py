"""The file system turns read-only under a node, as the kernel does it after an error: it ends, says so, comes back."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_node import BOUND_S, LiveNode, wait_until

import mainspring
from mainspring.broker.net.exceptions import RequestError

HERE = Path(__file__).parent


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LiveNode]:
    """A node with its data on a small file system in memory."""
    live = LiveNode(tmp_path, "storage_tasks")
    live.data_dir.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", str(live.data_dir)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    shutil.copy(HERE / "storage_tasks.py", tmp_path)
    try:
        live.start()
        yield live
    finally:
        if live.process is not None and live.process.poll() is None:
            live.kill()
        subprocess.run(["umount", "--lazy", str(live.data_dir)], check=True)


def remount(node: LiveNode, mode: str) -> None:
    """Makes the node's file system `ro` or `rw`."""
    done = subprocess.run(
        ["mount", "-o", f"remount,{mode}", str(node.data_dir)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0 and mode == "ro":
        pytest.skip(f"a file system in use cannot be made read-only here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr


def test_a_start_on_a_read_only_disk(node: LiveNode) -> None:
    """It ends with the path and the mend; when the disk may be written again, it starts and has everything."""
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        done = client.submit(mainspring.job("storage_tasks.double", 5))
        assert done.result(timeout=BOUND_S) == 10
    node.kill()
    remount(node, "ro")
    with pytest.raises(AssertionError):
        node.start()
    assert node.process is not None
    assert node.process.wait(timeout=BOUND_S) == 1
    assert "Traceback" not in node.log()
    last = node.log().splitlines()[-1]
    assert str(node.data_dir) in last
    assert "give a data_dir that this user may write to" in last
    remount(node, "rw")
    node.start()
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        assert client.job(done.id).result(timeout=BOUND_S) == 10


def test_files_that_may_not_be_written(node: LiveNode) -> None:
    """A shard file or a log that lost its permission stops the start by name."""
    assert node.stop() == 0
    for name in ("tasks_default_shard_0.db", "log/log-00000001.db"):
        path = node.data_dir / name
        done = subprocess.run(["chattr", "+i", str(path)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"a file cannot be made immutable here: {done.stderr.strip()}")
        try:
            node.log_path.write_text("")
            with pytest.raises(AssertionError):
                node.start()
            assert node.process is not None
            assert node.process.wait(timeout=BOUND_S) == 1
            assert path.name in node.log() or str(path.parent) in node.log(), node.log()
            assert "Traceback" not in node.log()
        finally:
            subprocess.run(["chattr", "-i", str(path)], check=True)
    node.start()


def test_a_log_that_cannot_be_written_any_more(node: LiveNode, tmp_path: Path) -> None:
    """A start of the coordinator fails with path and mend, and is tried again until it may write: nothing is lost."""
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        handles = client.submit_many([mainspring.job("storage_tasks.double", number) for number in range(50)])
        client.wait_all(handles, timeout=BOUND_S)
        log = node.data_dir / "log"
        subprocess.run(["mount", "--bind", str(log), str(log)], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", str(log)], check=True)
            (coordinator,) = node.actors("processes.coordinator")
            coordinator.kill()
            wait_until(lambda: "coordinator cannot start" in node.log(), "the start to fail")
            with mainspring.Client(node.url, timeout=0.5) as hasty, pytest.raises((RequestError, TimeoutError)):
                hasty.submit(mainspring.job("storage_tasks.double", 1))
        finally:
            subprocess.run(["umount", "--lazy", str(log)], check=True)
        handle = client.submit(mainspring.job("storage_tasks.double", 77))
        assert handle.result(timeout=BOUND_S) == 154
        assert [handle.result(timeout=BOUND_S) for handle in handles] == [2 * number for number in range(50)]
    lines = [line for line in node.log().splitlines() if "coordinator cannot start" in line]
    assert all(str(node.data_dir / "log") in line and "permissions" in line for line in lines), lines
    assert "starts again in" in node.log()
    assert "Traceback" not in node.log()
