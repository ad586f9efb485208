"""The hello, the welcome, and what waits for them."""

from client_script import PEER, ClientScript, a_job, a_welcome, welcomed

from mainspring.actors.client.events import Connected, RunQuery
from mainspring.broker.wire.messages import ClientHello, HelloNeeded, Query, Refused, Submit


def test_nothing_is_said_before_it_is_needed() -> None:
    """A client without a request says nothing and wants no wake."""
    script = ClientScript()
    assert script.turn() == []
    assert script.machine.wake_at() is None


def test_the_first_request_says_hello_to_every_peer() -> None:
    """Each known peer is asked, again and again with growing pauses, until one answers."""
    script = ClientScript(peers=(b"one", b"two"), cluster="test", reach_ns=10**12)
    command = script.command()
    assert script.turn_to_peers(command) == [
        (b"one", ClientHello("test")),
        (b"two", ClientHello("test")),
    ]
    assert len(script.wait(260)) == 2
    assert len(script.wait(260)) == 0
    assert len(script.wait(60_000)) < 40
    said = script.hear(a_welcome(), peer=b"two")
    assert [type(message) for message in said] == [Submit]
    assert script.turn_to_peers(script.command()) == [], "a session that is not open has one submit in flight"
    assert not any(isinstance(message, ClientHello) for message in script.wait(60_000))


def test_requests_go_to_the_peer_of_their_shard() -> None:
    """Each shard's messages go to whoever sent its welcome."""
    script = ClientScript(peers=(b"one", b"two"))
    script.turn(RunQuery(script.next_request(), None, "stat", {}, None))
    script.hear(a_welcome(0, 2), peer=b"one")
    assert script.machine.snapshot()["welcomed"] == [0]
    from mainspring.actors.events import Received

    sent = script.turn_to_peers(Received(b"two", a_welcome(1, 2)))
    assert [(peer, type(message), message.shard) for peer, message in sent if isinstance(message, Query)] == [
        (b"one", Query, 0),
        (b"two", Query, 1),
    ]


def test_a_request_that_nobody_answers_was_never_sent() -> None:
    """Without a welcome a submit fails as unreachable, which is definite."""
    script = ClientScript()
    script.submit(timeout_ms=300)
    script.wait(299)
    assert not script.completed
    script.wait(2)
    failure = script.completed[1].failure
    assert failure is not None
    assert (failure.code, failure.definite) == ("unreachable", True)
    assert "mainspring up" in failure.text
    assert not any(isinstance(message, Submit) for message in script.hear(a_welcome()))


def test_a_request_without_a_deadline_is_told_when_nobody_is_there() -> None:
    """Reaching the cluster has a bound of its own."""
    script = ClientScript(reach_ns=10**9)
    script.submit()
    script.wait(1_001)
    assert script.code() == "unreachable"


def test_the_bound_of_reaching_falls_away_with_the_welcome() -> None:
    """A request without a deadline, once sent, is never given up."""
    script = ClientScript(reach_ns=10**9)
    script.submit()
    script.hear(a_welcome())
    script.wait(100_000)
    assert not script.completed


def test_old_news_does_not_count() -> None:
    """A welcome of an epoch lower than seen, of another cluster or of another number of shards is ignored."""
    script = welcomed(peers=(PEER, b"new", b"old"))
    script.hear(a_welcome(epoch=3), peer=b"new")
    for old in (a_welcome(epoch=2), a_welcome(epoch=9, cluster="other"), a_welcome(0, 4, epoch=9)):
        script.hear(old, peer=b"old")
    ((peer, message),) = script.turn_to_peers(script.command())
    assert isinstance(message, Submit)
    assert peer == b"new"


def test_a_hello_that_is_refused_ends_what_waits_for_it() -> None:
    """The wrong cluster is a definite error, and not a timeout."""
    script = ClientScript()
    script.submit()
    script.hear(Refused(0, 0, 0, "wrong_cluster", "this node belongs to another"))
    assert script.code() == "wrong_cluster"
    assert script.completed[1].failure is not None
    assert script.completed[1].failure.definite


def test_a_broken_connection_is_made_good() -> None:
    """After a new connection or a HelloNeeded, hello is said again and flights are sent again under their sequences."""
    script = welcomed()
    (first,) = script.submit()
    for event in (Connected(PEER), HelloNeeded(0, 1)):
        said = script.turn(event) if isinstance(event, Connected) else script.hear(event)
        assert first in said
        assert any(isinstance(message, ClientHello) for message in said)
        script.hear(a_welcome())


def test_a_new_leader_gets_what_is_in_flight() -> None:
    """A welcome of a higher epoch draws all flights to its peer."""
    script = welcomed(peers=(PEER, b"new"))
    (first,) = script.submit()
    from mainspring.actors.events import Received

    assert (b"new", first) in script.turn_to_peers(Received(b"new", a_welcome(epoch=2)))


def test_a_job_by_name_is_filled_in() -> None:
    """Queue and priority come from what the executors announced; the caller's own stand."""
    script = ClientScript()
    rows = [a_job(queue=None, priority=None), a_job(queue="mine", priority=None), a_job(queue=None, priority=7)]
    script.submit(*rows)
    (message,) = script.hear(a_welcome(tasks=[["echo", "declared", 3]]))
    assert isinstance(message, Submit)
    assert [(row[2], row[4]) for row in message.jobs] == [("declared", 3), ("mine", 3), ("declared", 7)]


def test_an_unknown_task_is_asked_about_once_more() -> None:
    """A task may be announced after the welcome: the client says hello again, and refuses only then."""
    script = welcomed()
    (hello,) = script.submit(a_job(task="later", queue=None))
    assert isinstance(hello, ClientHello)
    (message,) = script.hear(a_welcome(tasks=[["later", "slow", 0]]))
    assert isinstance(message, Submit)
    assert message.jobs[0][2] == "slow"
    script.submit(a_job(task="never", queue=None))
    assert script.hear(a_welcome()) == []
    assert script.code() == "unknown_task"


def test_a_hello_is_not_lost_when_the_last_one_was_just_answered() -> None:
    """An unknown task that is submitted in the turn of a welcome still gets its answer."""
    script = welcomed()
    script.submit(a_job(task="later", queue=None))
    from mainspring.actors.events import Received

    said = script.turn(Received(PEER, a_welcome()), script.command(a_job(task="later", queue=None)))
    assert any(isinstance(message, ClientHello) for message in said)
    script.hear(a_welcome(tasks=[["later", "slow", 0]]))
    assert script.request not in script.completed


def test_a_payload_beyond_the_shards_bound_is_not_sent() -> None:
    """The bound of the welcome is kept early, in bytes of UTF-8, with the protocol's own code."""
    script = ClientScript()
    script.submit(a_job("ä" * 60))
    assert script.hear(a_welcome(payload_bytes_max=100)) == []
    assert script.code() == "payload_too_large"
    said = script.submit(a_job("a" * 100))
    assert [type(message) for message in said] == [Submit]
