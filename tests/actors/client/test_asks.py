"""Cancel, status and query: one answer each, however many messages."""

from client_script import ClientScript, a_welcome, welcomed

from mainspring.actors.client.events import CancelJobs, Forget, RunQuery, StatusJobs
from mainspring.broker.wire.limits import IDS_MAX
from mainspring.broker.wire.messages import Await, Cancel, Cancelled, Ended, Listing, Query, Refused

OTHER = 1 << 40


def two_shards() -> ClientScript:
    """A client that knows two shards."""
    script = ClientScript()
    script.turn(RunQuery(script.next_request(), 0, "stat", {}, None))
    script.hear(a_welcome(0, 2))
    (query,) = [message for message in script.hear(a_welcome(1, 2)) if isinstance(message, Query)]
    script.hear(Listing(0, query.request, ["a"], [[1]], False))
    assert script.completed[1].value == (["a"], [[1]], False)
    return script


def test_a_cancel_over_shards_is_one_answer() -> None:
    """Each shard gets its ids once, and the codes come together."""
    script = two_shards()
    first, second = script.turn(CancelJobs(script.next_request(), [5, OTHER + 1, 5], None))
    assert isinstance(first, Cancel)
    assert isinstance(second, Cancel)
    assert (first.ids, second.ids) == ([5], [OTHER + 1])
    script.hear(Cancelled(1, second.request, [[OTHER + 1, "asked"]]))
    assert 2 not in script.completed
    script.hear(Cancelled(0, first.request, [[5, "cancelled"]]), Cancelled(0, first.request, [[5, "finished"]]))
    assert sorted(script.completed[2].value) == [[5, "cancelled"], [OTHER + 1, "asked"]]


def test_a_question_is_repeated_until_it_is_answered() -> None:
    """The same message, with growing pauses."""
    script = welcomed()
    (message,) = script.turn(StatusJobs(script.next_request(), [5], None))
    assert isinstance(message, Await)
    assert message.now
    again = script.wait(20_000)
    assert 4 <= len(again) <= 12
    assert all(other == message for other in again)
    row = [5, "running", None, None, 1, None]
    script.hear(Ended(0, message.request, [row]))
    assert script.completed[2].value == [row]
    assert script.wait(20_000) == []


def test_the_answer_must_fit_the_question() -> None:
    """An answer of another kind or shard is none, and one whose rows are none is an error."""
    script = two_shards()
    (message,) = script.turn(CancelJobs(script.next_request(), [5], None))
    assert isinstance(message, Cancel)
    script.hear(Listing(0, message.request, [], [], False), Cancelled(1, message.request, [[5, "cancelled"]]))
    assert 2 not in script.completed
    script.hear(Cancelled(0, message.request, [[5]]))
    assert script.code(2) == "malformed"


def test_a_question_out_of_time() -> None:
    """It fails as timed out, and is asked no more."""
    script = welcomed()
    script.turn(StatusJobs(script.next_request(), [5], script.now_ns + 10**9))
    script.wait(1_001)
    assert script.code(2) == "timeout"
    assert script.wait(20_000) == []


def test_many_ids_take_several_messages() -> None:
    """No message holds more than IDS_MAX ids."""
    script = welcomed()
    messages = script.turn(StatusJobs(script.next_request(), list(range(1, IDS_MAX + 2)), None))
    assert [len(message.ids) for message in messages if isinstance(message, Await)] == [IDS_MAX, 1]


def test_ids_of_shards_that_do_not_exist() -> None:
    """They are answered here: nobody has such jobs."""
    script = welcomed()
    script.turn(CancelJobs(script.next_request(), [OTHER + 1], None))
    assert script.completed[2].value == [[OTHER + 1, "not_found"]]
    script.turn(StatusJobs(script.next_request(), [OTHER + 1], None))
    assert script.completed[3].value == [[OTHER + 1, "not_found", None, None, 0, None]]
    script.turn(StatusJobs(script.next_request(), [], None))
    assert script.completed[4].value == []


def test_a_query_of_all_shards_is_one_listing() -> None:
    """Rows come together under the columns of the first answer; `more` of any shard is `more`."""
    script = two_shards()
    first, second = script.turn(RunQuery(script.next_request(), None, "queues", {"limit": 5}, None))
    assert isinstance(first, Query)
    assert isinstance(second, Query)
    script.hear(Listing(0, first.request, ["queue", "ready"], [["a", 1]], True))
    script.hear(Listing(1, second.request, ["ready", "queue"], [[2, "b"]], False))
    assert script.completed[2].value == (["queue", "ready"], [["a", 1], ["b", 2]], True)


def test_a_query_of_no_shard_is_refused_here() -> None:
    """The text says how many shards there are."""
    script = welcomed()
    script.turn(RunQuery(script.next_request(), 3, "queues", {}, None))
    failure = script.completed[2].failure
    assert failure is not None
    assert failure.code == "invalid_query"
    assert "the cluster has 1" in failure.text


def test_a_refused_query_says_why() -> None:
    """The shard's own text reaches the caller."""
    script = welcomed()
    (message,) = script.turn(RunQuery(script.next_request(), None, "nonsense", {}, None))
    assert isinstance(message, Query)
    script.hear(Refused(0, 0, message.request, "invalid_query", "there is no such listing"))
    failure = script.completed[2].failure
    assert failure is not None
    assert (failure.text, failure.definite) == ("there is no such listing", True)


def test_a_forgotten_question_is_asked_no_more() -> None:
    """Its late answer goes unnoticed."""
    script = welcomed()
    (message,) = script.turn(CancelJobs(script.next_request(), [5], None))
    assert isinstance(message, Cancel)
    script.turn(Forget(2))
    assert script.wait(20_000) == []
    script.hear(Cancelled(0, message.request, [[5, "cancelled"]]))
    assert 2 not in script.completed
