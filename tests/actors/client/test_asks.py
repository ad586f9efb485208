"""Cancel, status and query: one answer each, however many messages."""

from client_script import PEER, ClientScript, a_welcome, welcomed

from mainspring.actors.client.events import ActOnJobs, CancelJobs, Close, Connected, Forget, RunQuery, StatusJobs
from mainspring.broker.wire.limits import IDS_MAX
from mainspring.broker.wire.messages import Await, Cancel, Cancelled, Ended, JobAct, JobActed, Listing, Query, Refused

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


def test_an_act_on_jobs_over_shards_is_one_answer() -> None:
    """Each shard gets its own ids, each once, with who asks, why and how; the codes come together."""
    script = two_shards()
    command = ActOnJobs(script.next_request(), "retry", [5, OTHER + 1, 5], True, "mended", "ann@host", None)
    first, second = script.turn(command)
    assert isinstance(first, JobAct)
    assert isinstance(second, JobAct)
    assert (first.shard, first.ids, second.shard, second.ids) == (0, [5], 1, [OTHER + 1])
    for message in (first, second):
        assert (message.action, message.by, message.force, message.reason) == ("retry", "ann@host", True, "mended")
    script.hear(JobActed(1, second.request, [[OTHER + 1, "not_found"]]))
    assert 2 not in script.completed
    script.hear(JobActed(0, first.request, [[5, "retried"]]))
    assert sorted(script.completed[2].value) == [[5, "retried"], [OTHER + 1, "not_found"]]


def test_an_act_is_repeated_until_it_is_answered() -> None:
    """The same message under the same number, after a pause and after a new connection: it is done once."""
    script = welcomed()
    (message,) = script.turn(ActOnJobs(script.next_request(), "skip", [5], False, None, "ann@host", None))
    assert isinstance(message, JobAct)
    again = script.wait(20_000)
    assert again
    assert all(other == message for other in again)
    assert message in script.turn(Connected(PEER))
    script.hear(Cancelled(0, message.request, [[5, "cancelled"]]))
    assert 2 not in script.completed  # an answer of another kind is none
    script.hear(JobActed(0, message.request, [[5, "skipped"]]), JobActed(0, message.request, [[5, "ended"]]))
    assert script.completed[2].value == [[5, "skipped"]]
    assert message not in script.wait(20_000)


def test_many_ids_of_an_act_take_several_messages() -> None:
    """No message holds more than IDS_MAX; ids of shards that do not exist are answered here."""
    script = welcomed()
    ids = [*range(1, IDS_MAX + 2), OTHER + 1]
    messages = script.turn(ActOnJobs(script.next_request(), "discard", ids, False, None, "ann@host", None))
    acts = [message for message in messages if isinstance(message, JobAct)]
    assert [len(message.ids) for message in acts] == [IDS_MAX, 1]
    script.hear(*[JobActed(0, act.request, [[id, "discarded"] for id in act.ids]) for act in acts])
    codes = dict(script.completed[2].value)
    assert (len(codes), codes[OTHER + 1], codes[IDS_MAX + 1]) == (IDS_MAX + 2, "not_found", "discarded")


def test_an_act_that_was_refused_in_part_is_indefinite() -> None:
    """Another message of it may have been taken; of one message alone a refusal is definite."""
    script = two_shards()
    first, second = script.turn(
        ActOnJobs(script.next_request(), "retry", [5, OTHER + 1], False, None, "ann@host", None)
    )
    assert isinstance(first, JobAct)
    assert isinstance(second, JobAct)
    script.hear(JobActed(0, first.request, [[5, "retried"]]))
    script.hear(Refused(1, 0, second.request, "queue_full", "the queue is full"))
    failure = script.completed[2].failure
    assert failure is not None
    assert (failure.code, failure.definite) == ("queue_full", False)
    assert "other shards may have done their part" in failure.text
    (alone,) = script.turn(ActOnJobs(script.next_request(), "retry", [5], False, None, "ann@host", None))
    assert isinstance(alone, JobAct)
    script.hear(Refused(0, 0, alone.request, "queue_full", "the queue is full"))
    failure = script.completed[3].failure
    assert failure is not None
    assert (failure.text, failure.definite) == ("the queue is full", True)


def test_an_act_that_is_closed_in_the_middle_is_indefinite() -> None:
    """It was sent, so it may have been done."""
    script = welcomed()
    script.turn(ActOnJobs(script.next_request(), "retry", [5], False, None, "ann@host", None))
    script.turn(Close())
    failure = script.completed[2].failure
    assert failure is not None
    assert (failure.code, failure.definite) == ("closed", False)
