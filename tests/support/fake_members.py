"""Members of a cluster that say what a test wants: a ROUTER for each, on one thread.

They decide nothing: a test sets what each shows, who is silent, and how acts are answered.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import zmq

from mainspring.broker.wire.cluster_messages import ClusterAct, ClusterActed, ClusterAsk, ClusterShown
from mainspring.broker.wire.codec import decode, encode
from mainspring.broker.wire.messages import Refused

Answer = Callable[[str, ClusterAct], list[list[Any]]]


def a_group(shard: int, role: str, leader: str | None, members: list[list[Any]], **more: Any) -> list[Any]:
    """Returns a row of GROUP_COLUMNS."""
    values = {
        "shard": shard, "role": role, "epoch": 4, "leader": leader, "last": 100, "synced": 100, "committed": 100,
        "applied": 100, "elected_ms": 1_700_000_000_000, "election": "the members had no leader", "members": members,
        "followers": [],
    } | more  # fmt: skip
    return list(values.values())


class FakeMembers:
    """Listens for every name; use it as a context.

    Attributes:
        rows: of CLUSTER_MEMBER_COLUMNS, all voters to begin with.
        groups: name -> the rows that it shows.
        cluster: name -> the id that it tells.
        silent: names that answer nothing.
        refusing: names that refuse to answer this.
        acts: what was asked for, with the name of who was asked.
        answer: makes the codes of an act.
    """

    def __init__(self, folder: Path, names: str, shards: int = 1) -> None:
        self.rows = [[name, f"ipc://{folder}/{name}.member", f"ipc://{folder}/{name}", 1] for name in names]
        self.groups: dict[str, list[list[Any]]] = {}
        self.cluster = dict.fromkeys(names, "c" * 32)
        self.silent: set[str] = set()
        self.refusing: set[str] = set()
        self.acts: list[tuple[str, ClusterAct]] = []
        self.answer: Answer = lambda _name, act: [[shard, "done", ""] for shard in act.shards]
        self.asked: list[str] = []
        for at, name in enumerate(names):
            self.groups[name] = []
            for shard in range(shards):
                leader = names[shard % len(names)]
                followers = [[other, 100, 20, "live"] for other in names if other != leader]
                role, more = ("leader", {"followers": followers}) if leader == name else ("follower", {})
                self.groups[name].append(a_group(shard, role, leader, self.rows, **more))
            assert at < 5
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._sockets: dict[zmq.Socket[bytes], str] = {}
        for name in names:
            socket = self._context.socket(zmq.ROUTER)
            socket.bind(self.url(name))
            self._sockets[socket] = name
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def url(self, name: str) -> str:
        """Returns where a member listens."""
        return next(row[2] for row in self.rows if row[0] == name)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        for socket in self._sockets:
            socket.close(0)
        self._context.term()

    def _serve(self) -> None:
        poller = zmq.Poller()
        for socket in self._sockets:
            poller.register(socket, zmq.POLLIN)
        while not self._ended.is_set():
            for socket, _ in poller.poll(10):
                peer, *frames = socket.recv_multipart()
                name = self._sockets[socket]
                for frame in frames if name not in self.silent else ():
                    said = self._said(name, decode(frame))
                    socket.send_multipart([peer, encode(said)])

    def _said(self, name: str, message: object) -> ClusterShown | ClusterActed | Refused:
        assert isinstance(message, ClusterAsk | ClusterAct)
        if name in self.refusing:
            return Refused(0, 0, message.request, "malformed", "no such message")
        if isinstance(message, ClusterAsk):
            self.asked.append(name)
            return ClusterShown(message.request, name, self.cluster[name], 7, self.groups[name])
        self.acts.append((name, message))
        return ClusterActed(message.request, self.answer(name, message))
