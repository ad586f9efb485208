"""Awaited jobs: asked for once, asked for again, told once."""

from client_script import PEER, ClientScript, a_welcome, welcomed

from mainspring.actors.client.events import AwaitJobs, Close, Connected, Forget
from mainspring.broker.wire.limits import IDS_MAX
from mainspring.broker.wire.messages import Await, Ended, Goodbye, Message, Refused


def ended(id: int, state: str = "succeeded") -> list[object]:
    """Makes a row of ENDED_COLUMNS."""
    return [id, state, "1", None, 1, None]


def awaits(messages: list[Message]) -> list[Await]:
    """Picks the Awaits."""
    return [message for message in messages if isinstance(message, Await)]


def await_jobs(script: ClientScript, *ids: int, timeout_ms: int | None = None) -> list[Await]:
    """Awaits jobs and returns what that sent."""
    deadline_ns = None if timeout_ms is None else script.now_ns + timeout_ms * 1_000_000
    return awaits(script.turn(AwaitJobs(script.next_request(), list(ids), deadline_ns)))


def test_the_end_of_a_job_is_told_once() -> None:
    """The first Ended completes the request; repeated and late ones, and those of others' jobs, go unnoticed."""
    script = welcomed()
    (message,) = await_jobs(script, 5)
    assert (message.ids, message.now) == ([5], False)
    script.hear(Ended(0, 0, [ended(5)]), Ended(0, 0, [ended(5), ended(6)]))
    script.hear(Ended(0, 0, [ended(5)]))
    assert script.completed[2].value == [ended(5)]


def test_a_live_state_is_no_end() -> None:
    """Only an end completes, whatever a peer reports."""
    script = welcomed()
    await_jobs(script, 5)
    script.hear(Ended(0, 0, [ended(5, "running"), [5], ["5", "succeeded", None, None, 0, None]]))
    assert 2 not in script.completed


def test_many_jobs_are_told_bit_by_bit() -> None:
    """Rows come as they come, and the last ones with the completion."""
    script = welcomed()
    await_jobs(script, 5, 6, 7, 5)
    script.hear(Ended(0, 0, [ended(6)]))
    script.hear(Ended(0, 0, [ended(5), ended(7)]))
    assert [act.rows for act in script.partial] == [[ended(6)]]
    assert script.completed[2].value == [ended(5), ended(7)]


def test_awaited_jobs_are_asked_for_again() -> None:
    """The news may be lost: a round comes every few seconds, more rarely while nothing is heard at all."""
    script = welcomed()
    await_jobs(script, 5)
    rounds = awaits(script.wait(60_000))
    assert 4 <= len(rounds) <= 10
    script.hear(Ended(0, 0, [ended(5)]))
    assert awaits(script.wait(60_000)) == []
    assert script.machine.wake_at() is None


def test_a_new_connection_asks_at_once() -> None:
    """Who was asked before has forgotten."""
    script = welcomed()
    await_jobs(script, 5)
    await_jobs(script, 6)
    (message,) = awaits(script.turn(Connected(PEER)))
    assert sorted(message.ids) == [5, 6]


def test_two_callers_await_one_job() -> None:
    """The job is asked for once, and both are told."""
    script = welcomed()
    await_jobs(script, 5)
    assert await_jobs(script, 5) == []
    script.hear(Ended(0, 0, [ended(5)]))
    assert script.completed[2].value == script.completed[3].value == [ended(5)]


def test_a_deadline_leaves_the_jobs_alone() -> None:
    """The request fails as timed out, and the others go on waiting."""
    script = welcomed()
    await_jobs(script, 5, 6, timeout_ms=100)
    await_jobs(script, 6)
    script.wait(101)
    assert script.code(2) == "timeout"
    script.hear(Ended(0, 0, [ended(6)]))
    assert script.completed[3].value == [ended(6)]


def test_a_forgotten_await_is_asked_for_no_more() -> None:
    """When the last caller goes, so does the job."""
    script = welcomed()
    await_jobs(script, 5)
    script.turn(Forget(2))
    assert awaits(script.wait(60_000)) == []


def test_a_refused_await_fails_those_that_it_was_for() -> None:
    """A shard that can take no more says so, and its callers hear it; others go on."""
    script = welcomed()
    await_jobs(script, 5)
    (second,) = await_jobs(script, 6)
    script.hear(Refused(0, 0, second.request, "overloaded", "too many are awaited"))
    assert script.code(3) == "overloaded"
    assert 2 not in script.completed


def test_many_ids_take_several_messages() -> None:
    """No message holds more than IDS_MAX ids."""
    script = welcomed()
    sent = await_jobs(script, *range(1, 2 * IDS_MAX + 2))
    assert [len(message.ids) for message in sent] == [IDS_MAX, IDS_MAX, 1]


def test_a_job_of_a_shard_that_does_not_exist() -> None:
    """Its id is of no job, and no shard is asked."""
    script = welcomed()
    far = (9 << 40) + 1
    assert await_jobs(script, far) == []
    assert script.completed[2].value == [[far, "not_found", None, None, 0, None]]
    await_jobs(script, far, 5)
    script.hear(Ended(0, 0, [ended(5)]))
    assert script.partial[0].rows[0][1] == "not_found"
    assert script.completed[3].value == [ended(5)]


def test_close_says_goodbye_to_who_would_tell_us() -> None:
    """A coordinator need not keep waiters that are gone."""
    script = welcomed()
    await_jobs(script, 5)
    assert script.turn(Close()) == [Goodbye(0)]
    assert script.code(2) == "closed"


def test_close_says_goodbye_for_waits_that_are_over() -> None:
    """A wait that timed out or was forgotten has left a waiter at the coordinator, so that must hear it."""
    for forget in (False, True):
        script = welcomed()
        await_jobs(script, 5, timeout_ms=100)
        if forget:
            script.turn(Forget(2))
        else:
            script.wait(101)
            assert script.code(2) == "timeout"
        assert script.turn(Close()) == [Goodbye(0)]


def test_close_says_nothing_where_nothing_was_awaited() -> None:
    """Nobody there keeps a waiter, nor does a shard that was never asked."""
    assert welcomed().turn(Close()) == []
    script = welcomed()
    await_jobs(script, (9 << 40) + 1)
    assert script.turn(Close()) == []


def test_an_await_waits_for_the_welcome() -> None:
    """A handle made from an id alone finds its shard, too."""
    script = ClientScript()
    assert await_jobs(script, 5) == []
    (message,) = awaits(script.hear(a_welcome()))
    assert message.ids == [5]
