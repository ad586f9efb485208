"""A node with too much in hand says so: a question is put again, what changes something is told at once."""

from client_script import ClientScript, welcomed

from mainspring.actors.client.events import CancelJobs, RunQuery, StatusJobs
from mainspring.broker.wire.messages import Await, Cancel, Ended, Listing, Query, Refused

ROW = [5, "running", None, None, 1, None]


def overloaded(request: int) -> Refused:
    """The node's answer."""
    return Refused(0, 0, request, "overloaded", "too much; try again after a pause")


def test_a_question_is_put_again_after_a_pause() -> None:
    """Its caller hears nothing of it, and gets the answer when there is one."""
    script = welcomed()
    (message,) = script.turn(StatusJobs(script.next_request(), [5], None))
    assert isinstance(message, Await)
    assert script.hear(overloaded(message.request)) == [], "not at once: that would make it worse"
    assert script.wait(1_000) == [message]
    script.hear(overloaded(message.request))
    script.hear(Ended(0, message.request, [ROW]))
    assert script.completed[2].value == [ROW]
    assert script.wait(20_000) == []


def test_a_question_that_is_never_answered_says_why() -> None:
    """When its time is over, the caller hears that the node was overloaded, not that nobody has answered."""
    script = welcomed()
    (message,) = script.turn(RunQuery(script.next_request(), 0, "jobs", {}, script.now_ns + 3 * 10**9))
    assert isinstance(message, Query)
    script.hear(overloaded(message.request))
    script.wait(3_001)
    failure = script.completed[2].failure
    assert failure is not None
    assert (failure.code, failure.definite) == ("overloaded", True)
    assert "try again after a pause" in failure.text


def test_an_answer_after_a_refusal_counts() -> None:
    """Two copies were under way: one was refused, the other answered."""
    script = welcomed()
    (message,) = script.turn(RunQuery(script.next_request(), 0, "jobs", {}, None))
    assert isinstance(message, Query)
    script.wait(1_000)
    script.hear(overloaded(message.request), Listing(0, message.request, ["id"], [[1]], False))
    assert script.completed[2].value == (["id"], [[1]], False)


def test_a_cancel_is_not_repeated() -> None:
    """Whoever changes something decides himself whether to try again."""
    script = welcomed()
    (message,) = script.turn(CancelJobs(script.next_request(), [5], None))
    assert isinstance(message, Cancel)
    script.hear(overloaded(message.request))
    assert script.code(2) == "overloaded"
    assert script.wait(20_000) == []


def test_a_hello_that_is_refused_for_lack_of_room_says_so() -> None:
    """Not that nobody answers: the node is there, and full."""
    script = ClientScript()
    script.turn(StatusJobs(script.next_request(), [5], None))
    script.hear(overloaded(0))
    script.wait(30_000)
    failure = script.completed[1].failure
    assert failure is not None
    assert (failure.code, failure.definite) == ("overloaded", True)
    assert "does not serve this client" in failure.text
