"""A client and several coordinators: who leads, who is believed, and what a new leader is sent."""

from typing import Any

from client_script import ClientScript, a_job, a_welcome, answer, refusal
from cluster_maps import a_map

from mainspring.actors.client.events import (
    AwaitJobs,
    CancelJobs,
    Close,
    Connect,
    Connected,
    Disconnect,
    RunQuery,
    StatusJobs,
)
from mainspring.actors.events import PeerGone, Received
from mainspring.broker.wire.messages import (
    Await,
    Cancel,
    Cancelled,
    ClientHello,
    Ended,
    Goodbye,
    HelloNeeded,
    Listing,
    Message,
    Query,
    Refused,
    Submit,
)

A, B, C = b"tcp://a:1", b"tcp://b:1", b"tcp://c:1"
PEERS = (A, B, C)
MEMBERS = {"a": "tcp://a:1", "b": "tcp://b:1", "c": "tcp://c:1"}
SECOND_MS = 1_000


def in_cluster(**settings: Any) -> ClientScript:
    """A client of three nodes of which A leads the one shard, under epoch 5; its session is open (request 1)."""
    script = ClientScript(**{"peers": PEERS, **settings})
    script.submit()
    script.hear(a_map("b", {0: (5, "a")}, MEMBERS), peer=B)
    script.hear(a_map("c", {0: (5, "a")}, MEMBERS), peer=C)
    (first,) = script.hear(a_welcome(epoch=5), peer=A)
    script.hear(answer(first, 1), peer=A)
    assert script.completed[1].value == [1]
    return script


def elected(script: ClientScript, peer: bytes, node: str, epoch: int) -> list[tuple[bytes, Message]]:
    """A node has come to lead: it says so to whoever has said hello."""
    return script.turn_to_peers(
        Received(peer, a_map(node, {0: (epoch, node)}, MEMBERS)), Received(peer, HelloNeeded(0, epoch))
    )


def sent(said: list[tuple[bytes, Message]], kind: type[Any]) -> list[tuple[bytes, Any]]:
    """Picks (peer, message) of one kind."""
    return [(peer, message) for peer, message in said if isinstance(message, kind)]


def test_a_map_is_an_answer() -> None:
    """Nobody is asked again once all shards have a leader, though two nodes lead nothing."""
    script = in_cluster()
    assert script.wait(60 * SECOND_MS) == []
    assert script.machine.wake_at() is None


def test_maps_before_any_welcome() -> None:
    """The leader's own comes first; requests wait for its welcome."""
    script = ClientScript(peers=PEERS)
    script.submit()
    for peer, node in ((A, "a"), (B, "b"), (C, "c")):
        assert script.hear(a_map(node, {0: (5, "a")}, MEMBERS), peer=peer) == []
    assert sent(script.turn_to_peers(Received(A, a_welcome(epoch=5))), Submit)[0][0] == A


def test_the_new_leader_gets_everything_at_once() -> None:
    """Flights under their sequences, questions and awaits, in the turn in which it calls, before its welcome."""
    script = in_cluster()
    (first,) = script.submit()
    script.turn(AwaitJobs(script.next_request(), [1], None))
    script.turn(CancelJobs(script.next_request(), [1], None))
    script.turn(RunQuery(script.next_request(), None, "stat", {}, None))
    script.turn(PeerGone(A))
    said = elected(script, B, "b", 6)
    assert {peer for peer, _ in said} == {B}
    assert {type(message) for _, message in said} == {ClientHello, Submit, Await, Cancel, Query}
    assert sent(said, Submit) == [(B, first)]
    script.hear(answer(first, 2), peer=B)
    assert script.completed[2].value == [2]
    assert elected(script, B, "b", 6) != []
    assert sent(script.turn_to_peers(Received(B, a_welcome(epoch=6))), Submit) == []


def test_a_map_alone_makes_no_leader() -> None:
    """Who was elected may not serve yet; when it does, it says so."""
    script = in_cluster()
    (first,) = script.submit()
    said = script.turn_to_peers(Received(B, a_map("b", {0: (6, "b")}, MEMBERS)))
    assert sent(said, Submit) == [], "it leads, and may not serve yet"
    assert script.machine.snapshot()["welcomed"] == []
    assert sent(script.turn_to_peers(Received(B, HelloNeeded(0, 6))), Submit) == [(B, first)]


