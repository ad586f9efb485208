"""Coordinator shards in a thread, behind a real ROUTER: what a client's sockets can be tried against.

Decides what is lost on the way, if a test wants it; the rest is shard_in_memory.py.
"""

import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zmq
from shard_in_memory import ShardsInMemory

from mainspring.broker.net.clock import read_clocks
from mainspring.broker.net.router import Router
from mainspring.broker.wire.codec import decode, encode
from mainspring.broker.wire.limits import FRAME_BYTES_MAX
from mainspring.broker.wire.messages import Message


class Served:
    """A serving thread. `lose` is asked about every message to a client, on that thread: True loses it."""

    def __init__(self, endpoint: str, context: zmq.Context | None = None, **settings: Any) -> None:
        """Starts to serve; `settings` are those of ShardsInMemory."""
        self.endpoint = endpoint
        self.lose: Callable[[Message], bool] = lambda message: False
        self.received: list[Message] = []
        self.shards = ShardsInMemory(read_clocks(), **settings)
        self._own_context = context is None
        self._context = context or zmq.Context()
        self._stop_read, self._stop_write = os.pipe()
        self._orders: list[Callable[[], None]] = []
        self.start()

    def start(self) -> None:
        """Binds and serves."""
        self._router = Router(self._context, [self.endpoint], FRAME_BYTES_MAX)
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def order(self, what: Callable[[], None]) -> None:
        """Has something done on the serving thread, and waits for it."""
        done = threading.Event()

        def do() -> None:
            what()
            done.set()

        self._orders.append(do)
        self._ring()
        assert done.wait(10), "the serving thread is dead"

    def stop(self) -> None:
        """Stops to serve and closes the socket; what the shards hold stays."""
        self._stopping = True
        self._ring()
        self._thread.join()
        self._router.close()

    def restart(self) -> None:
        """Kills the coordinator and starts it again at the same endpoint."""
        self.stop()
        self.shards.restart(read_clocks())
        self.start()

    def close(self) -> None:
        """Ends everything."""
        if self._thread.is_alive():
            self.stop()
        if self._own_context:
            self._context.term()
        os.close(self._stop_read)
        os.close(self._stop_write)

    def _ring(self) -> None:
        os.write(self._stop_write, b"!")

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._router.fd, select.POLLIN)
        poll.register(self._stop_read, select.POLLIN)
        shards, router = self.shards, self._router
        while True:
            for peer, frame in router.receive(1000):
                message = decode(frame)
                self.received.append(message)
                shards.deliver(peer, message)
            frames: dict[bytes, list[bytes]] = {}
            for send in shards.run(read_clocks()):
                if not self.lose(send.message):
                    frames.setdefault(send.peer, []).append(encode(send.message))
            for peer, parts in frames.items():
                if not router.send(peer, parts):
                    shards.gone(peer)
            if self._stopping:
                return
            if router.readable():
                continue
            wake_ns = shards.wake_ns()
            wait_ms = None if wake_ns is None else max(0, -(-(wake_ns - read_clocks().elapsed_ns) // 1_000_000))
            if (self._stop_read, select.POLLIN) in poll.poll(wait_ms):
                os.read(self._stop_read, 4096)
                while self._orders:
                    self._orders.pop(0)()


@contextmanager
def serve_shard(folder: Path, **settings: Any) -> Iterator[Served]:
    """Serves on an ipc socket in a folder for the time of a block."""
    served = Served(f"ipc://{folder}/coordinator.sock", **settings)
    try:
        yield served
    finally:
        served.close()
