"""Who hears how a job ended: at once or when it ends, once, and the same from memory as from the rows."""

import pytest
from builders import a_job
from shard_bench import CLIENT, SHARD, Executor, ShardBench, only, runs_of

from mainspring.actors.events import PeerGone
from mainspring.broker.wire.limits import IDS_MAX
from mainspring.broker.wire.messages import Await, Ended, Goodbye, Message, Refused
from mainspring.chaos.small_limits import small_limits

OTHER = b"other client"


@pytest.fixture
def bench() -> ShardBench:
    """A shard."""
    return ShardBench()


@pytest.fixture
def executor(bench: ShardBench) -> Executor:
    """Its executor."""
    return bench.executor(slots=5)


def awaits(bench: ShardBench, *ids: int, peer: bytes = CLIENT) -> list[Message]:
    """Awaits jobs; returns what is said at once."""
    return [one.message for one in bench.hear(peer, Await(SHARD, 9, list(ids), False))]


def test_news_comes_when_the_job_ends(bench: ShardBench, executor: Executor) -> None:
    """To everybody who waits, once, however often he has asked."""
    (id,) = bench.submit()
    assert awaits(bench, id) == awaits(bench, id, id) == awaits(bench, id, peer=OTHER) == []
    said = executor.finish(*runs_of(bench.said), result='"x"')
    news = Ended(SHARD, 0, [[id, "succeeded", '"x"', None, 1, None]])
    assert sorted((one.peer, one.message.request) for one in said if isinstance(one.message, Ended)) == [
        (CLIENT, 0), (OTHER, 0),
    ]  # fmt: skip
    assert only(said, Ended) == [news, news]
    assert bench.state.waiters.by_job == {}


def test_a_job_that_has_ended_is_told_at_once(bench: ShardBench, executor: Executor) -> None:
    """Without waiting, from the rows; the others of the list are told when they end."""
    first, second = bench.submit(a_job(), a_job(delay_ms=100))
    executor.finish(*runs_of(bench.said), outcome="failed", verdict="no_retry", error="boom")
    assert awaits(bench, first, second) == [Ended(SHARD, 0, [[first, "dead", None, "boom", 1, None]])]
    (run,) = runs_of(bench.wait(100))
    assert only(executor.finish(run), Ended) == [Ended(SHARD, 0, [[second, "succeeded", None, None, 1, None]])]


def test_an_unknown_id_is_told_at_once(bench: ShardBench) -> None:
    """Nobody waits for a job that does not exist."""
    unknown = bench.id(1)
    assert awaits(bench, unknown, 5) == [
        Ended(SHARD, 0, [[unknown, "not_found", None, None, 0, None], [5, "not_found", None, None, 0, None]])
    ]
    assert bench.state.waiters.by_job == {}


def test_the_present_state_is_told_under_the_request(bench: ShardBench, executor: Executor) -> None:
    """With `now` every id has a row, in order, and nothing is remembered."""
    executor.credit(1)
    ids = bench.submit(a_job(), a_job(), a_job(delay_ms=700_000), a_job(delay_ms=5))
    said = bench.hear(CLIENT, Await(SHARD, 9, [*ids, bench.id(9)], True))
    assert [one.message for one in said] == [
        Ended(
            SHARD,
            9,
            [
                [ids[0], "running", None, None, 1, None],
                [ids[1], "ready", None, None, 0, None],
                [ids[2], "scheduled", None, None, 0, bench.wall_ms + 700_000],
                [ids[3], "scheduled", None, None, 0, bench.wall_ms + 5],
                [bench.id(9), "not_found", None, None, 0, None],
            ],
        )
    ]
    assert bench.state.waiters.by_job == {}


def test_a_job_whose_time_has_come_is_ready(bench: ShardBench) -> None:
    """Its row still says that it is scheduled; that it is ready follows from the time."""
    bench.executor(slots=0)
    (id,) = bench.submit(a_job(delay_ms=5_000))
    bench.elapsed_ns += 6_000_000_000
    bench.wall_ms += 6_000
    assert bench.state_of(id) == ["ready"]