def test_a_request_waits_while_nobody_leads() -> None:
    """It neither fails nor is sent anywhere, and goes to whoever leads next."""
    script = in_cluster()
    script.turn(PeerGone(A))
    said = script.turn_to_peers(script.command())
    script.turn(StatusJobs(script.next_request(), [1], None))
    assert sent(said, Submit) == []
    found = script.wait(30 * SECOND_MS)
    assert {type(message) for message in found} == {ClientHello}
    assert script.completed.keys() == {1}
    said = elected(script, C, "c", 6)
    assert [peer for peer, _ in sent(said, Submit) + sent(said, Await)] == [C, C]


def test_who_is_not_led_yet_is_told_so() -> None:
    """A client that comes while nobody leads, and wants what only a leader knows, hears what is wrong."""
    script = ClientScript(peers=PEERS, reach_ns=2 * 10**9)
    script.submit(a_job(queue=None))
    for peer, node in ((A, "a"), (B, "b")):
        script.hear(a_map(node, {0: (5, None)}, MEMBERS), peer=peer)
    script.wait(2 * SECOND_MS)
    failure = script.completed[1].failure
    assert failure is not None
    assert (failure.code, failure.definite) == ("unreachable", True)
    assert "no node leads shard 0" in failure.text


def test_hellos_are_few_while_nobody_leads() -> None:
    """Each node is asked every few seconds, and no more when somebody leads."""
    script = in_cluster()
    script.turn(PeerGone(A))
    found = 0
    for _ in range(60):
        for message in script.wait(SECOND_MS):
            assert isinstance(message, ClientHello)
            found += 1
        script.hear(a_map("b", {0: (5, None)}, MEMBERS), peer=B)
        script.hear(a_map("c", {0: (5, None)}, MEMBERS), peer=C)
    assert 2 * 15 <= found <= 2 * 22
    elected(script, B, "b", 6)
    script.hear(a_welcome(epoch=6), peer=B)
    assert script.wait(60 * SECOND_MS) == []


def test_a_leader_that_is_silent_is_looked_for_elsewhere() -> None:
    """Its host may be cut off with no connection broken, and the call of the next one may have been lost."""
    for command in (
        lambda script: script.command(),
        lambda script: StatusJobs(script.next_request(), [1], None),
        lambda script: AwaitJobs(script.next_request(), [1], None),
    ):
        script = in_cluster()
        script.turn(command(script))
        found = [message for message in script.wait(20 * SECOND_MS) if isinstance(message, ClientHello)]
        assert 3 <= len(found) <= 30
        said = script.turn_to_peers(Received(B, a_welcome(epoch=6)))
        assert {peer for peer, message in said if not isinstance(message, ClientHello)} == {B}


def test_an_old_leaders_word_that_something_was_done_is_true() -> None:
    """It was committed before it was said: the new leader has it as well."""
    script = in_cluster()
    (first,) = script.submit()
    script.turn(CancelJobs(script.next_request(), [1], None))
    elected(script, B, "b", 6)
    script.hear(answer(first, 2), Cancelled(0, script.machine.state.number, [[1, "cancelled"]]), peer=A)
    assert script.completed[2].value == [2]
    assert script.completed[3].value == [[1, "cancelled"]]


def test_an_old_leaders_refusal_is_not_believed() -> None:
    """Its successor may have taken the jobs, or has room for them."""
    script = in_cluster()
    (first,) = script.submit()
    elected(script, B, "b", 6)
    for code in ("queue_full", "draining", "unknown_session", "forgotten"):
        script.hear(refusal(first, code), peer=A)
    assert 2 not in script.completed
    script.hear(answer(first, 2), peer=B)
    assert script.completed[2].value == [2]


def test_a_refusal_while_nobody_leads_is_not_believed() -> None:
    """The leader has gone, and what it has refused may be taken by the next one."""
    script = in_cluster()
    (first,) = script.submit()
    script.turn(RunQuery(script.next_request(), None, "stat", {}, None))
    number = script.machine.state.number
    script.hear(a_map("a", {0: (5, None)}, MEMBERS), peer=A)
    script.hear(refusal(first, "queue_full"), Refused(0, 0, number, "invalid_query", ""), peer=A)
    assert script.completed.keys() == {1}
    assert sent(elected(script, A, "a", 6), Submit) == [(A, first)]


