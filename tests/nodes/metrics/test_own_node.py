"""An exporter asks its own coordinator for each shard, led there or not, and nobody else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from mainspring.broker.net.exceptions import RequestRefused, Unreachable
from mainspring.broker.wire.codec import decode, encode
from mainspring.broker.wire.messages import ClusterAsk, ClusterShown, Listing, Message, Query, Refused
from mainspring.nodes.metrics.own_node import OwnNode

ROW = ["scheduler_raft_term", ["shard", "0"], 3]


@contextmanager
def a_node(folder: Path, answer: Callable[[Message], bytes | None]) -> Iterator[str]:
    """A coordinator that answers as a test says; None ends it."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.LINGER, 0)
    endpoint = f"ipc://{folder}/node"
    socket.bind(endpoint)

    def serve() -> None:
        while socket.poll(20_000):
            peer, *frames = socket.recv_multipart()
            for frame in frames:
                if not frame:
                    return
                said = answer(decode(frame))
                if said is not None:
                    socket.send_multipart([peer, said])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield endpoint
    finally:
        with context.socket(zmq.DEALER) as end:
            end.connect(endpoint)
            end.send(b"")
            thread.join()
        socket.close()
        context.term()


def shown(*shards: int) -> bytes:
    """The answer that says which shards there are."""
    return encode(ClusterShown(0, "a", "id", 1, [[shard] for shard in shards]))


def test_all_shards_are_asked(tmp_path: Path) -> None:
    """What each tells is one list."""

    def answer(message: Message) -> bytes | None:
        if isinstance(message, ClusterAsk):
            return shown(0, 1, 2)
        assert isinstance(message, Query)
        assert message.name == "metrics"
        return encode(Listing(message.shard, message.request, [], [[*ROW[:2], message.shard]], False))

    with a_node(tmp_path, answer) as endpoint:
        node = OwnNode(endpoint, 20)
        assert sorted(row[2] for row in node.ask()) == [0, 1, 2]
        assert len(node.ask()) == 3
        node.close()


@pytest.mark.parametrize("said", [encode(Refused(0, 0, 0, "overloaded", "too much")), b"nonsense"])
def test_a_refusal_is_told(tmp_path: Path, said: bytes) -> None:
    """As any client's."""
    with a_node(tmp_path, lambda _message: said) as endpoint:
        node = OwnNode(endpoint, 20)
        with pytest.raises(RequestRefused):
            node.ask()
        node.close()


def test_who_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    """Nor is a half of an answer shown."""

    def answer(message: Message) -> bytes | None:
        return shown(0, 1) if isinstance(message, ClusterAsk) else None

    with a_node(tmp_path, answer) as endpoint:
        node = OwnNode(endpoint, 0.1)
        with pytest.raises(Unreachable, match=r"within 0\.1 s"):
            node.ask()
        node.close()
