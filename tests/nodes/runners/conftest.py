"""Starts real children for the tests and sees to it that none is left."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from runner_children import Child, wait_for_exit

from mainspring.nodes.runners import frames
from mainspring.nodes.runners.handle import ChildHandle

SpawnChild = Callable[..., Child]


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[SpawnChild]:
    """Returns a function that writes `source` to a task module and starts a child on it."""
    children: list[Child] = []

    def start(kind: str, source: str, *, ready: bool = True) -> Child:
        (tmp_path / "jobs.py").write_text("from mainspring import Context, task\n" + source)
        child = Child(ChildHandle.spawn(kind, ["jobs"], cwd=tmp_path))
        children.append(child)
        if ready:
            frame = child.next_frame()
            assert frame[0] == frames.READY, frame
            assert frame[1] == child.handle.pid
        return child

    yield start
    for child in children:
        child.handle.kill()
        wait_for_exit(child.handle.pid)
        child.handle.reap()
        child.handle.close()