def test_an_end_is_told_only_when_it_is_durable(bench: ShardBench, executor: Executor) -> None:
    """Neither to those who wait nor to those who ask."""
    (id,) = bench.submit()
    awaits(bench, id)
    bench.log.hold_commits()
    assert executor.finish(*runs_of(bench.said)) == []
    assert bench.hear(OTHER, Await(SHARD, 9, [id], True)) == []
    bench.log.release_commits()
    bench.query("stat")
    assert [type(one.message).__name__ for one in bench.said].count("Ended") == 2


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "crashed", "cancelled"])
@pytest.mark.parametrize("job", [a_job(), a_job(delay_ms=5)], ids=["at once", "delayed"])
def test_memory_and_rows_tell_the_same(bench: ShardBench, executor: Executor, job: list[object], outcome: str) -> None:
    """A row that memory tells before the end is applied is the row that the store tells after it."""
    (id,) = bench.submit(job)
    bench.wait(5)
    bench.store.locked = True
    (run,) = runs_of(bench.said)
    executor.finish(run, outcome=outcome, result='"x"', error="boom", error_kind="no_retry")
    if bench.state_of(id) == ["retrying"]:
        bench.cancel(id)
    before = bench.rows_of(id)
    bench.store.locked = False
    bench.query("stat")
    assert id not in bench.state.image.jobs
    assert bench.rows_of(id) == before


@pytest.mark.parametrize("job", [a_job(delay_ms=5_000), a_job(expires_ms=1)], ids=["cancelled", "expired"])
def test_memory_and_rows_tell_the_same_of_a_job_that_never_ran(bench: ShardBench, job: list[object]) -> None:
    """A job that was cancelled or expired has no due time and no error any more."""
    bench.executor(slots=0)
    bench.store.locked = True
    (id,) = bench.submit(job)
    bench.wait(5)
    if job[10] is None:
        bench.cancel(id)
    else:
        bench.executor("executor-2", incarnation=8, slots=1)
    before = bench.rows_of(id)
    assert before[0][1] in {"cancelled", "expired"}
    bench.store.locked = False
    bench.query("stat")
    assert bench.rows_of(id) == before


def test_a_client_that_is_gone_is_forgotten(bench: ShardBench, executor: Executor) -> None:
    """What it waited for is told to the others alone."""
    (id,) = bench.submit()
    awaits(bench, id)
    awaits(bench, id, peer=OTHER)
    bench.member.inbox.append(PeerGone(CLIENT))
    bench.run()
    said = executor.finish(*runs_of(bench.said))
    assert [one.peer for one in said if isinstance(one.message, Ended)] == [OTHER]


def test_a_client_that_says_goodbye_is_forgotten(bench: ShardBench, executor: Executor) -> None:
    """As one that is gone."""
    (id,) = bench.submit()
    awaits(bench, id)
    bench.hear(CLIENT, Goodbye(0))
    assert only(executor.finish(*runs_of(bench.said)), Ended) == []


def test_a_restart_forgets_who_waits(bench: ShardBench, executor: Executor) -> None:
    """The client asks again, and hears of what has ended meanwhile."""
    (id,) = bench.submit()
    awaits(bench, id)
    (run,) = runs_of(bench.said)
    bench.restart()
    executor.hello(held=[run])
    assert only(executor.finish(run), Ended) == []
    assert awaits(bench, id) == [Ended(SHARD, 0, [[id, "succeeded", None, None, 1, None]])]


def test_much_news_for_one_client_travels_together(bench: ShardBench, executor: Executor) -> None:
    """What ends in one batch is one message, up to 256 rows."""
    executor.credit(300)
    ids = bench.submit(*[a_job()] * 300)
    awaits(bench, *ids)
    said = executor.finish(*runs_of(bench.said))
    assert [len(ended.jobs) for ended in only(said, Ended)] == [256, 44]
    assert [row[0] for ended in only(said, Ended) for row in ended.jobs] == ids


def test_waiting_is_bounded(bench: ShardBench, executor: Executor) -> None:
    """Beyond the bound an Await is refused, and the text says why."""
    with small_limits({"AWAITED_MAX": 2}):
        ids = bench.submit(*[a_job(delay_ms=9_000)] * 3)
        awaits(bench, *ids[:2])
        (refused,) = awaits(bench, ids[2])
        assert isinstance(refused, Refused)
        assert (refused.request, refused.code) == (9, "overloaded")


@pytest.mark.parametrize(
    ("ids", "code"), [([0], "invalid_query"), ([2**53], "invalid_query"), ([1] * (IDS_MAX + 1), "batch_too_large")]
)
def test_ids_that_make_no_sense_are_refused(bench: ShardBench, ids: list[int], code: str) -> None:
    """A list that is too long, or no list of ids, gets its code under the request."""
    (refused,) = only(bench.hear(CLIENT, Await(SHARD, 7, ids, True)), Refused)
    assert (refused.request, refused.code) == (7, code)
