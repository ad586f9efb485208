"""What a Submit gets: taken once however often it comes, refused for good, and keys that make a job once."""

from typing import Any

import pytest
from builders import Row, a_job, a_policy, a_task
from shard_bench import CLIENT, SESSION, START_MS, Said, ShardBench, only, runs_of

from mainspring.actors import entries
from mainspring.actors.events import Drain
from mainspring.actors.limits import UNAPPLIED_JOB_BYTES
from mainspring.broker.wire.ids import sequence_of
from mainspring.broker.wire.limits import NAME_CHARS_MAX
from mainspring.broker.wire.messages import Refused, Submit, Submitted
from mainspring.chaos.small_limits import small_limits

OTHER = b"other client"


@pytest.fixture
def bench() -> ShardBench:
    """A shard that knows the task `echo`, with no free slot."""
    bench = ShardBench(dedup_window=4)
    bench.executor(slots=0)
    return bench


def answer(said: list[Said]) -> Submitted:
    """The only answer, which must be a Submitted."""
    (message,) = [one.message for one in said]
    assert isinstance(message, Submitted), message
    return message


def refusal(said: list[Said]) -> Refused:
    """The only answer, which must be a Refused."""
    (message,) = [one.message for one in said]
    assert isinstance(message, Refused), message
    return message


def jobs_taken(bench: ShardBench) -> int:
    """How many jobs all entries together have taken."""
    return sum(len(op[5]) for op in bench.ops(entries.SUBMIT))


# Sessions and sequences.


def test_a_submit_is_answered_once_it_is_durable(bench: ShardBench) -> None:
    """Ids run on from the first; the answer waits for the commit."""
    bench.log.hold_commits()
    assert bench.hear(CLIENT, bench.a_submit(a_job(), a_job())) == []
    bench.log.release_commits()
    bench.put(CLIENT, bench.a_submit(a_job(), sequence=1))
    said = only(bench.run(), Submitted)
    assert said[0] == Submitted(3, SESSION, 1, bench.id(1), 2, [])
    assert bench.submit() == [bench.id(3)]


def test_a_submit_sent_again_is_taken_once(bench: ShardBench) -> None:
    """The same session and sequence get the same answer, from whichever peer it comes, in one turn or in several."""
    submit = bench.a_submit(a_job(), a_job())
    first, second = only(bench.hear(CLIENT, submit, submit), Submitted)
    assert first == second
    assert answer(bench.hear(OTHER, submit)) == first
    assert jobs_taken(bench) == 2
    assert bench.state.counts["submits_repeated"] == 2


@pytest.mark.parametrize("keep_rows", [True, False], ids=["rows applied", "rows lost"])
def test_a_submit_sent_again_after_a_restart_is_taken_once(bench: ShardBench, keep_rows: bool) -> None:
    """The next coordinator of the shard gives the first answer, whether the rows had it or the log alone."""
    submit = bench.a_submit(a_job(key="k"), a_job())
    again = bench.a_submit(a_job(), a_job(key="k"), a_job(), a_job(key="k"))
    answers = [answer(bench.hear(CLIENT, message)) for message in (submit, again)]
    assert answers[1].existing == [[1, bench.id(1)], [3, bench.id(1)]]
    bench.restart(keep_rows=keep_rows)
    assert [answer(bench.hear(CLIENT, message)) for message in (submit, again)] == answers
    assert jobs_taken(bench) == 4


def test_a_submit_that_was_never_durable_is_taken_anew(bench: ShardBench) -> None:
    """A crash before the sync leaves nothing, and the client, who was not answered, sends it again."""
    submit = bench.a_submit()
    bench.log.fail_syncs()
    bench.put(CLIENT, submit)
    with pytest.raises(Exception, match="made to fail"):
        bench.turn()
    bench.restart()
    assert jobs_taken(bench) == 0
    assert answer(bench.hear(CLIENT, submit)).first_id == bench.id(1)


def test_an_unknown_session_begins_at_one(bench: ShardBench) -> None:
    """Any other sequence of a session that is not known gets an indefinite refusal."""
    assert refusal(bench.hear(CLIENT, bench.a_submit(session=5, sequence=2))).code == "unknown_session"
    assert answer(bench.hear(CLIENT, bench.a_submit(session=5, sequence=1))).first_id == bench.id(1)
    assert answer(bench.hear(CLIENT, bench.a_submit(session=5, sequence=2))).first_id == bench.id(2)


