"""Sequences, the window, merging, refusals and deadlines of submits."""

import pytest
from client_script import PEER, SESSION, ClientScript, a_job, a_welcome, answer, refusal, welcomed

from mainspring.actors.client.events import Close, Forget
from mainspring.actors.client.flights import ids_of
from mainspring.actors.client.settings import SEQUENCES_IN_FLIGHT
from mainspring.actors.events import Received
from mainspring.broker.wire.ids import shard_of
from mainspring.broker.wire.limits import BATCH_BYTES_MAX, BATCH_JOBS_MAX
from mainspring.broker.wire.messages import Message, Submit, Submitted
from mainspring.broker.wire.routing import shard_for


def submits(messages: list[Message]) -> list[Submit]:
    """Picks the Submits."""
    return [message for message in messages if isinstance(message, Submit)]


def test_an_unknown_session_has_only_its_first_sequence_in_flight() -> None:
    """A shard refuses later sequences of a session that it does not know, so they wait, and are merged."""
    script = ClientScript()
    script.submit(a_job("1"))
    script.submit(a_job("2"))
    (first,) = submits(script.hear(a_welcome()))
    assert (first.session, first.sequence) == (SESSION, 1)
    assert [row[1] for row in first.jobs] == ["1", "2"]
    for payload in ("3", "4"):
        assert script.submit(a_job(payload)) == []
    (second,) = submits(script.hear(answer(first, 10)))
    assert (second.sequence, [row[1] for row in second.jobs]) == (2, ["3", "4"])
    script.hear(answer(second, 20))
    assert [script.completed[request].value for request in (1, 2, 3, 4)] == [[10], [11], [20], [21]]


def test_the_window_is_bounded() -> None:
    """So many sequences are in flight at the most; the rest travels together when one lands."""
    script = welcomed()
    flights = [submits(script.submit(a_job(str(n))))[0] for n in range(SEQUENCES_IN_FLIGHT)]
    assert [flight.sequence for flight in flights] == list(range(2, SEQUENCES_IN_FLIGHT + 2))
    for n in range(5):
        assert script.submit(a_job(f"late {n}")) == []
    (merged,) = submits(script.hear(answer(flights[0], 100)))
    assert len(merged.jobs) == 5
    assert merged.acked_below == flights[1].sequence


def test_acknowledged_sequences_are_said() -> None:
    """`acked_below` is the oldest sequence without an answer."""
    script = welcomed()
    (second,) = submits(script.submit())
    (third,) = submits(script.submit())
    assert (second.acked_below, third.acked_below) == (2, 2)
    script.hear(answer(third, 5))
    (fourth,) = submits(script.submit())
    assert fourth.acked_below == 2
    script.hear(answer(second, 4))
    (fifth,) = submits(script.submit())
    assert fifth.acked_below == 4


def test_a_submit_without_an_answer_is_sent_again_unchanged() -> None:
    """The same sequence with the same jobs, with growing pauses, until it is answered; once is enough."""
    script = welcomed()
    (first,) = submits(script.submit(a_job("x")))
    again = submits(script.wait(20_000))
    assert 4 <= len(again) <= 12
    assert all(message == first for message in again)
    script.hear(answer(first, 9), answer(first, 9))
    script.hear(answer(first, 9))
    assert script.completed[2].value == [9]
    assert submits(script.wait(20_000)) == []


def test_answers_keep_later_flights_from_being_sent_again() -> None:
    """The timer runs on the oldest flight: those behind it are not late while answers come."""
    script = welcomed()
    flights = [submits(script.submit())[0] for _ in range(5)]
    for flight in flights:
        assert submits(script.wait(400)) == []
        script.hear(answer(flight, flight.sequence * 10))
    assert submits(script.wait(5_000)) == []


def test_ids_of_jobs_whose_key_was_taken() -> None:
    """Fresh ids run without gaps; a taken key's job has the id of its holder, wherever it stands."""
    script = welcomed()
    (message,) = submits(script.submit(*[a_job(key=str(n)) for n in range(5)]))
    script.hear(answer(message, 50, [0, 7], [3, 9]))
    assert script.completed[2].value == [7, 50, 51, 9, 52]


@pytest.mark.parametrize("existing", [[[5, 1]], [[1, 2], [1, 3]], [[2, 1], [1, 1]], [["a", 1]], [[0]], [[0, 1]] * 6])
def test_nonsense_about_taken_keys_is_seen(existing: list[list[object]]) -> None:
    """Offsets ascend within the message, else the answer is none."""
    assert ids_of(1, 5, existing) is None  # pyright: ignore[reportArgumentType]  (what a broken peer may send)


def test_an_answer_that_does_not_fit_is_indefinite() -> None:
    """The jobs may have been taken, but nobody can say under which ids."""
    script = welcomed()
    (message,) = submits(script.submit())
    script.hear(Submitted(0, SESSION, message.sequence, 5, 2, []))
    failure = script.completed[2].failure
    assert failure is not None
    assert not failure.definite


