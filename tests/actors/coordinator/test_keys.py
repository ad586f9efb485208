"""Keys that make a job once: wherever they stand, for as long as they hold, in their tenant alone."""

import pytest
from builders import a_job
from shard_bench import CLIENT, Said, ShardBench, only, runs_of

from mainspring.actors import entries
from mainspring.actors.coordinator.settings import Retention
from mainspring.broker.wire.messages import Submitted
from mainspring.chaos.small_limits import small_limits


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


def jobs_taken(bench: ShardBench) -> int:
    """How many jobs all entries together have taken."""
    return sum(len(op[5]) for op in bench.ops(entries.SUBMIT))


def test_a_key_makes_one_job(bench: ShardBench) -> None:
    """In one submit, in one turn, and later, a key of a tenant names the first job."""
    first = answer(bench.hear(CLIENT, bench.a_submit(a_job(key="k"), a_job(), a_job(key="k"))))
    assert (first.first_id, first.count, first.existing) == (bench.id(1), 3, [[2, bench.id(1)]])
    assert answer(bench.hear(CLIENT, bench.a_submit(a_job(key="k")))).existing == [[0, bench.id(1)]]
    assert jobs_taken(bench) == 2


def test_two_submits_of_a_key_in_one_turn_make_one_job(bench: ShardBench) -> None:
    """Both wait for the same look at the store; the second sees what the first has decided."""
    one = bench.a_submit(a_job(key="k"))
    two = bench.a_submit(a_job(key="k"), session=5, sequence=1)
    first, second = only(bench.hear(CLIENT, one, two), Submitted)
    assert first.existing == []
    assert second.existing == [[0, first.first_id]]


def test_a_submit_sent_again_while_its_keys_are_looked_up_is_taken_once(bench: ShardBench) -> None:
    """The second try is passed over; the answer to the first is on its way."""
    submit = bench.a_submit(a_job(key="k"))
    bench.put(CLIENT, submit, submit)
    bench.turn()
    bench.put(CLIENT, submit)
    assert answer(bench.run()).first_id == bench.id(1)
    assert jobs_taken(bench) == 1


@pytest.mark.parametrize("locked", [False, True], ids=["applied", "not applied"])
def test_a_key_is_known_wherever_it_stands(bench: ShardBench, locked: bool) -> None:
    """In an entry that the store does not have yet, or in the store alone."""
    bench.store.locked = locked
    (id,) = bench.submit(a_job(key="k"))
    assert (("default", "k") in bench.state.image.fresh_keys) == locked
    assert answer(bench.hear(CLIENT, bench.a_submit(a_job(key="k")))).existing == [[0, id]]


def test_a_key_belongs_to_its_tenant(bench: ShardBench) -> None:
    """The same key of another tenant is another key; the same key of another queue is not."""
    bench = ShardBench(tenants=frozenset({"default", "other"}))
    bench.executor(slots=0)
    bench.submit(a_job(key="k"))
    found = answer(bench.hear(CLIENT, bench.a_submit(a_job(key="k", tenant="other"), a_job(key="k", queue="q"))))
    assert found.existing == [[1, bench.id(1)]]


def test_a_key_outlives_its_job(bench: ShardBench) -> None:
    """A key names the job whatever has become of it."""
    executor = bench.executor()
    (id,) = bench.submit(a_job(key="k"))
    executor.finish(*runs_of(bench.said))
    assert answer(bench.hear(CLIENT, bench.a_submit(a_job(key="k")))).existing == [[0, id]]
    bench.restart()
    bench.executor(slots=0, incarnation=8)
    assert answer(bench.hear(CLIENT, bench.a_submit(a_job(key="k")))).existing == [[0, id]]


def test_a_key_expires() -> None:
    """After `key_ttl_ms` the key is free again, to the millisecond, and the next job holds it."""
    bench = ShardBench(key_ttl_ms=5_000)
    bench.executor(slots=0)
    bench.submit(a_job(key="k"))
    bench.wait(4_999)
    assert answer(bench.hear(CLIENT, bench.a_submit(a_job(key="k")))).existing == [[0, bench.id(1)]]
    bench.wait(1)
    assert answer(bench.hear(CLIENT, bench.a_submit(a_job(key="k")))).first_id == bench.id(2)
    bench.wait(4_000)
    assert answer(bench.hear(CLIENT, bench.a_submit(a_job(key="k")))).existing == [[0, bench.id(2)]]


def test_a_locked_store_can_still_be_asked(bench: ShardBench) -> None:
    """Keys are looked up as of what is applied, and what is not applied is laid over that."""
    bench.submit(a_job(key="old"))
    bench.store.locked = True
    bench.submit(a_job(key="new"))
    found = answer(bench.hear(CLIENT, bench.a_submit(a_job(key="old"), a_job(key="new"), a_job(key="none"))))
    assert found.existing == [[0, bench.id(1)], [1, bench.id(2)]]


def test_a_key_outlives_its_jobs_record() -> None:
    """Retention may have taken the job: its key names it all the same, and who asks for it hears that it is gone."""
    bench = ShardBench(retention=Retention(finished_jobs_max=0))
    executor = bench.executor()
    with small_limits({"PRUNE_JOBS": 1}):
        (id,) = bench.submit(a_job(key="k"))
        executor.finish(*runs_of(bench.said))
        bench.wait(61_000)
    assert bench.state_of(id) == ["not_found"]
    assert answer(bench.hear(CLIENT, bench.a_submit(a_job(key="k")))).existing == [[0, id]]
    bench.restart()
    bench.executor(incarnation=8)
    assert answer(bench.hear(CLIENT, bench.a_submit(a_job(key="k")))).existing == [[0, id]]


def test_a_key_is_over_across_a_restart() -> None:
    """Its time runs on while the coordinator is away."""
    bench = ShardBench(key_ttl_ms=5_000)
    bench.executor(slots=0)
    bench.submit(a_job(key="k"))
    bench.store.make_durable()
    bench.wait(4_000)
    bench.restart()
    bench.executor(slots=0, incarnation=8)
    assert answer(bench.hear(CLIENT, bench.a_submit(a_job(key="k")))).existing == [[0, bench.id(1)]]
    bench.wait(1_000)
    assert answer(bench.hear(CLIENT, bench.a_submit(a_job(key="k")))).first_id == bench.id(2)


@pytest.mark.parametrize("over", [False, True])
def test_a_job_that_lives_again_gets_no_new_key(over: bool) -> None:
    """Its key is held for as long as it was given, and whoever has it since keeps it."""
    bench = ShardBench(key_ttl_ms=5_000)
    bench.executor(slots=0)
    (id,) = bench.submit(a_job(key="k"))
    bench.cancel(id)
    bench.wait(5_000 if over else 1_000)
    bench.act("retry", id)
    held = answer(bench.hear(CLIENT, bench.a_submit(a_job(key="k"))))
    assert (held.first_id, held.existing) == ((bench.id(2), []) if over else (bench.id(2), [[0, id]]))
    assert bench.state_of(id) == ["ready"]
