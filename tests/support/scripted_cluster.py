"""Three coordinators of one shard behind real ROUTERs, as clients see them: who leads is for the test to say.

It decides nothing about jobs: each is taken once and succeeds when the test says so. What is taken is known to whoever
leads next, as if it had been replicated.
"""

import os
import select
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq

from mainspring.broker.net.router import Router
from mainspring.broker.wire.codec import decode, encode
from mainspring.broker.wire.limits import FRAME_BYTES_MAX
from mainspring.broker.wire.messages import (
    Await,
    ClientHello,
    ClientWelcome,
    ClusterMap,
    Ended,
    HelloNeeded,
    Message,
    Refused,
    Submit,
    Submitted,
)

CLUSTER = "test"


class ScriptedCluster:
    """Nodes a, b and c; the first one leads under epoch 1."""

    def __init__(self, folder: Path) -> None:
        self.endpoints = {name: f"ipc://{folder}/{name}.sock" for name in "abc"}
        self.leader: str | None = "a"
        self.epoch = 1
        self.members = dict(self.endpoints)
        self.taken: dict[tuple[int, int], int] = {}
        self.awaited: set[int] = set()
        self.has_ended = False
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.nodes = {name: ScriptedNode(self, name) for name in self.endpoints}

    @property
    def url(self) -> str:
        """All endpoints."""
        return ",".join(self.endpoints.values())

    def kill(self, name: str) -> None:
        """A node is gone, and with it its connections; nobody leads if it did."""
        if self.leader == name:
            self.leader = None
        self.nodes.pop(name).close()

    def elect(self, name: str) -> None:
        """A node comes to lead, and tells all that have greeted it."""
        self.leader, self.epoch = name, self.epoch + 1
        self.nodes[name].order(self.nodes[name].call)

    def tell(self) -> None:
        """All nodes send their maps."""
        for node in self.nodes.values():
            node.order(node.tell)

    def finish(self) -> None:
        """All jobs have succeeded; whoever leads tells so."""
        self.has_ended = True
        if self.leader is not None:
            node = self.nodes[self.leader]
            node.order(node.end)

    def close(self) -> None:
        """Ends everything."""
        for name in list(self.nodes):
            self.kill(name)
        self.context.term()

    def ended(self) -> Ended:
        """News of all jobs that somebody awaits."""
        return Ended(0, 0, [[id, "succeeded", "7", None, 1, None] for id in sorted(self.awaited)])


class ScriptedNode:
    """One node, on a thread of its own."""

    def __init__(self, cluster: ScriptedCluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.guests: dict[bytes, None] = {}
        self.heard: list[Message] = []
        self._router = Router(cluster.context, [cluster.endpoints[name]], FRAME_BYTES_MAX)
        self._orders: list[Callable[[], Any]] = []
        self._bell = os.eventfd(0)
        self._is_over = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def leads(self) -> bool:
        """Whether it serves the shard."""
        return self.cluster.leader == self.name

    def map(self) -> ClusterMap:
        """Who leads, as all nodes know."""
        members = [list(item) for item in self.cluster.members.items()]
        return ClusterMap(self.name, CLUSTER, 1, members, [[0, self.cluster.epoch, self.cluster.leader]])

    def call(self) -> None:
        """Tells its guests that it leads."""
        self._tell_all(self.map(), HelloNeeded(0, self.cluster.epoch))

    def tell(self) -> None:
        """Sends its guests its map."""
        self._tell_all(self.map())

    def end(self) -> None:
        """Tells its guests that jobs have ended."""
        self._tell_all(self.cluster.ended())

    def _tell_all(self, *messages: Message) -> None:
        for peer in self.guests:
            self._router.send(peer, [encode(message) for message in messages])

    def order(self, what: Callable[[], Any]) -> None:
        """Has something done on its thread, and waits for it."""
        done = threading.Event()
        self._orders.append(lambda: (what(), done.set()))
        os.eventfd_write(self._bell, 1)
        assert done.wait(10), "the node's thread is dead"

    def close(self) -> None:
        """Ends it at once."""
        self._is_over = True
        os.eventfd_write(self._bell, 1)
        self._thread.join()
        self._router.close()
        os.close(self._bell)

    def _serve(self) -> None:
        poll = select.poll()
        for fd in (self._router.fd, self._bell):
            poll.register(fd, select.POLLIN)
        while not self._is_over:
            for peer, frame in self._router.receive(1000):
                message = decode(frame)
                self.heard.append(message)
                answers = self._answers(peer, message)
                if answers:
                    self._router.send(peer, [encode(answer) for answer in answers])
            if self._router.readable():
                continue
            if (self._bell, select.POLLIN) in poll.poll():
                os.eventfd_read(self._bell)
                while self._orders:
                    self._orders.pop(0)()

    def _answers(self, peer: bytes, message: Message) -> list[Message]:
        cluster = self.cluster
        if isinstance(message, ClientHello):
            self.guests[peer] = None
            welcome = ClientWelcome(0, cluster.epoch, CLUSTER, 1, [["echo", "default", 0]], 1 << 20)
            return [self.map(), welcome] if self.leads else [self.map()]
        if not isinstance(message, Submit | Await):
            return []
        if not self.leads:
            session = message.session if isinstance(message, Submit) else 0
            number = message.sequence if isinstance(message, Submit) else message.request
            return [Refused(0, session, number, "not_here", "another one leads")]
        if isinstance(message, Await):
            cluster.awaited.update(message.ids)
            return [cluster.ended()] if cluster.has_ended else []
        key, count = (message.session, message.sequence), len(message.jobs)
        first = cluster.taken.setdefault(key, 1 + 1000 * len(cluster.taken))
        return [Submitted(0, *key, first, count, [])]
