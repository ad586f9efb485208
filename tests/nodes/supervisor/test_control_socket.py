"""What a peer of the control socket may do, and what becomes of one that does more, or nothing."""

import json
import os
import select
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mainspring.nodes.supervisor import control_socket
from mainspring.nodes.supervisor.control_socket import (
    ANSWERS_BYTES_MAX,
    CONNECTIONS_MAX,
    PATIENCE_NS,
    REQUEST_BYTES_MAX,
    ControlSocket,
)
from mainspring.nodes.supervisor.errors import NodeError

NOBODY = 65534


class Bench:
    """A control socket whose clock stands still until it is moved, and its peers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.control = ControlSocket(path)
        self.now_ns = 0
        self.peers: list[socket.socket] = []

    def connect(self) -> socket.socket:
        """Connects a peer."""
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(10)
        peer.connect(str(self.path))
        self.peers.append(peer)
        return peer

    def turn(self) -> list[tuple[int, bytes]]:
        """Takes what has come until nothing more comes."""
        requests: list[tuple[int, bytes]] = []
        while True:
            poll = select.poll()
            for fd, events in self.control.watched(self.now_ns).items():
                poll.register(fd, events)
            found = dict(poll.poll(0))
            wake_ns = self.control.wake_ns(self.now_ns)
            if not found and (wake_ns is None or wake_ns > self.now_ns):
                return requests
            requests += self.control.turn(found, self.now_ns)

    def asked(self, line: bytes = b'{"do": "status"}') -> tuple[socket.socket, int]:
        """Has a peer ask; gives it with its number."""
        peer = self.connect()
        peer.sendall(line + b"\n")
        ((number, heard),) = self.turn()
        assert heard == line
        return peer, number


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A control socket."""
    made = Bench(tmp_path / "control.sock")
    yield made
    made.control.close()
    for peer in made.peers:
        peer.close()


def answers(peer: socket.socket) -> list[dict[str, Any]]:
    """Reads until the other side closes."""
    with peer.makefile("rb") as lines:
        return [json.loads(line) for line in lines]


def test_it_is_private_and_replaces_one_that_was_left(tmp_path: Path) -> None:
    """Mode 0600 from the start; what a killed node has left must not be in the way, and it leaves nothing itself."""
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    before = os.umask(0)
    try:
        with closing(ControlSocket(path)):
            assert path.stat().st_mode & 0o777 == 0o600
            assert os.umask(0) == 0, "the mask is as it was"
    finally:
        os.umask(before)
    assert not path.exists()


def test_what_cannot_be_replaced_is_told(tmp_path: Path) -> None:
    """A folder in its place must be named with the mend."""
    (tmp_path / "control.sock" / "x").mkdir(parents=True)
    with pytest.raises(NodeError, match=r"control\.sock: cannot be made \(.*\): remove what is there, or give another"):
        ControlSocket(tmp_path / "control.sock")


def test_a_request_is_answered_line_by_line(bench: Bench) -> None:
    """Its number must lead back to it, and the connection ends with the last line."""
    first, one = bench.asked()
    second, two = bench.asked(b"anything")
    assert 0 < one < two
    bench.control.tell(two, 0, event="restarting", process="e-1")
    bench.control.end(one, 0, ok=True)
    bench.control.end(two, 0, ok=False, code="failed")
    bench.control.end(two, 0, ok=True)
    assert answers(first) == [{"done": True, "ok": True}]
    assert answers(second) == [
        {"event": "restarting", "process": "e-1"},
        {"done": True, "ok": False, "code": "failed"},
    ]


def test_a_request_may_come_in_pieces(bench: Bench) -> None:
    """It must be whole before anybody hears of it; what follows it is not read."""
    peer = bench.connect()
    heard = []
    for piece in (b'{"do"', b': "sta', b'tus"}\n{"do": "reload"}\n'):
        peer.sendall(piece)
        heard.append(bench.turn())
    assert heard == [[], [], [(1, b'{"do": "status"}')]]


def test_a_line_too_long_is_refused(bench: Bench) -> None:
    """Neither with an end nor without may it take more than its bytes."""
    for line in (b"x" * (REQUEST_BYTES_MAX + 1) + b"\n", b"x" * (REQUEST_BYTES_MAX + 1)):
        peer = bench.connect()
        peer.sendall(line)
        assert bench.turn() == []
        (told,) = answers(peer)
        assert told["code"] == "malformed"
        assert told["text"] == "a request has at most 4096 bytes: send a shorter one"
    assert bench.asked(b"x" * REQUEST_BYTES_MAX)[1] == 3


def test_a_line_without_an_end_is_refused(bench: Bench) -> None:
    """At the end of the stream at once, else when its time is over; who says nothing and goes is just gone."""
    ended, slow, silent = bench.connect(), bench.connect(), bench.connect()
    ended.sendall(b'{"do"')
    ended.shutdown(socket.SHUT_WR)
    slow.sendall(b'{"do"')
    silent.close()
    assert bench.turn() == []
    assert answers(ended)[0]["text"] == "the request has no end: send a line end behind it"
    bench.now_ns = PATIENCE_NS - 1
    assert bench.turn() == []
    assert bench.control.wake_ns(bench.now_ns) == PATIENCE_NS
    bench.now_ns = PATIENCE_NS
    assert bench.turn() == []
    assert answers(slow)[0]["text"] == "no whole request within 5 s: send one line, with its end"
    assert bench.control.wake_ns(bench.now_ns) is None


