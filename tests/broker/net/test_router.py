"""A real ROUTER and DEALERs of which some do not read: what waits is bounded in bytes, and nobody else waits."""

import select
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import zmq

from mainspring.broker.net import router as module
from mainspring.broker.net.router import (
    MULTIPART_BYTES_MAX,
    OUTBOX_BYTES_MAX,
    OUTBOX_FRAME_COST_BYTES,
    SEND_HIGH_WATER_MULTIPARTS,
    Router,
)
from mainspring.broker.wire.limits import FRAME_BYTES_MAX

Socket = zmq.Socket[bytes]

MIB = 1024 * 1024
ANSWER = bytes(MIB)
PATIENCE_MS = 10_000


class Pair:
    """A ROUTER and the DEALERs that have greeted it."""

    def __init__(self, endpoint: str) -> None:
        self.context: zmq.Context[Socket] = zmq.Context()
        self.endpoint = endpoint
        self.router = Router(self.context, [endpoint], FRAME_BYTES_MAX)
        self.sockets: list[Socket] = []

    def greet(self) -> tuple[Socket, bytes]:
        """Connects a peer that takes little unless it reads; returns its socket and the ROUTER's name for it."""
        socket = self.context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVHWM, 2)
        socket.connect(self.endpoint)
        socket.send(b"hello")
        self.sockets.append(socket)
        return socket, self.until(lambda: self.router.receive(1))[0][0]

    def until(self, found: Callable[[], list[tuple[bytes, bytes]]]) -> list[tuple[bytes, bytes]]:
        """Asks again whenever the ROUTER has news."""
        while True:
            pairs = found()
            if pairs:
                return pairs
            assert select.select([self.router.fd], [], [], PATIENCE_MS / 1e3)[0], "nothing has come"

    def fill(self, peer: bytes, frame: bytes, most: int) -> int:
        """Sends until the peer counts as gone; returns how many frames that took."""
        for sent in range(1, most + 1):
            if not self.router.send(peer, [frame]):
                return sent
        raise AssertionError(f"{most} frames were taken for a peer that does not read")

    def read(self, socket: Socket, want: bytes) -> int:
        """Reads on, flushing, until a frame comes; returns how many came before it."""
        before = 0
        while True:
            self.router.flush()
            if not socket.poll(10):
                continue
            for frame in socket.recv_multipart():
                if frame == want:
                    return before
                before += 1
                assert before < 10_000, "the frame has not come"

    def close(self) -> None:
        """Ends everything, whatever still waits."""
        for socket in self.sockets:
            socket.close()
        self.router.close()
        self.context.term()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A ROUTER over ipc."""
    pair = Pair(f"ipc://{tmp_path}/router.sock")
    yield pair
    pair.close()


def test_a_peer_that_does_not_read_is_bounded_and_gone_once(pair: Pair) -> None:
    """Memory stays within the budget, the peer is reported once, and one that reads is served all the while."""
    process = psutil.Process()
    _, stuck = pair.greet()
    reader, other = pair.greet()
    before = process.memory_info().rss
    own_bytes = (SEND_HIGH_WATER_MULTIPARTS + 16) * MIB  # the socket's own, and what the kernel and the peer took
    most = (OUTBOX_BYTES_MAX + own_bytes) // MIB
    for sent in range(1, most + 1):
        served = pair.router.send(stuck, [bytes([sent % 255 + 1]) * MIB])
        assert pair.router.waiting_bytes <= OUTBOX_BYTES_MAX
        assert pair.router.send(other, [b"%d" % sent])
        assert pair.read(reader, b"%d" % sent) == 0
        if not served:
            break
    else:
        raise AssertionError("a peer that does not read is never gone")
    assert pair.router.flush() == []
    assert (pair.router.waiting, pair.router.waiting_bytes) == (0, 0)
    assert process.memory_info().rss - before < OUTBOX_BYTES_MAX + 2 * own_bytes


def test_a_peer_that_reads_again_is_served_again(pair: Pair) -> None:
    """What was in the outbox is lost with it; what is sent later comes."""
    socket, peer = pair.greet()
    sent = pair.fill(peer, ANSWER, 1_000)
    assert pair.router.send(peer, [b"again"])
    assert pair.router.waiting == 1
    assert pair.read(socket, b"again") < sent - OUTBOX_BYTES_MAX // (MIB + OUTBOX_FRAME_COST_BYTES)
    assert pair.router.waiting == 0


def test_a_slow_peer_gets_everything_in_order(pair: Pair) -> None:
    """What waited leaves as the peer reads, and what is sent meanwhile comes after it."""
    socket, peer = pair.greet()
    texts = [b"%06d" % n + bytes(100_000) for n in range(250)]
    for text in texts:
        assert pair.router.send(peer, [text])
    assert pair.router.waiting == 1
    assert pair.router.send(peer, [b"last"])
    assert pair.read(socket, texts[0]) == 0
    for text in texts[1:]:
        assert pair.read(socket, text) == 0
    assert pair.read(socket, b"last") == 0
    assert (pair.router.waiting, pair.router.waiting_bytes) == (0, 0)


def test_a_large_turn_is_no_single_multipart(pair: Pair) -> None:
    """The socket counts multiparts, so none may hold all the answers of a turn; small ones do share."""
    socket, peer = pair.greet()
    frames = [b"%d" % n + bytes(MULTIPART_BYTES_MAX // 3) for n in range(4)]
    assert pair.router.send(peer, [b"small", b"ones"])
    assert pair.router.send(peer, [*frames, ANSWER])
    sizes = [socket.recv_multipart() for _ in range(4)]
    assert sizes == [[b"small", b"ones"], frames[:2], frames[2:], [ANSWER]]


def test_many_small_frames_are_bounded_too(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame is counted for more than its bytes."""
    monkeypatch.setattr(module, "OUTBOX_BYTES_MAX", 1_000 * OUTBOX_FRAME_COST_BYTES)
    _, peer = pair.greet()
    pair.fill(peer, ANSWER, 1_000)
    frames = 0
    while pair.router.send(peer, [b""] * 10):
        frames += 10
        assert pair.router.waiting_bytes == frames * OUTBOX_FRAME_COST_BYTES
    assert frames == 1_000


