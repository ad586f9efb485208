"""The floor under every message: a ZeroMQ echo between two processes over ipc, with nothing behind it.

Decides what the floor is: a ROUTER in a process of its own that receives until nothing is left, sends everything
back and sleeps; a DEALER that asks in turn, or with 64 messages in flight. With 100 jobs a message both ends pack and
unpack their rows, as nobody can do without. No machine, no storage. `python -m mainspring.nodes.bench.echo ENDPOINT`
is the other process; it ends when its input does.
"""

import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import zmq

from ...broker.wire.packing import pack, unpack
from .sizes import Sizes

JOB_BYTES = 120
IN_FLIGHT = 64
JOBS_A_MESSAGE = 100
BULK_IN_FLIGHT = 8
_ARRAY_16 = 0xDC  # the first byte of a packed array of 16 to 65535 items

Socket = zmq.Socket[bytes]


class Echo:
    """The echoing process and a socket to it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "echo.sock"
        endpoint = f"ipc://{self._path}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, endpoint], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self._context: zmq.Context[Socket] = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.connect(endpoint)
        self.ask(b"hello")

    def ask(self, message: bytes) -> None:
        """Sends a message and waits for it to come back."""
        self.socket.send(message)
        self.socket.recv()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close(0)
        self._context.term()
        self._process.communicate()


def measure(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns jobs a second: in turn, 64 in flight, and 100 a message with 8 messages in flight."""
    with Echo(folder) as echo:
        message = b"x" * JOB_BYTES
        in_turn = _rate(echo.socket, message, sizes.echo_in_turn, 1)
        in_flight = _rate(echo.socket, message, sizes.echo_in_flight, IN_FLIGHT)
        bulk = _bulk_rate(echo.socket, sizes.echo_bulk_messages) * JOBS_A_MESSAGE
    return {"echo_in_turn": in_turn, "echo_in_flight": in_flight, "echo_bulk": bulk}


def _rate(socket: Socket, message: bytes, count: int, in_flight: int) -> float:
    """Returns messages a second, there and back."""
    begun = time.perf_counter()
    sent = back = 0
    while back < count:
        while sent < count and sent - back < in_flight:
            socket.send(message)
            sent += 1
        socket.recv()
        back += 1
        while back < count:
            try:
                socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            back += 1
    return count / (time.perf_counter() - begun)


def _bulk_rate(socket: Socket, count: int) -> float:
    """Returns messages of 100 jobs a second, rows to rows."""
    row = ["mainspring.nodes.bench.tasks.noop", "[[],{}]", "default", "default", 0, *[None] * 8]
    begun = time.perf_counter()
    sent = 0
    for back in range(count):
        while sent < count and sent - back < BULK_IN_FLIGHT:
            socket.send(pack([row] * JOBS_A_MESSAGE))
            sent += 1
        unpack(socket.recv())
    return count / (time.perf_counter() - begun)


def serve(endpoint: str) -> None:
    """Echoes until standard input ends."""
    context: zmq.Context[Socket] = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.bind(endpoint)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    poll = zmq.Poller()
    poll.register(socket, zmq.POLLIN)
    poll.register(sys.stdin.fileno(), zmq.POLLIN)
    while True:
        found = dict(poll.poll())
        if sys.stdin.fileno() in found:
            break
        while True:
            try:
                peer, message = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            socket.send_multipart([peer, pack(unpack(message)) if message[0] == _ARRAY_16 else message])
    socket.close(0)
    context.term()


if __name__ == "__main__":
    serve(sys.argv[1])
