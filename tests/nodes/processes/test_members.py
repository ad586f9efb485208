"""Members hear each other, notice a broken connection at once, and hear nobody else."""

import logging
import select
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from mainspring.broker.net.clock import read_clocks
from mainspring.broker.wire.codec import decode, encode
from mainspring.broker.wire.messages import (
    Append,
    Appended,
    ClientHello,
    ClusterAsk,
    HelloNeeded,
    MemberHello,
    Message,
    PreVote,
    PreVoted,
    Refused,
)  # fmt: skip
from mainspring.nodes.processes.members import LIFE_AHEAD_MS_MAX, STRANGERS_MAX, Members

CLUSTER = "c" * 32
OTHER = "d" * 32
PATIENCE_S = 20.0
VOTE = PreVote(1, 2, 3, 4)
BEAT = Append(1, 2, 3, 4, 5, 6, 7, [])


class Stage:
    """Members by name, each at a socket in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.members: list[Members] = []
        self.adopted: list[str] = []
        self.strangers: list[zmq.Socket[bytes]] = []

    def row(self, name: str) -> list[object]:
        """The row of a member."""
        return [name, f"ipc://{self.folder}/{name}", "", 1]

    def member(self, name: str, *others: str, cluster: str = CLUSTER, life: int = 1) -> Members:
        """A member that knows these others."""
        endpoint = f"ipc://{self.folder}/{name}"
        made = Members(self.context, name, cluster, life, endpoint, self.adopted.append)
        made.set_members([self.row(name), *map(self.row, others)])
        self.members.append(made)
        return made

    def pair(self) -> tuple[Members, Members]:
        """Two members who know each other and are connected."""
        one, two = self.member("one", "two"), self.member("two", "one")
        self.until(one, lambda: not one.lost() and one.connected() == {"two"})
        self.until(two, lambda: not two.lost() and two.connected() == {"one"})
        return one, two

    def until(self, member: Members, found: Callable[[], object]) -> None:
        """Sleeps on a member's descriptors until something is found."""
        while not found():
            if not member.readable():
                assert select.select(member.fds, [], [], PATIENCE_S)[0], "nothing has come"

    def hear(self, member: Members, count: int = 1) -> list[tuple[str, Message]]:
        """Takes in until so many messages have come."""
        heard: list[tuple[str, Message]] = []

        def found() -> bool:
            member.lost()
            heard.extend(member.take(0))
            return len(heard) >= count

        self.until(member, found)
        return heard

    def stranger(self, to: str) -> zmq.Socket[bytes]:
        """A socket that says what a test wants."""
        socket = self.context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(f"ipc://{self.folder}/{to}")
        self.strangers.append(socket)
        return socket

    def close(self) -> None:
        """Ends all of them."""
        for member in self.members:
            member.close()
        for socket in self.strangers:
            socket.close()
        self.context.term()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """An empty stage."""
    made = Stage(tmp_path)
    yield made
    made.close()


def test_messages_of_a_turn_come_together_and_in_order(stage: Stage) -> None:
    """From either side; entries of some megabytes, too."""
    one, two = stage.pair()
    entry = [2, b"x" * 20_000_000]
    assert one.send("two", [encode(VOTE), encode(Append(1, 2, 3, 4, 5, 6, 7, [entry]))])
    (first, second) = stage.hear(two, 2)
    assert first == ("one", VOTE)
    assert second[0] == "one"
    assert isinstance(second[1], Append)
    assert second[1].entries == [entry]
    assert two.send("one", [encode(BEAT)])
    assert stage.hear(one) == [("two", BEAT)]


def test_a_broken_connection_is_told_once_and_made_again(stage: Stage) -> None:
    """A member that is not there again is not lost a second time; what is sent to it meanwhile is dropped."""
    one, two = stage.pair()
    two.close()
    lost: list[str] = []
    stage.until(one, lambda: lost.extend(one.lost()) or lost)
    assert lost == ["two"]
    assert not one.send("two", [encode(VOTE)])
    assert one.counts["unsent"] == 1
    again = stage.member("two", "one", life=2)
    stage.until(one, lambda: lost.extend(one.lost()) or one.connected())
    assert lost == ["two"]
    assert one.send("two", [encode(BEAT)])
    assert stage.hear(again) == [("one", BEAT)]


