"""What a child reads: whole frames, however they are cut."""

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.nodes.runners import frames
from mainspring.nodes.runners.inbox import RECEIVE_BYTES, Inbox

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """The parent's end and the child's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_nothing_there_is_nothing_read(pair: Pair) -> None:
    """Without `wait` it never blocks, not even with a part of a frame in hand."""
    inbox = Inbox(pair[1])
    ping = frames.pack([frames.PING, 1])

    assert inbox.receive() == []
    pair[0].sendall(ping[:3])
    assert inbox.receive() == []
    pair[0].sendall(ping[3:] + ping[:1])
    assert inbox.receive() == [[frames.PING, 1]]


def test_waiting_ends_with_a_whole_frame(pair: Pair) -> None:
    """A part of a frame is nothing to come back with."""
    ping = frames.pack([frames.PING, 1])
    pair[0].sendall(ping[:-1])
    sender = threading.Thread(target=pair[0].sendall, args=(ping[-1:],))
    sender.start()

    arrived = Inbox(pair[1]).receive(wait=True)

    sender.join()
    assert arrived == [[frames.PING, 1]]


def test_a_frame_larger_than_one_read_comes_whole(pair: Pair) -> None:
    """So does what stands behind it."""
    large = frames.pack([frames.FAILED, "x" * (3 * RECEIVE_BYTES)])
    sender = threading.Thread(target=pair[0].sendall, args=(large + frames.pack([frames.STOP]),))
    sender.start()
    inbox = Inbox(pair[1])

    arrived = inbox.receive(wait=True)
    while len(arrived) < 2:
        arrived += inbox.receive(wait=True)

    sender.join()
    assert [len(frame) for frame in arrived] == [2, 1]


@given(st.lists(st.integers(1, 40), max_size=30))
def test_frames_come_in_order_however_they_are_cut(cuts: list[int]) -> None:
    """Every frame comes once."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        inbox, told = Inbox(theirs), []
        data = b"".join(frames.pack([frames.PING, n]) for n in range(20))
        for size in [*cuts, len(data)]:
            ours.sendall(data[:size])
            data = data[size:]
            told += inbox.receive()

    assert told == [[frames.PING, n] for n in range(20)]
