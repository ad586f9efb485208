"""What a supervisor tells a running process is obeyed, and what it cannot mean changes nothing."""

import logging
import os
from collections.abc import Iterator

import pytest

from mainspring.nodes.processes import orders


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    """Puts the level of this process back."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.INFO)
    yield
    root.setLevel(before)


def test_a_level_is_obeyed_and_told(caplog: pytest.LogCaptureFixture) -> None:
    """The line that says so must come through, whether the log opens or closes."""
    told: list[list[str]] = []
    for level in ("error", "debug"):
        caplog.clear()
        orders.obey(orders.level_order(level))
        told.append(caplog.messages)
    assert logging.getLogger().level == logging.DEBUG
    assert told == [["logs from level error on"], ["logs from level debug on"]]


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"7", b"{}", b'{"log_level": "loud"}', b'{"log_level": []}', b"\xff"]
)
def test_what_no_version_means_changes_nothing(line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A warning must tell it, and the next order still counts."""
    orders.obey(line)
    assert logging.getLogger().level == logging.INFO
    assert caplog.messages[0].startswith("the supervisor orders what this version does not know: ")


def test_orders_come_through_the_pipe_until_it_ends() -> None:
    """The thread must read line by line, and end with the pipe."""
    read_fd, write_fd = os.pipe()
    thread = orders.follow_orders(read_fd)
    assert thread is not None
    for level in ("debug", "warning"):
        assert orders.write_order(write_fd, orders.level_order(level))
    os.close(write_fd)
    thread.join(20)
    assert not thread.is_alive()
    assert logging.getLogger().level == logging.WARNING
    assert orders.follow_orders(None) is None


def test_a_process_that_takes_no_orders_is_not_waited_for() -> None:
    """Neither a full pipe nor a closed one may hold the supervisor up."""
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    order = orders.level_order("info")
    count = 0
    while orders.write_order(write_fd, order):
        count += 1
    assert count >= 100
    os.close(read_fd)
    assert not orders.write_order(write_fd, order)
    os.close(write_fd)