@pytest.mark.parametrize("code", ["overloaded", "draining", "disk_full", "queue_full", "unknown_tenant"])
def test_a_refusal_is_told_and_not_tried_again(code: str) -> None:
    """The caller decides about a second try: the answer is definite, and comes at once."""
    script = welcomed()
    (message,) = submits(script.submit())
    assert script.hear(refusal(message, code)) == []
    failure = script.completed[2].failure
    assert failure is not None
    assert (failure.code, failure.definite) == (code, True)
    assert submits(script.wait(20_000)) == []


def test_an_innocent_caller_does_not_suffer_from_company() -> None:
    """A message of several callers that is refused for some job is sent apart, each under a sequence of its own."""
    script = welcomed()
    (message,) = submits(script.turn(script.command(a_job("good")), script.command(a_job("bad")), script.command()))
    apart = submits(script.hear(refusal(message, "unknown_tenant")))
    assert [[row[1] for row in each.jobs] for each in apart] == [["good"], ["bad"], ["[[],{}]"]]
    assert [each.sequence for each in apart] == [3, 4, 5]
    script.hear(answer(apart[0], 30), refusal(apart[1], "unknown_tenant"), answer(apart[2], 31))
    assert script.completed[2].value == [30]
    assert script.code(3) == "unknown_tenant"
    assert script.completed[4].value == [31]


def test_overload_is_told_to_everybody_at_once() -> None:
    """What no single job has caused is not asked again for each."""
    script = welcomed()
    (message,) = submits(script.turn(script.command(), script.command()))
    assert script.hear(refusal(message, "overloaded")) == []
    assert [script.code(2), script.code(3)] == ["overloaded", "overloaded"]


def test_a_refused_first_sequence_ends_its_session() -> None:
    """The shard still does not know the session, so the next submit begins another."""
    script = ClientScript()
    script.submit()
    (first,) = submits(script.hear(a_welcome()))
    script.hear(refusal(first, "queue_full"))
    (second,) = submits(script.submit())
    assert second.sequence == 1
    assert second.session != first.session
    script.hear(answer(first, 3), answer(second, 4))
    assert script.completed[2].value == [4]


@pytest.mark.parametrize("code", ["unknown_session", "forgotten"])
def test_a_session_that_the_shard_has_lost_is_left(code: str) -> None:
    """Its flights are indefinite, each by its own answer; later jobs go under a new session, once it is empty."""
    script = welcomed()
    (one,) = submits(script.submit())
    (two,) = submits(script.submit())
    assert script.hear(refusal(one, code)) == []
    assert script.submit() == []
    (fresh,) = submits(script.hear(refusal(two, code)))
    assert fresh.sequence == 1
    assert fresh.session != SESSION
    for request in (2, 3):
        failure = script.completed[request].failure
        assert failure is not None
        assert (failure.code, failure.definite) == (code, False)
    script.hear(answer(fresh, 5))
    assert script.completed[4].value == [5]


def test_a_session_is_not_used_after_a_long_rest() -> None:
    """The shard may have forgotten it, so an idle client draws a new one rather than get an indefinite answer."""
    script = welcomed()
    script.wait(601_000)
    (message,) = submits(script.submit())
    assert message.sequence == 1
    assert message.session != SESSION


def test_not_here_is_no_answer() -> None:
    """The flight waits for the map to name another peer, and goes there under its sequence."""
    script = welcomed(peers=(PEER, b"other"))
    (message,) = submits(script.submit())
    script.hear(refusal(message, "not_here"))
    assert 2 not in script.completed
    sent = script.turn_to_peers(Received(b"other", a_welcome(epoch=2)))
    assert (b"other", message) in sent


def test_a_big_submit_is_cut_by_jobs() -> None:
    """No message has more than BATCH_JOBS_MAX jobs, and the ids come back in the caller's order."""
    script = welcomed()
    count = 3 * BATCH_JOBS_MAX + 5
    flights = submits(script.submit(*[a_job(str(n)) for n in range(count)]))
    assert [len(flight.jobs) for flight in flights] == [BATCH_JOBS_MAX] * 3 + [5]
    for flight in reversed(flights):
        assert 2 not in script.completed
        script.hear(answer(flight, 10_000 * flight.sequence))
    ids = script.completed[2].value
    assert len(ids) == count
    assert ids[BATCH_JOBS_MAX] == 10_000 * flights[1].sequence


def test_a_big_submit_is_cut_by_bytes() -> None:
    """No message holds more than BATCH_BYTES_MAX of payload, and one large payload does not shrink all messages."""
    script = welcomed()
    payloads = ["€" * 300_000] * 8 + ["x"] * 3000
    flights = submits(script.submit(*[a_job(payload) for payload in payloads]))
    sizes = [sum(len(row[1].encode()) for row in flight.jobs) for flight in flights]
    assert max(sizes) <= BATCH_BYTES_MAX
    assert len(flights) < 8


def test_a_big_submit_lets_small_ones_pass() -> None:
    """A caller with a few jobs does not wait until all of another's hundred thousand are sent."""
    script = welcomed()
    script.submit(*[a_job()] * (BATCH_JOBS_MAX * 20))
    script.submit(a_job("small"))
    in_flight = script.machine.state.submits[0].flights
    for first_id in (10_000, 20_000):
        script.hear(answer(next(iter(in_flight.values())).message, first_id))
    assert any(row[1] == "small" for flight in in_flight.values() for row in flight.message.jobs)


