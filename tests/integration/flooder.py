"""A program that does to a node what no client should, as fast as it can: `python flooder.py KIND URL`.

It says `flooding` once it has begun, and goes on until its standard input is closed; then it says what it has sent.
"""

import select
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count

import zmq

from mainspring.broker.wire.codec import encode
from mainspring.broker.wire.limits import FRAME_BYTES_MAX, IDS_MAX
from mainspring.broker.wire.messages import Await, ClientHello, Finished, Query, Submit

Socket = zmq.Socket[bytes]
SLICE_S = 0.05
CONNECTIONS_MAX = 400


class Flooder:
    """One hostile peer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.context: zmq.Context[Socket] = zmq.Context()
        self.context.set(zmq.MAX_SOCKETS, 10_000)
        self.sent = 0
        self.numbers = count(1)
        self.socket = self.connect()
        self.kept: list[Socket | socket.socket] = []

    def connect(self) -> Socket:
        """Makes a connection that never waits."""
        dealer = self.context.socket(zmq.DEALER)
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.connect(self.url)
        return dealer

    def send(self, *frames: bytes) -> None:
        """Sends, or waits a moment if the node takes no more; answers are thrown away."""
        try:
            self.socket.send_multipart(frames, zmq.NOBLOCK)
            self.sent += len(frames)
        except zmq.Again:
            self.socket.poll(5, zmq.POLLOUT)
        with suppress(zmq.Again):
            for _ in range(100):
                self.socket.recv(zmq.NOBLOCK)

    def malformed(self) -> None:
        """Nonsense in small frames, many to a multipart."""
        self.send(*[b"\xc1 nonsense"] * 100)

    def surplus(self) -> None:
        """Multiparts that have no end."""
        self.send(*[b""] * 50_000)

    def giant(self) -> None:
        """Frames as large as one may be, each of small values without end."""
        self.send(b"\x97\x01\x03\x00\x01\x01\x00\xdd\x00\xff\x00\x00" + bytes(FRAME_BYTES_MAX - 100))

    def oversized(self) -> None:
        """Frames larger than any may be."""
        self.send(bytes(FRAME_BYTES_MAX + 10_000))

    def queries(self) -> None:
        """Listings, and questions for thousands of jobs that do not exist."""
        number = next(self.numbers)
        ids = list(range(1 << 39, (1 << 39) + IDS_MAX))
        self.send(encode(Query(0, number, "jobs", {"limit": 1_000})))
        if number % 10 == 0:
            self.send(encode(Await(0, number, ids, True)))

    def hellos(self) -> None:
        """Greetings without end."""
        self.send(*[encode(ClientHello(None))] * 50)

    def forged(self) -> None:
        """Results for jobs that others run, and submits that cannot be taken."""
        number = next(self.numbers)
        rows = [[id, 1, 1, id, "failed", 1, 2, None, "forged", None, None, None, None] for id in range(1, 100)]
        self.send(encode(Finished(0, number, rows)), encode(Submit(0, 5, 1, 0, [[]] * 1_000)))

    def connections(self) -> None:
        """Connections that say something and are left, and raw ones that say nothing."""
        self.socket = self.connect()
        self.kept.append(self.socket)
        self.send(encode(ClientHello(None)))
        with suppress(OSError):
            raw = socket.socket(socket.AF_UNIX)
            raw.connect(self.url.removeprefix("ipc://"))
            self.kept.append(raw)
            raw.send(b"\xff")
        if len(self.kept) > CONNECTIONS_MAX:
            for each in self.kept:
                each.close()
            self.kept.clear()
            self.socket = self.connect()


def main(kind: str, url: str) -> None:
    """Floods until nobody wants it any more."""
    flooder = Flooder(url)
    act: Callable[[], None] = getattr(flooder, kind)
    act()
    print("flooding", flush=True)
    while True:
        until_s = time.monotonic() + SLICE_S
        while time.monotonic() < until_s:
            act()
        if select.select([sys.stdin], [], [], 0)[0]:
            break
    print(flooder.sent, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