def test_sequences_may_come_out_of_order(bench: ShardBench) -> None:
    """Those in flight overtake each other; each is taken once."""
    bench.submit()
    for sequence in (4, 2, 3, 4, 2):
        answer(bench.hear(CLIENT, bench.a_submit(sequence=sequence)))
    assert jobs_taken(bench) == 4


def test_answers_that_the_client_has_are_forgotten(bench: ShardBench) -> None:
    """Below `acked_below` a sequence is not known any more, and may have been taken."""
    for sequence in (1, 2, 3):
        bench.hear(CLIENT, bench.a_submit(sequence=sequence))
    bench.hear(CLIENT, bench.a_submit(sequence=4, acked_below=3))
    assert refusal(bench.hear(CLIENT, bench.a_submit(sequence=2))).code == "forgotten"
    assert answer(bench.hear(CLIENT, bench.a_submit(sequence=3))).first_id == bench.id(3)
    bench.restart()
    assert refusal(bench.hear(CLIENT, bench.a_submit(sequence=2))).code == "forgotten"
    assert answer(bench.hear(CLIENT, bench.a_submit(sequence=3))).first_id == bench.id(3)


def test_only_the_window_is_kept(bench: ShardBench) -> None:
    """A client that never acknowledges has the last answers of the window, here 4, and no more."""
    for sequence in range(1, 8):
        bench.hear(CLIENT, bench.a_submit(sequence=sequence))
    assert refusal(bench.hear(CLIENT, bench.a_submit(sequence=3))).code == "forgotten"
    assert answer(bench.hear(CLIENT, bench.a_submit(sequence=4))).first_id == bench.id(4)
    assert len(bench.state.image.sessions[SESSION].answers) == 4


@pytest.mark.parametrize("sequence", [2**62, 2**63 - 1])
def test_a_leap_in_the_sequence_costs_nothing(bench: ShardBench, sequence: int) -> None:
    """A client that skips to a far sequence is answered as any other, here and after a restart."""
    bench.submit()
    leap = bench.a_submit(sequence=sequence)
    first = answer(bench.hear(CLIENT, leap))
    assert refusal(bench.hear(CLIENT, bench.a_submit(sequence=1))).code == "forgotten"
    bench.restart()
    assert answer(bench.hear(CLIENT, leap)) == first


@pytest.mark.parametrize(
    ("session", "sequence", "acked_below"),
    [(0, 1, 0), (-1, 1, 0), (5, 0, 0), (5, -1, 0), (5, 1, 2**63 - 1), (5, 1, -1), (5, 1, 2)],
)
def test_numbers_out_of_range_are_malformed(bench: ShardBench, session: int, sequence: int, acked_below: int) -> None:
    """No number reaches the log that a row could not hold, or that acknowledges what was not answered."""
    submit = bench.a_submit(session=session, sequence=sequence, acked_below=acked_below)
    assert refusal(bench.hear(CLIENT, submit)).code == "malformed"
    assert jobs_taken(bench) == 0


def test_idle_sessions_end(bench: ShardBench) -> None:
    """After `session_ttl_ms` without a submit a session is forgotten, by a logged op, and after a restart too."""
    bench = ShardBench(session_ttl_ms=120_000)
    bench.executor(slots=0)
    bench.submit()
    bench.wait(100_000)
    bench.submit()
    bench.wait(115_000)
    assert bench.ops(entries.SESSIONS_END) == []
    bench.wait(70_000)
    assert bench.ops(entries.SESSIONS_END) == [[entries.SESSIONS_END, [SESSION]]]
    assert refusal(bench.hear(CLIENT, bench.a_submit())).code == "unknown_session"
    bench.restart()
    assert refusal(bench.hear(CLIENT, bench.a_submit())).code == "unknown_session"


# Refusals.

