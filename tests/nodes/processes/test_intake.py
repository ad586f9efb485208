"""What comes in at the coordinator's socket is handed to its shard, or refused, counted by kind and answered."""

import logging
from collections import Counter
from pathlib import Path

import pytest
from builders import a_hello
from door_bench import SECOND_NS, DoorBench

from mainspring.broker.net.refusals import CREDIT_A_WINDOW, GREETINGS_A_WINDOW
from mainspring.broker.wire.codec import FOR_COORDINATORS, encode
from mainspring.broker.wire.errors import ERRORS
from mainspring.broker.wire.messages import (
    MESSAGES,
    ClientHello,
    ClusterAsk,
    ClusterMap,
    ClusterShown,
    FinishedAck,
    Goodbye,
    HelloNeeded,
    Listing,
    Query,
    Refused,
    Submit,
)  # fmt: skip
from mainspring.nodes.metrics.families import FAMILIES

FRAMES = sorted((Path(__file__).parents[2] / "corpus" / "frames").glob("*.bin"))
LOUD, QUIET = b"loud", b"quiet"


def test_messages_come_to_their_shard_and_hellos_to_all() -> None:
    """A goodbye is for all of them, too."""
    door = DoorBench()
    query, hello, goodbye = Query(1, 5, "jobs", {}), ClientHello(None), Goodbye(0)
    assert door.hear(QUIET, query, hello, goodbye) == []
    assert door.arrived(0) == [(QUIET, hello), (QUIET, goodbye)]
    assert door.arrived(1) == [(QUIET, query), (QUIET, hello), (QUIET, goodbye)]
    assert door.counts == {}


@pytest.mark.parametrize("path", FRAMES, ids=lambda path: path.stem)
def test_each_kept_frame_is_counted_and_answered(path: Path) -> None:
    """By the kind of its fault, once, with a code that the documentation lists and its mend."""
    door = DoorBench()
    fault = path.name.split(".")[0]
    refused = door.hear(LOUD, path.read_bytes())
    if fault != "sound":
        assert door.counts == {fault: 1}
        assert len(refused) == 1
    for one in refused:
        assert one.text.endswith(ERRORS[one.code].mend)
        assert len(one.text) < 500
    assert len(refused) == sum(door.counts.values())


@pytest.mark.parametrize("message", [HelloNeeded(0, 1), FinishedAck(0, 1)], ids=lambda message: type(message).__name__)
def test_what_is_not_for_a_coordinator_is_misdirected(message: HelloNeeded | FinishedAck) -> None:
    """A peer that speaks as a coordinator is refused before any shard hears of it."""
    door = DoorBench()
    (refused,) = door.hear(LOUD, message)
    assert refused.code == "malformed"
    assert type(message).__name__ in refused.text
    assert door.counts == {"misdirected": 1}
    assert door.arrived(0) == []
    assert set(MESSAGES) > FOR_COORDINATORS


def test_a_shard_that_is_not_here() -> None:
    """The answer names the request, or the sequence and the session of a submit; nobody is charged for an old map."""
    door = DoorBench()
    query, submit = door.hear(QUIET, Query(7, 5, "jobs", {}), Submit(-3, 99, 6, 0, []))
    assert (query.code, query.shard, query.session, query.request) == ("not_here", 7, 0, 5)
    assert (submit.code, submit.session, submit.request) == ("not_here", 99, 6)
    assert door.counts == {"no_shard": 2}


