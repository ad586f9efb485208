"""A process ends with the one that started it, however early that one dies."""

import os
import select
import signal
import subprocess
import sys

import pytest

from mainspring.nodes.processes.death import EXIT_ORPHAN

CODE = "from mainspring.nodes.processes.death import die_with_parent; {call}; print('goes on')"


@pytest.mark.parametrize(
    ("call", "words", "status"),
    [
        ("die_with_parent({own})", [], 0),
        ("die_with_parent({own} + 1)", [], EXIT_ORPHAN),
        ("die_with_parent()", ["{own}"], 0),
        ("die_with_parent()", ["1"], EXIT_ORPHAN),
        ("die_with_parent()", [], 0),
    ],
)
def test_an_orphan_leaves_before_it_begins(call: str, words: list[str], status: int) -> None:
    """A parent that is another one than was told has died in between; started by hand, any is right."""
    own = str(os.getpid())
    code = CODE.format(call=call.format(own=own))
    done = subprocess.run(
        [sys.executable, "-c", code, *(word.format(own=own) for word in words)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (status, "" if status else "goes on\n")


def test_it_dies_with_its_parent() -> None:
    """SIGKILL of the parent must reach the child, which holds the other end of the pipe."""
    child = (
        "from mainspring.nodes.processes.death import die_with_parent; die_with_parent(); print(1, flush=True); input()"
    )
    parent = f"import os, subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}, str(os.getpid())])"
    process = subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        assert process.stdout.readline() == b"1\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert select.select([process.stdout], [], [], 20)[0], "the child lives on"
        assert process.stdout.read() == b""
