"""Whatever a child has started is found by its mark, and dies with it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from runner_children import Child, a_run, wait_for_exit, wait_for_file

from mainspring.nodes.runners import marks
from mainspring.nodes.runners.handle import ChildHandle
from mainspring.nodes.runners.process_table import family, processes, read, rss_bytes, share_bytes

LOOKS_MAX = 1_000
EXECUTOR = 0xABC000000 + os.getpid()

JOBS = """
import os, subprocess, sys, time
from mainspring import task
@task
def starts() -> list:
    group = subprocess.Popen(['sleep', '1000'], process_group=0)
    session = subprocess.Popen(['sleep', '1000'], start_new_session=True)
    read_fd, write_fd = os.pipe()
    if os.fork() == 0:
        os.setsid()
        daemon = subprocess.Popen(['sleep', '1000'])
        os.write(write_fd, str(daemon.pid).encode())
        os._exit(0)
    daemon = int(os.read(read_fd, 20))
    return [group.pid, session.pid, daemon]
"""


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """A process child with a mark."""
    (tmp_path / "jobs.py").write_text(JOBS)
    found = Child(ChildHandle.spawn("process", ["jobs"], cwd=tmp_path, mark=marks.mark_of(EXECUTOR, 7)))
    found.next_frame()
    yield found
    found.handle.end()


def test_a_mark_belongs_to_one_child_and_to_its_executor() -> None:
    """Child 7 is not child 77."""
    assert marks.mark_of(255, 7) == "ff-7-"
    assert marks.mark_of(255, 7).startswith(marks.mark_of(255))
    assert not marks.mark_of(255, 77).startswith(marks.mark_of(255, 7))


def test_what_a_job_has_started_dies_with_its_child(child: Child) -> None:
    """In a group of its own, in a session of its own, or as a daemon."""
    child.run(a_run(1, "jobs.starts"))
    started = [int(word) for word in str(child.result()[4]).strip("[]").split(",")]
    # One that is in the midst of its exec has no environment for a moment.
    assert any(set(marks.find(marks.mark_of(EXECUTOR, 7))) >= {child.handle.pid, *started} for _ in range(LOOKS_MAX))
    assert {process.pid for process in family(processes(), child.handle.pid)} >= {child.handle.pid, *started[:2]}
    assert marks.find(marks.mark_of(EXECUTOR, 77)) == []
    child.handle.kill()
    assert child.end() == -9
    for pid in started:
        wait_for_exit(pid)


def test_what_is_left_when_a_child_ends_by_itself_dies_as_it_is_reaped(child: Child) -> None:
    """Before its number can be anybody else's."""
    child.run(a_run(1, "jobs.starts"))
    started = [int(word) for word in str(child.result()[4]).strip("[]").split(",")]
    os.kill(child.handle.pid, 9)
    child.end()
    for pid in started:
        wait_for_exit(pid)


def test_the_table_tells_what_a_process_uses(tmp_path: Path) -> None:
    """Memory, CPU time, and whose child it is."""
    ready = tmp_path / "ready"
    code = "import pathlib, time; b = b'x' * 50_000_000; sum(range(5_000_000)); "
    code += "pathlib.Path('ready').touch(); time.sleep(1000)"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    try:
        wait_for_file(ready)
        found = processes()[process.pid]
        assert found.parent == os.getpid()
        assert found.rss_bytes > 50_000_000
        assert rss_bytes(process.pid) > 50_000_000
        assert 45_000_000 < share_bytes(found) <= found.rss_bytes
        assert found.cpu_ms > 0
        assert not found.is_zombie
        assert found.started_ms > processes()[os.getpid()].started_ms
    finally:
        process.kill()
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    zombie = read(process.pid)
    assert zombie is not None
    assert zombie.is_zombie
    process.wait()
    assert read(process.pid) is None
    assert rss_bytes(process.pid) == 0
    assert share_bytes(zombie) == zombie.rss_bytes