def test_a_leader_that_does_not_serve_is_asked_no_more() -> None:
    """It was deposed, or has not taken over yet; what was asked goes to the next one, and it may be the same."""
    script = in_cluster()
    (first,) = script.submit()
    said = script.turn_to_peers(Received(A, refusal(first, "not_here")))
    assert [peer for peer, message in said if isinstance(message, ClientHello)] == list(PEERS)
    assert sent(script.turn_to_peers(Received(A, a_map("a", {0: (6, "a")}, MEMBERS))), Submit) == []
    assert sent(elected(script, A, "a", 6), Submit) == [(A, first)]


def test_a_stranger_that_does_not_serve_changes_nothing() -> None:
    """The shard has a leader, who has been asked."""
    script = in_cluster()
    (first,) = script.submit()
    assert script.hear(refusal(first, "not_here"), peer=B) == []
    assert script.machine.snapshot()["welcomed"] == [0]


def test_a_leader_that_was_deposed_again_is_left() -> None:
    """Its call comes late: another one leads by then, and stays."""
    script = in_cluster()
    (first,) = script.submit()
    elected(script, C, "c", 7)
    assert sent(elected(script, B, "b", 6), Submit) == []
    assert sent(script.turn_to_peers(Received(B, a_welcome(epoch=6))), Submit) == []
    assert sent(script.turn_to_peers(script.command()), Submit)[0][0] == C
    script.hear(answer(first, 2), peer=C)
    assert script.completed[2].value == [2]


def test_the_old_leaders_welcome_after_the_new_ones() -> None:
    """It is old news."""
    script = in_cluster()
    script.hear(a_welcome(epoch=6), peer=B)
    script.hear(a_welcome(epoch=5), peer=A)
    ((peer, _),) = sent(script.turn_to_peers(script.command()), Submit)
    assert peer == B


def test_a_third_nodes_map_may_depose_the_leader() -> None:
    """Nothing more goes to one that cannot commit it; a map without a name says nothing of the sort."""
    script = in_cluster()
    script.hear(a_map("c", {0: (6, None)}, MEMBERS), peer=C)
    assert script.machine.snapshot()["welcomed"] == [0]
    script.hear(a_map("c", {0: (4, "b")}, MEMBERS), peer=C)
    assert script.machine.snapshot()["welcomed"] == [0]
    script.hear(a_map("c", {0: (6, "b")}, MEMBERS), peer=C)
    assert script.machine.snapshot()["welcomed"] == []
    assert sent(script.turn_to_peers(script.command()), Submit) == []


def test_the_leader_comes_back() -> None:
    """A connection that broke is no election: its welcome of the same epoch goes on where it stood."""
    script = in_cluster()
    (first,) = script.submit()
    script.turn(PeerGone(A))
    assert sent(script.turn_to_peers(Connected(A)), ClientHello) == [(A, ClientHello(None))]
    assert sent(script.turn_to_peers(Received(A, a_welcome(epoch=5))), Submit) == [(A, first)]


def test_a_follower_that_comes_back_hears_a_hello() -> None:
    """It has forgotten who wants to know when it comes to lead."""
    script = in_cluster()
    script.turn(PeerGone(B))
    assert script.turn_to_peers(Connected(B)) == [(B, ClientHello(None))]


def test_shards_have_leaders_of_their_own() -> None:
    """One that is lost keeps nothing else waiting."""
    script = ClientScript(peers=PEERS)
    script.turn(RunQuery(script.next_request(), None, "stat", {}, None))
    script.hear(a_map("a", {0: (5, "a"), 1: (3, "b")}, MEMBERS), a_welcome(0, 2, epoch=5), peer=A)
    said = script.turn_to_peers(Received(B, a_map("b", {0: (5, "a"), 1: (3, "b")}, MEMBERS)))
    said += script.turn_to_peers(Received(B, a_welcome(1, 2, epoch=3)))
    assert [(peer, query.shard) for peer, query in sent(said, Query)] in ([(B, 1)], [(A, 0), (B, 1)])
    script.turn(PeerGone(A))
    script.turn(RunQuery(script.next_request(), None, "stat", {}, None))
    last = script.machine.state.number
    script.hear(Listing(1, last, ["a"], [[1]], False), peer=B)
    assert script.completed == {}
    said = elected_shard(script, B, 0, 6)
    assert {(peer, query.shard) for peer, query in sent(said, Query)} >= {(B, 0)}


def elected_shard(script: ClientScript, peer: bytes, shard: int, epoch: int) -> list[tuple[bytes, Message]]:
    """B comes to lead another shard, too."""
    rows = {shard: (epoch, "b"), 1: (3, "b")}
    return script.turn_to_peers(Received(peer, HelloNeeded(shard, epoch)), Received(peer, a_map("b", rows, MEMBERS)))


