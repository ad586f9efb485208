"""An executor's connections: what is told of them, and what is dropped while nobody is there."""

import select
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from mainspring.actors.effects import Send
from mainspring.actors.events import PeerGone, Received
from mainspring.actors.executor.events import Connected
from mainspring.actors.executor.machine import Event
from mainspring.broker.net.router import Router
from mainspring.broker.wire.codec import encode
from mainspring.broker.wire.limits import FRAME_BYTES_MAX
from mainspring.broker.wire.messages import FinishedAck, Goodbye
from mainspring.nodes.processes.coordinators import Coordinators


class Stage:
    """An executor's side, and the place where a coordinator may listen."""

    def __init__(self, folder: Path) -> None:
        self.endpoint = f"ipc://{folder}/node.sock"
        self.peer = self.endpoint.encode()
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.poll = select.epoll()
        self.coordinators = Coordinators(self.context, self.poll)

    def listen(self) -> Router:
        """A coordinator listens."""
        return Router(self.context, [self.endpoint], FRAME_BYTES_MAX)

    def until(self, kind: type[Event]) -> list[Event]:
        """Takes what comes, up to an event of this kind."""
        events: list[Event] = []
        for _ in range(100):
            ready = {fd for fd, _ in self.poll.poll(0 if self.coordinators.has_input else 0.1)}
            self.coordinators.hear(ready, events)
            if any(isinstance(event, kind) for event in events):
                return events
        raise AssertionError(f"no {kind.__name__} came: {events}")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Nobody listens yet."""
    stage = Stage(tmp_path)
    yield stage
    stage.coordinators.close()
    stage.context.destroy(linger=0)


def heard(router: Router) -> tuple[bytes, bytes]:
    """Waits for a frame, and returns it with its peer."""
    for _ in range(1_000):
        for found in router.receive(1):
            return found
        select.select([router.fd], [], [], 0.01)
    raise AssertionError("nothing came")


def test_what_is_said_to_nobody_is_dropped(stage: Stage) -> None:
    """It is told that nobody is there; when somebody is, only what is said from then on comes."""
    stage.coordinators.open(stage.peer)
    assert stage.until(PeerGone) == [PeerGone(stage.peer)]
    for number in range(100):
        stage.coordinators.send([Send(stage.peer, Goodbye(number))])
    router = stage.listen()
    assert stage.until(Connected) == [Connected(stage.peer)]
    stage.coordinators.send([Send(stage.peer, Goodbye(1000))])
    assert heard(router)[1] == encode(Goodbye(1000))
    router.close()
    assert stage.until(PeerGone) == [PeerGone(stage.peer)]
    router = stage.listen()
    assert stage.until(Connected) == [Connected(stage.peer)]
    router.close()


def test_what_comes_is_handed_on(stage: Stage) -> None:
    """Frames that cannot be read are passed over."""
    router = stage.listen()
    stage.coordinators.open(stage.peer)
    stage.until(Connected)
    stage.coordinators.send([Send(stage.peer, Goodbye(1)), Send(b"ipc:///stranger", Goodbye(2))])
    peer, _ = heard(router)
    router.send(peer, [b"nonsense", encode(FinishedAck(0, 5))])
    assert stage.until(Received)[-1:] == [Received(stage.peer, FinishedAck(0, 5))]
    router.close()


def test_a_member_that_is_left_is_heard_no_more(stage: Stage) -> None:
    """Nobody sleeps on its descriptors; what is still said to it is dropped, and a second time changes nothing."""
    router = stage.listen()
    stage.coordinators.learn(stage.peer)
    stage.until(Connected)
    stage.coordinators.leave(stage.peer)
    stage.coordinators.leave(stage.peer)
    stage.coordinators.send([Send(stage.peer, Goodbye(1))])
    assert not stage.coordinators.has_input
    assert stage.poll.poll(0) == []
    router.close()


def test_a_member_without_an_endpoint_is_left_out(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """The log says so, and the executor works on; one of its own settings would be an error."""
    stage.coordinators.learn(b"nowhere")
    assert "cannot connect to a member endpoint=nowhere" in caplog.text
    with pytest.raises(ValueError, match="cannot connect to nowhere"):
        stage.coordinators.open(b"nowhere")
