"""Runner children under test: real processes, and waits on descriptors that end."""

import ctypes
import os
import select
import time
from pathlib import Path

from mainspring.nodes.runners import frames
from mainspring.nodes.runners.handle import ChildHandle

BOUND_SECONDS = 30
NAG_SECONDS = 0.1


class Child:
    """A child under test, with waits that end."""

    def __init__(self, handle: ChildHandle) -> None:
        self.handle = handle
        self._unread: list[frames.Frame] = []
        self._interrupting = False

    def next_frame(self) -> frames.Frame:
        """Waits for one frame; fails the test when none comes."""
        deadline = time.monotonic() + BOUND_SECONDS
        while not self._unread:
            assert not self.handle.closed, f"the child went away: {self.handle.reap()}"
            writers = [self.handle] if self.handle.wants_write else []
            assert time.monotonic() < deadline, "no frame comes"
            ready, _, _ = select.select([self.handle], writers, [], NAG_SECONDS)
            if self._interrupting:
                self.handle.interrupt()
            self.handle.flush()
            if ready:
                self._unread += self.handle.receive()
        return self._unread.pop(0)

    def run(self, *rows: frames.Row) -> None:
        """Sends runs."""
        for frame in frames.pack_rows(frames.RUN, list(rows)):
            assert self.handle.send(frame)

    def cancel(self, *run_ids: int, reason: str = "cancelled") -> None:
        """Sends a CANCEL and the signal behind it."""
        assert self.handle.send(frames.pack([frames.CANCEL, list(run_ids), reason]))
        self.handle.interrupt()
        self._interrupting = True

    def results(self, count: int) -> dict[int, frames.Row]:
        """Waits for `count` results and returns them by run id, in their order."""
        done: dict[int, frames.Row] = {}
        while len(done) < count:
            frame = self.next_frame()
            assert frame[0] == frames.DONE, frame
            for row in frame[1]:
                assert row[0] not in done, "a run was answered twice"
                done[row[0]] = row
        return done

    def result(self) -> frames.Row:
        """Waits for one result."""
        (row,) = self.results(1).values()
        return row

    def end(self) -> int:
        """Waits for the child to end and returns its exit status."""
        while not self.handle.closed:
            ready, _, _ = select.select([self.handle], [], [], BOUND_SECONDS)
            assert ready, "the child does not end"
            self._unread += self.handle.receive()
        wait_for_exit(self.handle.pid)
        status = self.handle.reap()
        assert status is not None
        return status


def wait_for_exit(pid: int) -> None:
    """Waits until a process that is alive, or a zombie of ours, has ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([fd], [], [], BOUND_SECONDS)
        assert ready, f"process {pid} does not end"
    finally:
        os.close(fd)


def a_run(run_id: int, task: str, payload: str = "[[],{}]", *, attempt: int = 1) -> frames.Row:
    """A run row with plain values for what the test does not care about."""
    fence, due_ms = (3, 40 + run_id), 1_700_000_000_000
    context = (due_ms, due_ms + 60_000, "default", "acme", None)
    return [run_id, 1000 + run_id, attempt, *fence, task, payload, None, *context]


def wait_for_file(path: Path) -> None:
    """Waits until a file exists, by watching its folder."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        created, moved = 0x100, 0x80
        assert libc.inotify_add_watch(fd, os.fsencode(path.parent), created | moved) >= 0
        while not path.exists():
            ready, _, _ = select.select([fd], [], [], BOUND_SECONDS)
            assert ready, f"{path} does not appear"
            os.read(fd, 64 * 1024)
    finally:
        os.close(fd)