def test_members_are_connected_to_and_left() -> None:
    """One endpoint is enough to find the others; one that is no member any more is let go, unless it was given."""
    script = ClientScript(peers=(A,))
    script.submit()
    said = script.turn_to_peers(Received(A, a_map("a", {0: (5, "a")}, MEMBERS)))
    assert script.moves == [Connect(B), Connect(C)]
    assert [peer for peer, _ in sent(said, ClientHello)] == [B, C]
    script.hear(a_map("b", {0: (5, "a")}, MEMBERS), peer=B)
    fewer = {"b": "tcp://b:1"}
    script.hear(a_map("b", {0: (5, "a")}, fewer), peer=B)
    script.hear(a_welcome(epoch=6), peer=C)
    script.hear(a_map("a", {0: (5, "a")}, fewer), peer=A)
    assert script.moves[2:] == [Disconnect(C)]
    assert script.machine.snapshot()["welcomed"] == [], "it has led"
    assert script.hear(a_welcome(epoch=6), a_map("c", {0: (6, "c")}), HelloNeeded(0, 6), peer=C) == []


def test_a_dead_members_url_keeps_nobody_waiting() -> None:
    """The living one's map lists it, so it is known who that would be, and the leader is connected to at once."""
    script = ClientScript(peers=(A, B))
    script.submit()
    script.hear(a_map("b", {0: (5, "c")}, MEMBERS), peer=B)
    assert script.moves == [Connect(C)]


def test_a_url_that_nobody_knows_is_waited_for_a_little() -> None:
    """It may be the leader by another way; if it does not answer for a while the map is asked for again, and used."""
    script = ClientScript(peers=(b"ipc:///dead", B))
    script.submit()
    script.hear(a_map("b", {0: (5, "c")}, MEMBERS), peer=B)
    assert script.moves == []
    script.wait(4 * SECOND_MS)
    script.hear(a_map("b", {0: (5, "c")}, MEMBERS), peer=B)
    assert script.moves == [Connect(A), Connect(C)]


def test_a_map_of_another_cluster_is_passed_over() -> None:
    """It teaches nothing; who hears nothing else is told."""
    script = ClientScript(peers=PEERS, cluster="test", reach_ns=10**9)
    script.submit()
    script.hear(a_map("x", {0: (5, "x")}, {"x": "tcp://x:1"}, cluster="other"), peer=A)
    assert script.moves == []
    script.wait(SECOND_MS)
    failure = script.completed[1].failure
    assert failure is not None
    assert "of cluster 'other', not of 'test'" in failure.text


def test_a_node_that_waits_to_be_taken_in_knows_nothing() -> None:
    """Its map has no cluster; it has answered all the same."""
    script = in_cluster()
    script.hear(a_map("c", {0: (0, None)}, {}, cluster=""), peer=C)
    assert script.machine.snapshot()["welcomed"] == [0]


def test_jobs_that_are_awaited_survive_the_change() -> None:
    """The new leader is asked for all of them; what the old one has told counts."""
    script = in_cluster()
    script.turn(AwaitJobs(script.next_request(), [1, 2], None))
    script.hear(Ended(0, 0, [[1, "succeeded", "5", None, 1, None]]), peer=A)
    ((peer, message),) = sent(elected(script, B, "b", 6), Await)
    assert (peer, message.ids) == (B, [2])
    script.hear(Ended(0, 0, [[2, "dead", None, "", 1, None]]), peer=B)
    assert [row[0] for row in script.completed[2].value] == [2]
    said = script.turn_to_peers(Close())
    assert {peer for peer, _ in sent(said, Goodbye)} == {A, B}


def test_a_hello_that_nobody_wanted_asks_on_for_the_other_shards() -> None:
    """A node that comes back is said hello to though nothing is asked; it may lead one shard of two."""
    script = ClientScript(peers=PEERS)
    script.turn(PeerGone(A))
    assert sent(script.turn_to_peers(Connected(A)), ClientHello)
    said = script.turn_to_peers(Received(A, a_welcome(shard=0, shards=2, epoch=5)))
    assert {peer for peer, _ in sent(said, ClientHello)} == {A, B, C}
    script.hear(a_welcome(shard=1, shards=2, epoch=3), peer=B)
    assert script.machine.state.cluster.is_led