def test_another_cluster_is_not_heard(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """It is counted, and said once in a while, with the mend."""
    one = stage.member("one", "two")
    two = stage.member("two", "one", cluster=OTHER)
    stage.until(two, lambda: not two.lost() and two.connected())
    with caplog.at_level(logging.WARNING, "mainspring.coordinator"):
        for _ in range(3):
            two.send("one", [encode(BEAT)])
        stage.until(one, lambda: list(one.take(0)) or one.counts["cluster"] == 3)
    (told,) = caplog.messages
    assert f"two is of cluster {OTHER}" in told
    assert "empty data directory" in told


def test_an_earlier_life_is_not_heard(stage: Stage) -> None:
    """What it has sent may come after what the next one says."""
    one = stage.member("one", "two")
    new, old = stage.stranger("one"), stage.stranger("one")
    new.send_multipart([encode(MemberHello(CLUSTER, "two", 8)), encode(BEAT)])
    assert stage.hear(one) == [("two", BEAT)]
    old.send_multipart([encode(MemberHello(CLUSTER, "two", 7)), encode(BEAT)])
    stage.until(one, lambda: list(one.take(0)) or one.counts["stale"])
    new.send_multipart([encode(MemberHello(CLUSTER, "two", 8)), encode(VOTE)])
    assert stage.hear(one) == [("two", VOTE)]


def test_a_life_of_the_far_future_shuts_nobody_out(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Its number is not kept, so the sound one is heard; that is counted, and said once in a while."""
    one = stage.member("one", "two")
    broken, sound = stage.stranger("one"), stage.stranger("one")
    now_ms = read_clocks().wall_ms
    with caplog.at_level(logging.WARNING, "mainspring.coordinator"):
        for _ in range(2):
            broken.send_multipart([encode(MemberHello(CLUSTER, "two", now_ms + 2 * LIFE_AHEAD_MS_MAX)), encode(BEAT)])
            assert stage.hear(one) == [("two", BEAT)]
    sound.send_multipart([encode(MemberHello(CLUSTER, "two", now_ms)), encode(VOTE)])
    assert stage.hear(one) == [("two", VOTE)]
    assert (one.counts["future"], one.counts["stale"]) == (2, 0)
    (told,) = caplog.messages
    assert "two is heard, but its life" in told


def test_who_is_dropped_for_an_earlier_life_is_told_so(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A member that has lost its disk, and whose clock was ahead before: its own log says why nobody hears it."""
    one = stage.member("one", "two")
    before = stage.stranger("one")
    before.send_multipart([encode(MemberHello(CLUSTER, "two", 80)), encode(BEAT)])
    assert stage.hear(one) == [("two", BEAT)]
    two = stage.member("two", cluster="", life=79)
    stage.until(one, lambda: not one.lost() and one.connected() == {"two"})
    assert one.send("two", [encode(BEAT)])
    assert stage.hear(two) == [("one", BEAT)]
    with caplog.at_level(logging.WARNING, "mainspring.coordinator"):
        for _ in range(3):
            assert two.send("one", [encode(Appended(1, 2, 3, 4, True))])
        stage.until(one, lambda: list(one.take(0)) or one.counts["stale"] == 3)
        stage.until(two, lambda: list(two.take(0)) or two.counts["outlived"])
    assert two.counts["outlived"] == 1
    assert [text for text in caplog.messages if "the others know two in its life 80, and this one is 79" in text]


def test_strangers_are_remembered_up_to_a_bound(stage: Stage) -> None:
    """Whoever invents names fills nothing, and drives no member out."""
    one = stage.member("one", "two")
    socket = stage.stranger("one")
    socket.send_multipart([encode(MemberHello(CLUSTER, "two", 5)), encode(VOTE)])
    for number in range(3 * STRANGERS_MAX):
        socket.send_multipart([encode(MemberHello(CLUSTER, f"x{number}", 1)), encode(VOTE)])
    stage.hear(one, 1 + 3 * STRANGERS_MAX)
    assert len(one._lives) == len(one._routes) == STRANGERS_MAX + 1
    assert one._lives["two"] == 5
    assert not one.send("x0", [encode(VOTE)])
    assert one.send(f"x{3 * STRANGERS_MAX - 1}", [encode(VOTE)])


def test_what_the_engine_does_not_hear_is_counted(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """With who said it, and what is wrong."""
    one = stage.member("one")
    with caplog.at_level(logging.WARNING, "mainspring.coordinator"):
        one.refuse("two", "term 9 cannot be", 0)
        one.refuse("two", "term 9 cannot be", 1)
    assert one.counts["impossible"] == 2
    (told,) = caplog.messages
    assert "two: term 9 cannot be; run the same version" in told


def test_a_stranger_may_lead_or_ask_for_votes_and_no_more(stage: Stage) -> None:
    """A member that has been away may not know it yet; it is answered where it has spoken from."""
    one = stage.member("one")
    socket = stage.stranger("one")
    hello = encode(MemberHello(CLUSTER, "new", 1))
    socket.send_multipart([hello, encode(PreVoted(1, 2, 3, True))])
    socket.send_multipart([hello, encode(VOTE)])
    assert stage.hear(one) == [("new", VOTE)]
    assert one.counts["unknown"] == 1
    answer = encode(PreVoted(1, 2, 3, False))
    assert one.send("new", [answer])
    assert socket.recv_multipart() == [encode(MemberHello(CLUSTER, "one", 1)), answer]
    assert not one.send("nobody", [answer])


def test_answers_to_a_link_are_read(stage: Stage) -> None:
    """A leader that a follower does not know hears its answer over the connection that it has made itself."""
    leader, follower = stage.member("leader", "follower"), stage.member("follower")
    stage.until(leader, lambda: not leader.lost() and leader.connected())
    assert leader.send("follower", [encode(BEAT)])
    assert stage.hear(follower) == [("leader", BEAT)]
    answer = Appended(1, 2, 3, 4, False)
    assert follower.send("leader", [encode(answer)])
    assert stage.hear(leader) == [("follower", answer)]


def test_a_node_that_joins_belongs_to_whoever_leads_it_first(stage: Stage) -> None:
    """Nobody else makes it a member of anything; from then on it speaks as one."""
    new = stage.member("new", cluster="")
    socket = stage.stranger("new")
    socket.send_multipart([encode(MemberHello(OTHER, "asks", 1)), encode(VOTE)])
    socket.send_multipart([encode(MemberHello(CLUSTER, "leads", 1)), encode(BEAT)])
    assert stage.hear(new) == [("leads", BEAT)]
    assert new.cluster == CLUSTER
    assert stage.adopted == [CLUSTER]
    socket.send_multipart([encode(MemberHello(OTHER, "asks", 1)), encode(BEAT)])
    stage.until(new, lambda: list(new.take(0)) or new.counts["cluster"])
    assert new.send("leads", [encode(VOTE)])
    assert socket.recv_multipart()[0] == encode(MemberHello(CLUSTER, "new", 1))


@pytest.mark.parametrize(
    "frames",
    [
        [b""],
        [b"nonsense"],
        [encode(VOTE)],
        [encode(MemberHello(CLUSTER, "two", 1)), encode(HelloNeeded(0, 1))],
        [encode(MemberHello(CLUSTER, "", 1)), encode(VOTE)],
        [encode(MemberHello(CLUSTER, "x" * 201, 1)), encode(VOTE)],
        [encode(MemberHello("c" * 3_000, "two", 1)), encode(VOTE)],
    ],
)
def test_what_is_no_members_multipart_is_dropped(stage: Stage, frames: list[bytes]) -> None:
    """All of it, and nothing more."""
    one = stage.member("one", "two")
    socket = stage.stranger("one")
    socket.send_multipart(frames)
    socket.send_multipart([encode(MemberHello(CLUSTER, "two", 1)), encode(VOTE)])
    assert stage.hear(one) == [("two", VOTE)]
    assert one.counts["unreadable"] == 1


@pytest.mark.parametrize("message", [ClientHello(None), ClusterAsk(7)])
def test_a_client_is_told_where_clients_are_heard(
    stage: Stage, message: Message, caplog: pytest.LogCaptureFixture
) -> None:
    """Its URL has the endpoint for members: both sides are told."""
    one = stage.member("one")
    one.set_members([["one", f"ipc://{stage.folder}/one", "tcp://10.0.0.1:7411", 1]])
    socket = stage.stranger("one")
    socket.send(encode(message))
    stage.until(one, lambda: list(one.take(0)) or one.counts["guest"])
    text = "members speak with each other here; clients and executors connect to tcp://10.0.0.1:7411"
    assert decode(socket.recv()) == Refused(0, 0, 0, "malformed", text)
    assert f"{text}; correct MAINSPRING_URL" in caplog.text


def test_a_stranger_that_stands_for_election_is_told_of(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A member that was removed while it was down does not know; it is heard, and told seldom. Leaders are not told."""
    one = stage.member("one")
    socket = stage.stranger("one")
    socket.send_multipart([encode(MemberHello(CLUSTER, "leads", 1)), encode(BEAT)])
    for _ in range(2):
        socket.send_multipart([encode(MemberHello(CLUSTER, "gone", 1)), encode(VOTE)])
    assert stage.hear(one, 3) == [("leads", BEAT), ("gone", VOTE), ("gone", VOTE)]
    told = "gone wants votes and is no member; if it was removed, stop its node and delete its data directory"
    assert caplog.messages == [told]


def test_an_endpoint_that_cannot_be_had_is_named(stage: Stage) -> None:
    """A name that means nothing here is no matter of who else uses it."""
    with pytest.raises(
        OSError, match=r"cannot listen for members on tcp://no\.such\.test:1: its host is no name"
    ) as caught:
        Members(stage.context, "one", CLUSTER, 1, "tcp://no.such.test:1")
    assert str(caught.value).endswith("; correct `member_endpoint`")


def test_members_come_and_go(stage: Stage) -> None:
    """Who is none any more is left, whose endpoint has changed is connected to anew."""
    one, two = stage.pair()
    one.set_members([stage.row("one")])
    assert one.connected() == set()
    assert len(one.fds) == 1
    moved = stage.member("moved", "one")
    one.set_members([["two", f"ipc://{stage.folder}/moved", "", 1]])
    stage.until(one, lambda: not one.lost() and one.connected())
    assert one.send("two", [encode(BEAT)])
    assert stage.hear(moved) == [("one", BEAT)]
    del two


def test_an_endpoint_that_is_none_is_refused(stage: Stage) -> None:
    """With the mend, and without anything left open."""
    one = stage.member("one")
    with pytest.raises(ValueError, match="give ipc://PATH"):
        one.set_members([["two", "nowhere", "", 1]])
    with pytest.raises(OSError, match="correct `member_endpoint`"):
        Members(stage.context, "x", CLUSTER, 1, f"ipc://{stage.folder}/no/such/folder")
