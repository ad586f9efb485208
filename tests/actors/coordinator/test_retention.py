"""What a shard forgets, when, and how little it writes while nothing happens."""

import pytest
from builders import a_job, a_task
from shard_bench import CLIENT, Executor, ShardBench, only, runs_of

from mainspring.actors import entries
from mainspring.actors.coordinator.settings import Retention
from mainspring.broker.wire.messages import Submitted
from mainspring.chaos.small_limits import small_limits

MINUTE_MS = 60_000
DAY_MS = 86_400_000


def a_shard(
    count: int = 10**6, age_ms: int = 7 * DAY_MS, queues: dict[str, Retention] | None = None
) -> tuple[ShardBench, Executor]:
    """A shard with this retention, and its executor."""
    bench = ShardBench(retention=Retention(count, age_ms), queue_retention=tuple((queues or {}).items()))
    return bench, bench.executor()


def run_jobs(bench: ShardBench, executor: Executor, count: int, queue: str = "default") -> list[int]:
    """Has so many jobs run to their end."""
    ids = bench.submit(*[a_job(queue=queue)] * count)
    executor.finish(*runs_of(bench.said)[-count:])
    return ids


def kept(bench: ShardBench) -> list[int]:
    """The ids of finished jobs that the rows still have."""
    return sorted(bench.store.rows.finished)


def test_the_oldest_go_by_count() -> None:
    """Once a minute, what is beyond the newest `finished_jobs_max` goes, with its executions."""
    bench, executor = a_shard(count=5)
    ids = [id for _ in range(4) for id in run_jobs(bench, executor, 2)]
    assert kept(bench) == ids
    bench.wait(MINUTE_MS)
    assert kept(bench) == ids[-5:]
    assert sorted(bench.store.rows.executions) == ids[-5:]
    assert bench.state_of(ids[0], ids[-1]) == ["not_found", "succeeded"]


def test_the_oldest_go_by_age() -> None:
    """What ended longer ago than `finished_age_ms` goes; live jobs stay, however old."""
    bench, executor = a_shard(age_ms=10 * MINUTE_MS)
    (old,) = run_jobs(bench, executor, 1)
    (live,) = bench.submit(a_job(delay_ms=DAY_MS))
    bench.wait(5 * MINUTE_MS)
    (young,) = run_jobs(bench, executor, 1)
    bench.wait(6 * MINUTE_MS + 1_000)
    assert kept(bench) == [young]
    assert bench.state_of(old, live) == ["not_found", "scheduled"]
    bench.wait(5 * MINUTE_MS)
    assert kept(bench) == []


def test_a_queue_may_keep_less() -> None:
    """A queue's own retention holds in place of the general one."""
    bench, executor = a_shard(count=6, queues={"short": Retention(2, DAY_MS)})
    short = [id for _ in range(4) for id in run_jobs(bench, executor, 1, "short")]
    other = [id for _ in range(3) for id in run_jobs(bench, executor, 1)]
    bench.wait(MINUTE_MS)
    assert kept(bench) == [*short[-2:], *other]


def test_a_queue_may_keep_more() -> None:
    """The general rule counts and removes nothing of a queue that has a rule of its own."""
    bench, executor = a_shard(count=2, age_ms=MINUTE_MS, queues={"long": Retention(5, DAY_MS)})
    long = [id for _ in range(6) for id in run_jobs(bench, executor, 1, "long")]
    other = [id for _ in range(3) for id in run_jobs(bench, executor, 1)]
    bench.wait(MINUTE_MS)
    assert kept(bench) == [*long[-5:], *other[-2:]]
    bench.wait(2 * MINUTE_MS)
    assert kept(bench) == long[-5:]


def test_one_prune_is_bounded() -> None:
    """A large surplus goes in bounded ops, each after the one before is applied, without waiting for the minute."""
    with small_limits({"PRUNE_JOBS": 10}):
        bench, executor = a_shard(count=20)
        for _ in range(5):
            run_jobs(bench, executor, 20)
        bench.wait(100)
        assert 20 <= len(kept(bench)) <= 20 + 10 // 2
        assert all(op[5] == 10 for op in bench.ops(entries.PRUNE))
        assert len(bench.ops(entries.PRUNE)) >= 8


