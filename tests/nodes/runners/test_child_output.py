"""What children write: taken in bounded parts, kept at its end, and never waited for."""

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runner_children import Child, a_run

from mainspring.broker.wire.limits import OUTPUT_BYTES_MAX
from mainspring.nodes.runners.child_output import DRAIN_READS, READ_BYTES, ChildOutput
from mainspring.nodes.runners.kept_output import KeptEnd

SpawnChild = Callable[..., Child]


@pytest.fixture
def pipe() -> Iterator[tuple[ChildOutput, int]]:
    """An output, and the end that a child writes to."""
    read_fd, write_fd = os.pipe()
    output = ChildOutput(read_fd)
    yield output, write_fd
    output.close()
    os.close(write_fd)


@given(parts=st.lists(st.binary(max_size=40)), bytes_max=st.integers(1, 30))
def test_the_end_is_kept_whatever_comes_in_which_parts(parts: list[bytes], bytes_max: int) -> None:
    """As text that takes no more bytes than it may."""
    kept = KeptEnd(bytes_max)
    for part in parts:
        kept.take(part)
    text = kept.text()
    whole = b"".join(parts)
    assert (text is None) == (not whole)
    if text is not None:
        assert len(text.encode()) <= bytes_max
        assert whole.decode(errors="replace").endswith(text)


def test_what_was_forgotten_is_not_told_again(pipe: tuple[ChildOutput, int]) -> None:
    """The next run begins with nothing."""
    output, write_fd = pipe
    os.write(write_fd, b"one\n")
    assert output.drain() == b"one\n"
    assert (output.text(), output.has_stirred) == ("one\n", True)
    output.forget()
    assert (output.text(), output.has_stirred) == (None, False)
    os.write(write_fd, b"two\n")
    assert output.read() == b"two\n"
    assert output.text() == "two\n"
    assert output.read() == b""


def test_a_writer_without_end_is_left_after_a_bounded_part() -> None:
    """Somebody who fills the pipe as fast as it is read does not keep the reader."""
    with open("/dev/zero", "rb") as zero:  # noqa: PTH123  (a descriptor is wanted)
        output = ChildOutput(os.dup(zero.fileno()))
        assert len(output.drain()) == DRAIN_READS * READ_BYTES
        assert output.text() == "\0" * OUTPUT_BYTES_MAX
        output.close()


def test_a_pipe_that_nobody_holds_any_more_is_closed(pipe: tuple[ChildOutput, int]) -> None:
    """So that it is not polled for ever; what came stays."""
    output, write_fd = pipe
    os.write(write_fd, b"last words")
    null_fd = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null_fd, write_fd)
    os.close(null_fd)
    assert output.drain() == b"last words"
    assert output.read() == b""
    assert output.fd == -1
    assert output.text() == "last words"


@pytest.mark.parametrize("kind", ["process", "asyncio", "thread"])
def test_a_child_writes_both_streams_into_one_pipe_line_by_line(spawn: SpawnChild, kind: str) -> None:
    """In the order in which it was written, and before its result is told."""
    head = "async " if kind == "asyncio" else ""
    runner = f"(runner='{kind}')" if kind == "thread" else ""
    source = f"import os, sys\n@task{runner}\n{head}def talks() -> None:\n"
    source += "    print('one')\n    print('two', file=sys.stderr)\n    os.write(1, b'three')\n"
    child = spawn(kind, source)
    child.run(a_run(1, "jobs.talks"))
    assert child.result()[1] == "succeeded"
    assert child.handle.output is not None
    assert child.handle.output.drain() == b"one\ntwo\nthree"