REFUSED: list[tuple[str, Row, str, str]] = [
    ("an unknown task", a_job(task="nobody"), "unknown_task", "'nobody'"),
    ("an unknown tenant", a_job(tenant="nobody"), "unknown_tenant", "'nobody'"),
    ("a priority out of range", a_job(priority=101), "invalid_job", "priority"),
    ("a payload that is too large", a_job("x" * 101), "payload_too_large", "100 bytes"),
    ("a row of another shape", ["echo"], "invalid_job", "columns"),
    ("a policy that is empty", a_job(retry=[]), "invalid_job", "retry"),
    ("a policy out of range", a_job(retry=[-1, 10, 1000, 10, 0]), "invalid_job", "retries"),
    ("a policy of texts", a_job(retry=["a", "b", "c", "d", "e"]), "invalid_job", "retries"),
    ("a policy of bytes", a_job(retry=[b"x"] * 5), "invalid_job", "retries"),
    ("a delay beyond the calendar", a_job(delay_ms=253_402_300_799_999), "invalid_job", "delay_ms"),
    ("an expiry beyond the calendar", a_job(expires_ms=253_402_300_799_999), "invalid_job", "expires_ms"),
]


@pytest.mark.parametrize(("job", "code", "named"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_one_bad_job_refuses_all(job: Row, code: str, named: str) -> None:
    """A submit is taken whole or not at all; the refusal names the fault and the mend, and leaves at once."""
    bench = ShardBench(payload_bytes_max=100)
    bench.executor(slots=0)
    bench.log.hold_commits()
    found = refusal(bench.hear(CLIENT, bench.a_submit(a_job(), job)))
    assert (found.request, found.code) == (1, code)
    assert named in found.text
    assert ";" in found.text, "the mend follows the fault"
    assert jobs_taken(bench) == 0


def test_a_refused_submit_stays_refused(bench: ShardBench) -> None:
    """What was refused once is refused when it comes again, although it could be taken by now."""
    submit = bench.a_submit(a_job(task="late"))
    first = refusal(bench.hear(CLIENT, submit))
    assert first.code == "unknown_task"
    bench.executor("executor-2", incarnation=8, tasks=[a_task("late")], slots=0)
    assert refusal(bench.hear(OTHER, submit)) == first
    assert refusal(bench.hear(CLIENT, submit, submit)[:1]) == first
    assert jobs_taken(bench) == 0
    assert answer(bench.hear(CLIENT, bench.a_submit(a_job(task="late"), sequence=1, session=5))).count == 1


def test_empty_and_oversized_submits_are_refused() -> None:
    """A submit has at least one job and at most `batch_jobs_max`."""
    bench = ShardBench(batch_jobs_max=2)
    bench.executor(slots=0)
    nothing = Submit(3, SESSION, 1, 0, [])
    assert refusal(bench.hear(CLIENT, nothing)).code == "invalid_job"
    found = refusal(bench.hear(CLIENT, bench.a_submit(*[a_job()] * 3, session=5, sequence=1)))
    assert found.code == "batch_too_large"
    assert "3 jobs" in found.text


def test_a_full_queue_refuses() -> None:
    """The backlog counts jobs that have not ended, of all tenants; another queue is not touched."""
    bench = ShardBench(backlog_jobs_max=3, tenants=frozenset({"default", "other"}))
    executor = bench.executor(slots=1)
    first, *_ = bench.submit(a_job(), a_job(tenant="other"))
    found = refusal(bench.hear(CLIENT, bench.a_submit(a_job(), a_job())))
    assert found.code == "queue_full"
    assert "'default' has 2 jobs of at most 3" in found.text
    assert len(bench.submit(a_job())) == 1
    assert refusal(bench.hear(CLIENT, bench.a_submit())).code == "queue_full"
    assert len(bench.submit(*[a_job(queue="elsewhere")] * 3)) == 3
    executor.finish(*runs_of(bench.said))
    assert bench.state_of(first) == ["succeeded"]
    assert len(bench.submit()) == 1


def test_the_backlog_is_known_after_a_restart() -> None:
    """Live jobs are counted from the rows."""
    bench = ShardBench(backlog_jobs_max=2)
    bench.executor(slots=0)
    bench.submit(a_job(), a_job(delay_ms=10_000))
    bench.restart()
    bench.executor(slots=0)
    assert refusal(bench.hear(CLIENT, bench.a_submit())).code == "queue_full"


def test_a_draining_shard_takes_nothing_new(bench: ShardBench) -> None:
    """It says so, but repeats the answers that it gave."""
    submit = bench.a_submit()
    first = answer(bench.hear(CLIENT, submit))
    bench.member.inbox.append(Drain())
    assert refusal(bench.hear(CLIENT, bench.a_submit())).code == "draining"
    assert answer(bench.hear(CLIENT, submit)) == first


def test_a_shard_whose_rows_lag_is_overloaded(bench: ShardBench) -> None:
    """While the rows are too far behind, new jobs are refused; the text says what may be the cause."""
    bench.store.locked = True
    with small_limits({"UNAPPLIED_BYTES_MAX": 5 * UNAPPLIED_JOB_BYTES}):
        for _ in range(5):
            bench.submit()
        found = refusal(bench.hear(CLIENT, bench.a_submit()))
        assert found.code == "overloaded"
        assert "lock" in found.text
        bench.store.locked = False
        bench.query("stat")
        assert answer(bench.hear(CLIENT, bench.a_submit())).count == 1


def test_lanes_are_bounded(bench: ShardBench) -> None:
    """A new combination beyond the bound is refused; the known ones go on."""
    with small_limits({"LANES_MAX": 2}):
        bench.submit(a_job(queue="a"), a_job(queue="b"), a_job(queue="a"))
        assert refusal(bench.hear(CLIENT, bench.a_submit(a_job(queue="c")))).code == "too_many_lanes"
        assert len(bench.submit(a_job(queue="b"), a_job(queue="a"), a_job(queue="a"))) == 3


def test_a_task_stays_known_without_its_executor(bench: ShardBench) -> None:
    """The catalogue is logged: jobs are taken while no executor is there, and after a restart."""
    bench.restart()
    assert len(bench.submit()) == 1


# What is written down.


def test_times_are_those_of_the_entry(bench: ShardBench) -> None:
    """A delay, an instant and an expiry become instants on the wall; what is due already has no due time."""
    bench.submit(
        a_job(delay_ms=500), a_job(at_ms=START_MS + 700), a_job(at_ms=START_MS), a_job(at_ms=7), a_job(delay_ms=0),
        a_job(expires_ms=9),
    )  # fmt: skip
    (op,) = bench.ops(entries.SUBMIT)
    columns = {name: at for at, name in enumerate(entries.JOB_COLUMNS)}
    assert [[row[columns[name]] for name in ("scheduled_ms", "due_ms", "expires_ms")] for row in op[5]] == [
        [START_MS + 500, START_MS + 500, None],
        [START_MS + 700, START_MS + 700, None],
        [START_MS, None, None],
        [7, None, None],
        [START_MS, None, None],
        [START_MS, None, START_MS + 9],
    ]


def test_everything_that_a_job_says_reaches_its_run(bench: ShardBench) -> None:
    """Payload, timeout, nominal time, queue, tenant and trace come out as they went in, texts of any kind."""
    executor = bench.executor("executor-2", incarnation=8, tasks=[a_task("größe")])
    job = a_job("☃", task="größe", queue="q" * NAME_CHARS_MAX, timeout_ms=5, at_ms=7, trace="t", priority=-100)
    bench.submit(job)
    (run,) = runs_of(bench.said, executor.peer)
    assert (run.payload, run.timeout_ms, run.due_ms, run.queue, run.tenant, run.trace, run.task) == (
        "☃", 5, 7, "q" * NAME_CHARS_MAX, "default", "t", "größe",
    )  # fmt: skip


def test_ids_run_on_after_a_restart(bench: ShardBench) -> None:
    """No id is given twice, whether the rows were applied or not."""
    ids: list[int] = []
    for keep_rows in (True, False, True):
        ids += bench.submit(a_job(), a_job())
        bench.restart(keep_rows=keep_rows)
    assert [sequence_of(id) for id in ids] == [1, 2, 3, 4, 5, 6]


def test_a_job_with_its_own_policy_is_taken(bench: ShardBench) -> None:
    """A sound retry policy stands in the entry as it came."""
    bench.submit(a_job(retry=a_policy(retries=7)))
    (op,) = bench.ops(entries.SUBMIT)
    row: dict[str, Any] = dict(zip(entries.JOB_COLUMNS, op[5][0], strict=True))
    assert row["retry"] == a_policy(retries=7)
