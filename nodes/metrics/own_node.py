"""Asks a node's own coordinator for its metrics, and nobody else.

Decides that a member of a cluster speaks for itself alone: a client would follow the shards to their leaders, and every
node would tell the same. Each call has a connection of its own, for a scrape comes on a thread of its own. Must not
know what the rows mean.
"""

import time
from typing import Any, Final

import zmq

from ...broker.net.address import speak
from ...broker.net.exceptions import RequestRefused, Unreachable
from ...broker.wire.codec import WireError, decode, encode
from ...broker.wire.messages import ClusterAsk, ClusterShown, Listing, Query, Refused

METRICS: Final = "metrics"


class OwnNode:
    """A node's coordinator, as its exporter asks it.

    Args:
        endpoint: where it listens.
        timeout_s: how long an answer may take.
    """

    def __init__(self, endpoint: str, timeout_s: float) -> None:
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def ask(self) -> list[list[Any]]:
        """Returns rows [name, labels, value] of all shards.

        Raises:
            Unreachable: the coordinator does not answer in time.
            RequestRefused: it refuses.
        """
        with self._context.socket(zmq.DEALER) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            speak(socket, self._endpoint)
            socket.connect(self._endpoint)
            return self._asked(socket)

    def _asked(self, socket: zmq.Socket[bytes]) -> list[list[Any]]:
        until_s = time.monotonic() + self._timeout_s
        found: list[list[Any]] = []
        missing: set[int] | None = None
        socket.send(encode(ClusterAsk(0)))  # which shards there are
        while missing is None or missing:
            left_s = until_s - time.monotonic()
            if left_s <= 0 or not socket.poll(max(1, round(left_s * 1000))):
                raise Unreachable(f"{self._endpoint} has not answered within {self._timeout_s:g} s", "unreachable")
            for frame in socket.recv_multipart():
                try:
                    message = decode(frame)
                except WireError as error:
                    raise RequestRefused(f"{self._endpoint} says what is no answer: {error}", error.code) from None
                if isinstance(message, Refused):
                    raise RequestRefused(f"{self._endpoint} refuses: {message.text}", message.code)
                if isinstance(message, ClusterShown) and missing is None:
                    missing = {row[0] for row in message.groups}
                    socket.send_multipart([encode(Query(shard, shard, METRICS, {})) for shard in missing])
                elif isinstance(message, Listing) and missing is not None and message.shard in missing:
                    missing.remove(message.shard)
                    found += message.rows
        return found

    def close(self) -> None:
        """Ends its use."""
        self._context.term()
