"""Output is passed on where somebody takes it, and dropped and counted where nobody does; it never waits."""

import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mainspring.nodes.processes.own_output import PENDING_BYTES_MAX, OwnOutput

MIB = 1024 * 1024


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe whose writing end is shared with others, who count on it to block."""
    read_fd, write_fd = os.pipe()
    yield read_fd, write_fd
    os.close(read_fd)
    os.close(write_fd)


def test_a_pipe_that_nobody_reads_drops_and_counts(pipe: tuple[int, int]) -> None:
    """What it holds, and a bounded part beside it, comes through later."""
    read_fd, write_fd = pipe
    own = OwnOutput(write_fd)
    for _ in range(4):
        own.write(b"x" * MIB)
    assert own.is_pending
    assert os.get_blocking(write_fd), "whoever shares the pipe still has it as it was"
    taken = 0
    while select.select([read_fd], [], [], 0)[0]:
        taken += len(os.read(read_fd, MIB))
        own.flush()
    assert not own.is_pending
    assert PENDING_BYTES_MAX < taken < MIB
    assert own.dropped_bytes == 4 * MIB - taken
    own.close()


def test_a_reader_that_is_gone_drops_and_counts() -> None:
    """As a terminal that was closed."""
    read_fd, write_fd = os.pipe()
    own = OwnOutput(write_fd)
    os.close(read_fd)
    own.write(b"x" * 10)
    assert (own.is_pending, own.dropped_bytes) == (False, 10)
    own.close()
    os.close(write_fd)


def test_a_socket_is_written_without_waiting() -> None:
    """A service's journal may be one."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        own = OwnOutput(ours.fileno())
        own.write(b"hello")
        assert theirs.recv(10) == b"hello"
        own.write(b"x" * 8 * MIB)
        assert own.is_pending
        assert own.dropped_bytes > 0
        own.close()


def test_a_file_is_continued_where_it_is(tmp_path: Path) -> None:
    """It is not opened anew, which would begin at its start."""
    path = tmp_path / "out"
    with path.open("wb") as file:
        file.write(b"before ")
        file.flush()
        own = OwnOutput(file.fileno())
        own.write(b"after")
    assert path.read_bytes() == b"before after"
    assert own.dropped_bytes == 0


def test_where_it_cannot_be_opened_anew_no_more_is_written_than_fits(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another user's terminal."""

    def refuse(*_: object) -> int:
        raise PermissionError

    read_fd, write_fd = pipe
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        own = OwnOutput(write_fd)
    own.write(b"hello")
    assert os.read(read_fd, 10) == b"hello"
    for _ in range(4):
        own.write(b"x" * MIB)
    assert own.is_pending
    assert own.dropped_bytes > 3 * MIB


def test_without_a_standard_output_everything_is_dropped() -> None:
    """It was closed before the process was started."""
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    os.close(write_fd)
    own = OwnOutput(write_fd)
    own.write(b"hello")
    assert own.dropped_bytes == 5
    own.close()
