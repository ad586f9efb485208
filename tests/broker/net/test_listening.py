"""Connections that say nothing, or are too many, and what they cost the others: a real ROUTER on loopback."""

import contextlib
import select
import socket as sockets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from mainspring.broker.net import listening as module
from mainspring.broker.net.listening import connections_max
from mainspring.broker.net.router import Router
from mainspring.broker.wire.limits import CONNECTIONS_MAX, MULTIPART_FRAMES_MAX

Socket = zmq.Socket[bytes]

PATIENCE_MS = 10_000
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
FRAME_BYTES = 10_000


class Door:
    """A ROUTER with an ipc and a TCP endpoint, driven by hand."""

    def __init__(self, folder: Path, most: int = 1_000) -> None:
        self.context: zmq.Context[Socket] = zmq.Context()
        self.path = folder / "door.sock"
        with contextlib.closing(sockets.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]
        endpoints = [f"ipc://{self.path}", f"tcp://127.0.0.1:{self.port}"]
        self.router = Router(self.context, endpoints, FRAME_BYTES, most)
        self.peers: list[Socket] = []
        self.raw: list[sockets.socket] = []

    def until(self, condition: Callable[[], bool]) -> None:
        """Looks after the connections until something is so."""
        until_s = time.monotonic() + PATIENCE_MS / 1e3
        while time.monotonic() < until_s:
            self.router.readable()  # ZeroMQ does what it has to do when it is asked
            self.router.listening.look()
            if condition():
                return
            select.select(self.router.fds, [], [], 0.01)
        raise AssertionError(f"{self.router.listening.connections} connections, and what was waited for has not come")

    def peer(self, endpoint: str | None = None) -> Socket:
        """A DEALER of a good client; it has not sent anything yet."""
        socket = self.context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RECONNECT_IVL, 20)
        socket.connect(endpoint or f"ipc://{self.path}")
        self.peers.append(socket)
        return socket

    def stranger(self, said: bytes = b"") -> sockets.socket:
        """A raw TCP connection that says this."""
        raw = sockets.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_MS / 1e3)
        self.raw.append(raw)
        raw.sendall(said)
        return raw

    def hear(self, count: int) -> list[tuple[bytes, bytes]]:
        """Receives so many frames."""
        found: list[tuple[bytes, bytes]] = []

        def heard() -> bool:
            found.extend(self.router.receive(1_000))
            return len(found) >= count

        self.until(heard)
        return found

    def close(self) -> None:
        """Ends everything."""
        for each in (*self.peers, *self.raw):
            each.close()
        self.router.close()
        self.context.term()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """A door that is not wide, and patient for a moment only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "HANDSHAKE_MS", 200)
        door = Door(tmp_path, most=8)
    yield door
    door.close()


def is_closed(raw: sockets.socket) -> bool:
    """Waits until the other end has closed a connection."""
    try:
        while raw.recv(4096):
            pass
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize("said", [b"", GREETING[:1], GREETING[:40], GREETING, GREETING + b"\x04"], ids=len)
def test_who_does_not_finish_the_handshake_is_closed(door: Door, said: bytes) -> None:
    """Nothing, half a greeting, or one without what follows: after the time for it the connection is gone."""
    good = door.peer()
    good.send(b"before")
    raw = door.stranger(said)
    door.until(lambda: door.router.listening.connections == 2)
    assert is_closed(raw)
    door.until(lambda: door.router.listening.connections == 1)
    assert door.router.listening.handshakes_failed == 1
    good.send(b"after")
    assert [frame for _, frame in door.hear(2)] == [b"before", b"after"]


def test_who_dribbles_is_closed_no_later(door: Door) -> None:
    """A byte now and then does not make the time for the handshake longer."""
    raw = door.stranger()
    door.until(lambda: door.router.listening.connections == 1)
    sent = 0
    with contextlib.suppress(ConnectionError):
        for byte in GREETING:
            raw.send(bytes([byte]))
            sent += 1
            select.select([], [], [], 0.02)
    assert is_closed(raw)
    door.until(lambda: door.router.listening.connections == 0)
    assert 0 < sent <= len(GREETING)


def test_a_giant_ends_its_own_connection_alone(door: Door) -> None:
    """ZeroMQ does not take in a frame above the bound; who sends it connects again, the others go on."""
    good, bad = door.peer(), door.peer()
    bad.send(b"small")
    good.send(b"good")
    assert sorted(frame for _, frame in door.hear(2)) == [b"good", b"small"]
    bad.send(bytes(FRAME_BYTES + 2_000))
    door.until(lambda: door.router.listening.accepted == 3)
    good.send(b"still good")
    bad.send(b"small again")
    assert sorted(frame for _, frame in door.hear(2)) == [b"small again", b"still good"]
    assert door.router.listening.connections == 2


def test_connections_above_the_bound_are_closed(door: Door) -> None:
    """Those that are there go on, in both directions; when some have ended, who was late comes in by itself."""
    listening = door.router.listening
    good = door.peer()
    good.send(b"first")
    ((name, _),) = door.hear(1)
    crowd = [door.peer() for _ in range(7)]
    door.until(lambda: listening.connections == 8)
    assert listening.is_crowded
    late, raw = door.peer(), door.stranger()
    door.until(lambda: listening.turned_away >= 3)
    assert is_closed(raw)
    good.send(b"second")
    assert door.hear(1) == [(name, b"second")]
    assert door.router.send(name, [b"answer"])
    assert good.poll(PATIENCE_MS)
    for socket in crowd[:4]:
        socket.close()
        door.peers.remove(socket)
    door.until(lambda: listening.connections == 5)
    late.send(b"late")
    assert [frame for _, frame in door.hear(1)] == [b"late"]
    assert not listening.is_crowded


def test_a_descriptor_that_is_another_s_by_now_is_left_alone(tmp_path: Path) -> None:
    """What was a connection a moment ago may be a file, or nothing."""
    path = tmp_path / "file"
    with path.open("w") as file:
        module._shut([file.fileno(), 1 << 20])
        file.write("whole")
    assert path.read_text() == "whole"


def test_half_of_the_descriptors_are_for_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log and the shard files need theirs, whoever connects."""
    for soft, most in (
        (64, 32),
        (1_024, 512),
        (10**6, CONNECTIONS_MAX),
        (module.resource.RLIM_INFINITY, CONNECTIONS_MAX),
    ):
        monkeypatch.setattr(module.resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert connections_max() == most


def test_a_long_multipart_is_cut_and_read_in_portions(door: Door) -> None:
    """It takes several calls, each bounded; what is above the bound is dropped and counted."""
    good, bad = door.peer(), door.peer()
    parts = [b"%d" % number for number in range(3 * MULTIPART_FRAMES_MAX)]
    bad.send_multipart(parts)
    door.until(door.router.readable)
    found: list[bytes] = []
    while len(found) + door.router.surplus_frames < len(parts):
        portion = door.router.receive(100)
        assert len(portion) <= 100
        found += [frame for _, frame in portion]
    assert found == parts[:MULTIPART_FRAMES_MAX]
    assert door.router.surplus_frames == len(parts) - MULTIPART_FRAMES_MAX
    good.send(b"good")
    assert [frame for _, frame in door.hear(1)] == [b"good"]


def test_peers_are_read_in_turns(door: Door) -> None:
    """However much one has sent, another one's message does not wait for all of it."""
    good, bad = door.peer(), door.peer()
    good.send(b"hello")
    assert len(door.hear(1)) == 1
    bad.setsockopt(zmq.SNDHWM, 0)
    flood = 20_000
    for _ in range(flood):
        bad.send(b"bad")
    door.until(door.router.readable)
    good.send(b"good")
    found: list[bytes] = []
    while b"good" not in found:
        found += [frame for _, frame in door.hear(1)]
        assert len(found) < flood, "it has waited for everything that another one has sent"


def test_a_call_takes_a_bounded_number_of_bytes(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large frames are spread over turns, so that the machines have theirs in between."""
    monkeypatch.setattr("mainspring.broker.net.router.RECEIVE_BYTES", 25_000)
    bad = door.peer()
    for _ in range(10):
        bad.send(bytes(FRAME_BYTES))
    sizes: list[int] = []

    def heard() -> bool:
        portion = door.router.receive(1_000)
        sizes.append(len(portion))
        return sum(sizes) == 10

    door.until(heard)
    assert max(sizes) <= 3