def test_a_flood_is_answered_so_often_and_hurts_nobody_else() -> None:
    """All frames are counted; answers stop with the credit; another peer's messages all arrive, in order."""
    door = DoorBench()
    for number in range(5_000):
        door.router.frames.append((LOUD, b"nonsense"))
        if number % 50 == 0:
            door.router.frames.append((QUIET, b"\x96\x01\x0a\x00" + bytes([number // 50]) + b"\xa4jobs\x80"))
    refused = door.hear(LOUD)
    assert len(refused) == CREDIT_A_WINDOW
    assert door.counts == {"unreadable": CREDIT_A_WINDOW, "unheard": 5_000 - CREDIT_A_WINDOW}
    assert door.arrived(0) == [(QUIET, Query(0, number, "jobs", {})) for number in range(100)]
    door.now_ns += 11 * SECOND_NS
    assert len(door.hear(LOUD, b"nonsense")) == 1, "after a while it is listened to again"


def test_hellos_without_end_are_answered_seldom() -> None:
    """Each would be answered with every task: beyond the bound the last one of a peer waits for its turn."""
    door = DoorBench()
    hello = ClientHello(None)
    assert door.hear(LOUD, *[hello] * GREETINGS_A_WINDOW, Goodbye(0)) == []
    assert Counter(type(message) for _, message in door.arrived(1)) == {ClientHello: GREETINGS_A_WINDOW, Goodbye: 1}
    for member in door.members.values():
        member.inbox.clear()
    for _ in range(10):
        door.hear(LOUD, *[hello] * 50)
        door.now_ns += SECOND_NS // 100
    door.intake.take(door.now_ns + SECOND_NS)
    assert not door.intake.is_holding
    assert len(door.arrived(0)) == len(door.arrived(1)) == 2
    assert door.counts == {"greetings": 500}


def test_without_room_new_clients_are_refused_in_words() -> None:
    """Executors are let in: the jobs need them."""
    door = DoorBench()
    door.router.listening.is_crowded = True
    (refused,) = door.hear(LOUD, ClientHello(None), a_hello())
    assert refused.code == "overloaded"
    assert "1 connections, and takes 10" in refused.text
    assert [type(message).__name__ for _, message in door.arrived(0)] == ["ExecutorHello"]
    assert door.counts == {"crowded": 1}


def test_the_log_hears_of_a_flood_in_one_line_a_kind(caplog: pytest.LogCaptureFixture) -> None:
    """However long it lasts, at most four lines a minute for each kind; connections turned away are said, too."""
    door = DoorBench()
    with caplog.at_level(logging.INFO, "mainspring.coordinator"):
        for second in range(60):
            door.hear(b"%d" % second, b"", *[b"nonsense"] * 100)
            door.router.listening.turned_away += 5
            door.now_ns += SECOND_NS
    lines = Counter(record.getMessage().partition("=")[2].split(" ")[0] for record in caplog.records)
    assert lines["unreadable"] == lines["empty"] == 4
    assert sum("turned_away" in record.getMessage() for record in caplog.records) == 4


def test_what_is_known_of_connections_has_a_family() -> None:
    """The metrics show how many there are, and how many came in vain."""
    door = DoorBench()
    door.router.listening.handshakes_failed = 3
    rows = door.intake.figures()
    assert all(name in FAMILIES for name, _, _ in rows)
    assert {name: value for name, _, value in rows}["scheduler_handshakes_failed_total"] == 3


class SomeRoles:
    """Shard 1 is led by another node."""

    def map(self) -> ClusterMap:
        """Two shards, led by a and b."""
        return ClusterMap("a", "id", 2, [["a", "ipc://a"], ["b", "ipc://b"]], [[0, 3, "a"], [1, 4, "b"]])

    def where(self, shard: int) -> str:
        """Says it in words."""
        return f"shard {shard} is led by b"


def test_a_member_sends_who_it_cannot_serve_elsewhere() -> None:
    """Hellos are answered with the map; what is for a shard of another node is refused with its name, uncharged."""
    door = DoorBench(SomeRoles())
    door.members[1].machine = None
    door.intake.shard_figures = lambda shard: [["scheduler_raft_term", ["shard", str(shard)], 4]]
    hello, query = ClientHello(None), Query(1, 5, "jobs", {})
    door.router.frames += [(QUIET, encode(message)) for message in (hello, query, Query(1, 6, "metrics", {}))]
    door.intake.take(door.now_ns)
    told, refused, listing = (send.message for send in door.said)
    assert told == SomeRoles().map()
    assert isinstance(refused, Refused)
    assert (refused.code, refused.request) == ("not_here", 5)
    assert refused.text.startswith("shard 1 is led by b; ")
    assert listing == Listing(1, 6, ["name", "labels", "value"], [["scheduler_raft_term", ["shard", "1"], 4]], False)
    assert [message for _, message in door.arrived(0)] == [hello]
    assert door.arrived(1) == []
    assert len(door.guests) == 1
    assert door.counts == {}
    door.hear(QUIET, Goodbye(0))
    assert len(door.guests) == 0


def test_questions_about_the_cluster_are_answered_at_the_desk() -> None:
    """By every node, before any shard hears of them."""
    door = DoorBench()
    door.router.frames.append((QUIET, encode(ClusterAsk(3))))
    door.intake.take(door.now_ns)
    ((peer, shown),) = ((send.peer, send.message) for send in door.said)
    assert (peer, shown) == (QUIET, ClusterShown(3, "desk", "", 0, []))
    assert door.arrived(0) == []


class _Directory:
    """What a member of a cluster tells."""

    def map(self) -> ClusterMap:
        """Who leads."""
        return ClusterMap("a", "cluster", 2, [], [])

    def where(self, shard: int) -> str:
        """Where to go."""
        return f"shard {shard} is led by b"


def test_a_member_tells_every_hello_who_leads() -> None:
    """Whatever it leads itself; what is for a shard that it does not lead is sent there."""
    door = DoorBench(_Directory())
    for led in (2, 1, 0):
        for number in range(led, 2):
            door.members[number].machine = None
        door.router.frames.append((QUIET, encode(ClientHello(None))))
        door.intake.take(door.now_ns)
        assert [(send.peer, send.message) for send in door.said] == [(QUIET, _Directory().map())]
        door.said.clear()
    (refused,) = door.hear(QUIET, Query(1, 5, "jobs", {}))
    assert refused.code == "not_here"
    assert refused.text.startswith("shard 1 is led by b")
    assert not door.counts, "nobody is charged for an old map"