def test_a_new_peer_does_not_inherit_what_was_found_of_its_descriptor(bench: Bench) -> None:
    """The supervisor closes pipes of a dead process in the turn in which a peer gets their numbers."""
    read_fd, write_fd = os.pipe()
    os.close(write_fd)
    found = {read_fd: select.POLLHUP, **dict.fromkeys(bench.control.watched(0), select.POLLIN)}
    peer = bench.connect()
    os.close(read_fd)
    peer.sendall(b"here\n")
    assert bench.control.turn(found, 0) == []
    assert bench.turn() == [(1, b"here")]


def test_too_many_connections_are_refused(bench: Bench) -> None:
    """Those that are there must stay, the next one hears why, and a place that is free again is given."""
    kept = [bench.asked() for _ in range(CONNECTIONS_MAX)]
    refused = bench.connect()
    assert bench.turn() == []
    (told,) = answers(refused)
    assert (told["code"], told["text"]) == ("overloaded", "16 connections are open: end some, and ask again")
    kept[0][0].close()
    bench.turn()
    peer, number = bench.asked()
    for asker, asked in (kept[1], (peer, number)):
        bench.control.end(asked, 0, ok=True)
        assert answers(asker) == [{"done": True, "ok": True}]


def test_a_peer_that_reads_nothing_is_dropped(bench: Bench) -> None:
    """After its patience, or at once when too much waits for it; telling it must not block."""
    _, slow = bench.asked()
    _, full = bench.asked()
    text = "x" * 100_000
    for _ in range(8):
        bench.control.tell(slow, 0, text=text)
    for _ in range(ANSWERS_BYTES_MAX // len(text) + 8):
        bench.control.tell(full, 0, text=text)
    assert len(bench.control.watched(0)) == 2, "the listener and the slow one"
    bench.now_ns = PATIENCE_NS
    bench.turn()
    assert len(bench.control.watched(bench.now_ns)) == 1


def test_a_slow_reader_gets_everything(bench: Bench) -> None:
    """What does not fit at once must follow when it reads on, and be whole."""
    peer, number = bench.asked()
    said = [{"event": "e", "number": each, "text": "x" * 50_000} for each in range(15)]
    for row in said:
        bench.control.tell(number, 0, **row)
    bench.control.end(number, 0, ok=True)
    data = b""
    while piece := peer.recv(65_536):
        data += piece
        bench.turn()
    assert [json.loads(line) for line in data.splitlines()] == [*said, {"done": True, "ok": True}]


def test_who_waits_may_go_and_may_wait_long(bench: Bench) -> None:
    """A reload may take longer than the patience; one that is gone is forgotten."""
    peer, number = bench.asked()
    bench.now_ns = 100 * PATIENCE_NS
    assert bench.turn() == []
    bench.control.tell(number, bench.now_ns, event="ready")
    peer.close()
    bench.turn()
    assert len(bench.control.watched(bench.now_ns)) == 1
    bench.control.end(number, bench.now_ns, ok=True)


def test_an_accept_that_fails_is_not_tried_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without descriptors the supervisor must not spin; a second later it listens again."""

    class Deaf:
        def accept(self) -> None:
            raise OSError(24, "Too many open files")

        def fileno(self) -> int:
            return listener.fileno()

    listener = bench.control._listener
    bench.connect()
    monkeypatch.setattr(bench.control, "_listener", Deaf())
    bench.turn()
    assert bench.control.watched(0) == {}
    monkeypatch.setattr(bench.control, "_listener", listener)
    bench.now_ns = bench.control.wake_ns(0) or 0
    assert bench.now_ns == control_socket.ACCEPT_PAUSE_NS
    bench.turn()
    assert len(bench.control.watched(bench.now_ns)) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take another user's place")
def test_another_user_is_refused() -> None:
    """Even one whom the file lets in must be turned away; the kernel says who it is."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        bench = Bench(Path(folder, "control.sock"))
        bench.path.chmod(0o666)
        ready_fd, told_fd = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.setgroups([])
                os.setuid(NOBODY)
                with socket.socket(socket.AF_UNIX) as peer:
                    peer.settimeout(10)
                    peer.connect(str(bench.path))
                    peer.sendall(b'{"do": "reload"}\n')
                    os.write(told_fd, b"x")
                    status = 0 if answers(peer)[0]["code"] == "not_allowed" else 2
            finally:
                os._exit(status)
        os.read(ready_fd, 1)
        assert bench.turn() == []
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        bench.control.close()
        os.close(ready_fd)
        os.close(told_fd)


@pytest.mark.parametrize(("peer_uid", "own_uid", "may"), [(7, 7, True), (0, 7, True), (8, 7, False), (7, 0, False)])
def test_the_nodes_user_and_root_may_ask(peer_uid: int, own_uid: int, may: bool) -> None:
    """Nobody else may, not even to root's node."""
    assert control_socket.may_ask(peer_uid, own_uid) is may