def test_over_all_peers_the_largest_outbox_goes(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not whoever came last; flush reports it, once."""
    monkeypatch.setattr(module, "OUTBOXES_BYTES_MAX", 10 * MIB)
    (_, large), (_, small) = pair.greet(), pair.greet()
    for peer, until_bytes in ((large, 8 * MIB), (small, 9 * MIB)):
        while pair.router.waiting_bytes < until_bytes:
            assert pair.router.send(peer, [ANSWER])
    while pair.router.waiting_bytes > 3 * MIB:
        assert pair.router.send(small, [ANSWER])
    assert pair.router.waiting == 2  # one to be reported, one that still waits
    assert pair.router.flush() == [large]
    assert pair.router.flush() == []
    assert pair.router.waiting == 1


def test_a_flush_tries_a_bounded_number_of_peers_in_turns(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that do not read cannot keep the others from their turn."""
    monkeypatch.setattr(module, "FLUSH_PEERS_MAX", 1)
    (_, stuck), (socket, peer) = pair.greet(), pair.greet()
    for each in (stuck, peer):
        waiting = pair.router.waiting
        while pair.router.waiting == waiting:
            assert pair.router.send(each, [ANSWER])
    assert pair.router.send(peer, [b"last"])
    assert pair.read(socket, b"last") > 0
    assert pair.router.waiting == 1


def test_a_peer_that_went_away_is_reported(pair: Pair) -> None:
    """By flush if something waited for it, and by send."""
    socket, peer = pair.greet()
    while not pair.router.waiting:
        assert pair.router.send(peer, [ANSWER])
    socket.close()
    gone: list[bytes] = []
    while not gone:
        select.select([pair.router.fd], [], [], 0.01)
        assert pair.router.receive(1) == []  # the end of a connection comes after all that it has brought
        gone = pair.router.flush()
    assert gone == [peer]
    assert not pair.router.send(peer, [b"late"])
    assert (pair.router.waiting, pair.router.waiting_bytes) == (0, 0)