def test_a_locked_store_is_pruned_once() -> None:
    """While the rows cannot move, no second op is written for the same surplus."""
    with small_limits({"PRUNE_JOBS": 10}):
        bench, executor = a_shard(count=5)
        run_jobs(bench, executor, 30)
        before = len(bench.ops(entries.PRUNE))
        bench.store.locked = True
        for _ in range(20):
            bench.submit(a_job(delay_ms=10**7))
        assert len(bench.ops(entries.PRUNE)) - before <= 1
        bench.store.locked = False
        bench.wait(100)
        assert len(kept(bench)) <= 10


def test_replayed_entries_prune_the_same() -> None:
    """A copy of the shard that applies the log forgets the same jobs."""
    with small_limits({"PRUNE_JOBS": 10}):
        bench, executor = a_shard(count=7, age_ms=2 * MINUTE_MS)
        for _ in range(6):
            run_jobs(bench, executor, 9)
            bench.wait(25_000)
        before = kept(bench)
        bench.restart()
        assert kept(bench) == before


def test_an_idle_shard_writes_at_most_one_entry_a_minute() -> None:
    """With finished jobs, keys and a session to look after; and it takes few turns."""
    bench, executor = a_shard()
    bench.submit(a_job(key="k"))
    executor.finish(*runs_of(bench.said))
    bench.wait(2 * MINUTE_MS)
    first, turns = bench.log.last_index(bench.member.group), bench.turns
    bench.wait(20 * MINUTE_MS)
    assert bench.log.last_index(bench.member.group) - first <= 20
    assert bench.turns - turns <= 20 * 60 * 2 + 40


def test_a_shard_that_never_had_a_job_writes_nothing() -> None:
    """Its first entry is its last, for hours."""
    bench = ShardBench()
    bench.wait(10 * MINUTE_MS)
    first = bench.log.last_index(bench.member.group)
    bench.wait(60 * MINUTE_MS)
    assert bench.log.last_index(bench.member.group) == first


def test_old_keys_go() -> None:
    """A key whose time is over has no row any more, a minute later at the latest."""
    bench = ShardBench(key_ttl_ms=90_000)
    bench.executor(slots=0)
    bench.submit(a_job(key="old"))
    bench.wait(45_000)
    bench.submit(a_job(key="young"))
    bench.wait(MINUTE_MS + 16_000)
    assert list(bench.store.rows.keys) == [("default", "young")]


def test_a_shard_without_keys_stops_looking_for_old_ones() -> None:
    """When the last key is over, and after a restart."""
    bench = ShardBench(key_ttl_ms=90_000)
    bench.executor(slots=0)
    bench.submit(a_job(key="k"))
    for _ in range(2):
        bench.wait(5 * MINUTE_MS)
        last = bench.log.last_index(bench.member.group)
        bench.wait(20 * MINUTE_MS)
        assert bench.log.last_index(bench.member.group) == last
        bench.restart()


def test_a_key_taken_after_a_quiet_time_goes_as_well() -> None:
    """The shard looks for old keys as long as there may be any."""
    bench = ShardBench(key_ttl_ms=90_000)
    bench.executor(slots=0)
    bench.wait(20 * MINUTE_MS)
    bench.submit(a_job(key="late"))
    bench.restart()
    bench.wait(3 * MINUTE_MS)
    assert bench.store.rows.keys == {}


@pytest.mark.parametrize("step_ms", [-3_600_000, 3_600_000])
def test_a_step_of_the_wall_forgets_nothing_early(step_ms: int) -> None:
    """Ages are counted by the stamp, which never goes back; an hour is no week."""
    bench, executor = a_shard(age_ms=DAY_MS)
    ids = run_jobs(bench, executor, 3)
    bench.step_wall(step_ms)
    bench.wait(5 * MINUTE_MS)
    assert kept(bench) == ids


def test_a_finished_job_may_go_while_its_client_asks() -> None:
    """What retention has removed is not found, which is no error."""
    bench, executor = a_shard(count=1)
    ids = run_jobs(bench, executor, 3)
    bench.wait(MINUTE_MS)
    assert bench.state_of(*ids).count("not_found") == 2
    (codes,) = [one.message for one in bench.cancel(*ids)]
    assert [code for _, code in codes.codes].count("not_found") == 2


def test_ids_are_never_given_again() -> None:
    """Not even when every job is forgotten."""
    bench, executor = a_shard(count=0, age_ms=0)
    run_jobs(bench, executor, 3)
    bench.wait(2 * MINUTE_MS)
    assert kept(bench) == []
    bench.restart()
    bench.executor("executor-2", incarnation=8, tasks=[a_task()])
    (answer,) = only(bench.hear(CLIENT, bench.a_submit()), Submitted)
    assert answer.first_id == bench.id(4)