def test_what_was_taken_of_a_failed_submit_is_told() -> None:
    """After a refusal nothing more of that submit is sent, and the ids of its taken jobs come with the error."""
    script = welcomed()
    count = (SEQUENCES_IN_FLIGHT + 4) * BATCH_JOBS_MAX
    flights = submits(script.submit(*[a_job()] * count))
    assert script.hear(refusal(flights[1], "queue_full")) == []
    for flight in [flights[0], *flights[2:]]:
        script.hear(answer(flight, 10_000 * flight.sequence))
    done = script.completed[2]
    assert done.failure is not None
    assert done.failure.definite
    assert done.value[0] == 20_000
    assert done.value[BATCH_JOBS_MAX : 2 * BATCH_JOBS_MAX] == [None] * BATCH_JOBS_MAX
    assert sum(id is not None for id in done.value) == (SEQUENCES_IN_FLIGHT - 1) * BATCH_JOBS_MAX


def test_a_timeout_of_what_was_sent_means_unknown() -> None:
    """A submit in flight at its deadline is indefinite; it is not sent again, and its late answer changes nothing."""
    script = welcomed()
    (message,) = submits(script.submit(timeout_ms=1_000))
    script.wait(1_001)
    failure = script.completed[2].failure
    assert failure is not None
    assert (failure.code, failure.definite) == ("timeout", False)
    assert submits(script.wait(20_000)) == []
    script.hear(answer(message, 5))
    (later,) = submits(script.submit())
    assert (later.sequence, later.acked_below) == (3, 3)


def test_a_timeout_of_what_was_never_sent_is_definite() -> None:
    """Jobs that the window kept back until their deadline have not happened."""
    script = welcomed()
    for _ in range(SEQUENCES_IN_FLIGHT):
        script.submit()
    script.submit(timeout_ms=100)
    script.wait(101)
    failure = script.completed[script.request].failure
    assert failure is not None
    assert (failure.code, failure.definite) == ("unsent", True)


def test_a_timeout_in_company_leaves_the_others() -> None:
    """A merged message goes on for the callers that still wait, and each gets its own ids."""
    script = welcomed()
    (message,) = submits(
        script.turn(script.command(), script.command(a_job(), a_job(), timeout_ms=50), script.command())
    )
    script.wait(51)
    assert script.code(3) == "timeout"
    assert message in submits(script.wait(2_000))
    script.hear(answer(message, 40))
    assert script.completed[2].value == [40]
    assert script.completed[4].value == [43]


def test_an_abandoned_first_sequence_ends_its_session() -> None:
    """If nobody waits for sequence 1 any more, the shard may never learn of the session: a new one begins."""
    script = ClientScript()
    script.submit(timeout_ms=100)
    (first,) = submits(script.hear(a_welcome()))
    script.wait(101)
    (second,) = submits(script.submit())
    assert second.sequence == 1
    assert second.session != first.session


def test_a_caller_that_goes_away_is_told_nothing() -> None:
    """Its jobs in flight are let go of, and its waiting jobs are not sent."""
    script = welcomed()
    (message,) = submits(script.submit())
    script.turn(Forget(2))
    script.hear(answer(message, 5))
    assert 2 not in script.completed
    script.turn(Forget(99))


def test_close_ends_everything() -> None:
    """What was sent is indefinite, what was not is definite, and later requests are refused."""
    script = welcomed()
    for _ in range(SEQUENCES_IN_FLIGHT + 1):
        script.submit()
    script.turn(Close())
    definite = [script.completed[n].failure.definite for n in range(2, script.request + 1)]  # pyright: ignore[reportOptionalMemberAccess]  (all have failed)
    assert definite == [False] * SEQUENCES_IN_FLIGHT + [True]
    script.submit()
    assert script.code() == "closed"


def test_jobs_go_to_the_shard_of_their_tenant_and_queue() -> None:
    """A submit over shards is split by the routing of the protocol, and its ids come back in the caller's order."""
    script = ClientScript()
    queues = [f"queue-{n}" for n in range(20)]
    script.submit(*[a_job(queue, queue=queue) for queue in queues])
    flights: list[Submit] = []
    for shard in range(4):
        flights += submits(script.hear(a_welcome(shard, 4)))
    assert sum(len(flight.jobs) for flight in flights) == 20
    for flight in flights:
        assert all(shard_for("default", row[2], 4) == flight.shard for row in flight.jobs)
        script.hear(answer(flight, (flight.shard << 40) + 1))
    assert [shard_of(id) for id in script.completed[1].value] == [shard_for("default", queue, 4) for queue in queues]


def test_too_many_jobs_are_refused_here() -> None:
    """A client holds a bounded number of jobs that nobody has taken."""
    script = welcomed()
    rows = [a_job()] * 1_000_001
    script.submit(*rows)
    script.submit(*rows)
    assert script.code() == "overloaded"
