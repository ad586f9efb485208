"""The parent's end of a child: it never blocks, and tells how the child ended."""

import os
import signal
from collections.abc import Callable

import pytest
from runner_children import Child, wait_for_exit

from mainspring.nodes.runners import frames
from mainspring.nodes.runners.handle import ChildHandle, describe_exit

SpawnChild = Callable[..., Child]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "exited with status 0"),
        (3, "exited with status 3"),
        (-11, "killed by signal 11 (SIGSEGV)"),
        (-9, "killed by signal 9 (SIGKILL)"),
        (-99, "killed by signal 99"),
    ],
)
def test_an_exit_is_described(status: int, text: str) -> None:
    """Statuses and signals read as a person would say them."""
    assert describe_exit(status) == text


def test_output_waits_up_to_its_bound(spawn: SpawnChild) -> None:
    """To a child that does not read, sends are kept up to the bound, then refused whole; none blocks."""
    child = spawn("process", "")
    os.kill(child.handle.pid, signal.SIGSTOP)
    ping = frames.pack([frames.FAILED, "x" * 1_000_000])

    taken = 0
    while child.handle.send(ping):
        taken += 1

    assert 31 <= taken <= 34
    assert child.handle.wants_write
    child.handle.kill()
    child.end()
    child.handle.flush()
    assert not child.handle.wants_write


def test_an_interrupt_goes_behind_the_output(spawn: SpawnChild) -> None:
    """While a CANCEL waits to be sent its signal waits as well, and follows at the flush."""
    child = spawn("process", "import signal\nsignal.signal(signal.SIGUSR2, lambda *_: None)\n")
    os.kill(child.handle.pid, signal.SIGSTOP)
    for _ in range(1000):
        assert child.handle.send(frames.pack([frames.PING, 1]) * 1000)
        if child.handle.wants_write:
            break
    child.handle.send(frames.pack([frames.CANCEL, [1], "timeout"]))
    child.handle.interrupt()
    assert not _is_pending(child.handle.pid, signal.SIGUSR1)

    os.kill(child.handle.pid, signal.SIGCONT)
    while child.handle.wants_write:
        child.next_frame()

    child.handle.send(frames.pack([frames.PING, 2]))
    while child.next_frame() != [frames.PONG, 2]:
        pass


def _is_pending(pid: int, number: signal.Signals) -> bool:
    with open(f"/proc/{pid}/status", encoding="ascii") as status:  # noqa: PTH123  (a line of procfs)
        pending = next(line for line in status if line.startswith("ShdPnd:"))
    return bool(int(pending.split()[1], 16) >> (number - 1) & 1)


def test_reap_tells_the_status_once_it_is_there(spawn: SpawnChild) -> None:
    """A live child has no status; a dead one keeps its status, and signals to it do no harm."""
    child = spawn("process", "")
    assert child.handle.reap() is None

    child.handle.kill()
    wait_for_exit(child.handle.pid)

    assert child.handle.reap() == child.handle.reap() == -signal.SIGKILL
    child.handle.kill()
    child.handle.interrupt()


def test_a_handle_closes(spawn: SpawnChild) -> None:
    """After `close` nothing is received and nothing raises."""
    child = spawn("process", "")

    child.handle.close()

    assert child.handle.closed
    assert child.handle.receive() == []
    assert child.handle.fileno() == -1
    assert isinstance(child.handle, ChildHandle)
