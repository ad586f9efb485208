"""Leases in the log and as rows: what a restart finds, and how much of the log it needs for that."""

from typing import Any

import pytest
from builders import a_job
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_bench import CLIENT, START_MS, Executor, Leased, ShardBench, runs_of

from mainspring.actors import entries
from mainspring.actors.coordinator.recovery import open_leases
from mainspring.actors.coordinator.takeover import keep_from
from mainspring.actors.entries import Entry, Op
from mainspring.actors.jobs import lifecycle as life
from mainspring.actors.limits import HOLD_AFTER_MS
from mainspring.actors.log import LogDamaged
from mainspring.actors.store import Restored
from mainspring.chaos.memory_log import MemoryLog


def running(count: int = 1) -> tuple[ShardBench, Executor, list[Leased]]:
    """A shard with so many running jobs."""
    bench = ShardBench()
    executor = bench.executor()
    bench.submit(*[a_job()] * count)
    return bench, executor, runs_of(bench.said)


def holds(bench: ShardBench) -> list[Op]:
    """The HOLD ops so far."""
    return bench.ops(entries.HOLD)


# Rows for old leases.


def test_a_lease_gets_a_row_after_a_second() -> None:
    """Not before, and once; the row says whose it is and since when."""
    bench, _, (run,) = running()
    bench.wait(HOLD_AFTER_MS - 1)
    assert [row for op in holds(bench) for row in op[2]] == []
    bench.wait(2 * HOLD_AFTER_MS)
    assert [row for op in holds(bench) for row in op[2]] == [[run.id, 1, 1, run.index, 1, 7, START_MS]]
    assert list(bench.store.rows.leases) == [run.id]
    bench.wait(60_000)
    assert [row for op in holds(bench) for row in op[2]] == [[run.id, 1, 1, run.index, 1, 7, START_MS]]


def test_a_short_job_never_gets_a_row() -> None:
    """A lease that ends within a second costs nothing but its ops."""
    bench, executor, runs = running(3)
    for _ in range(10):
        bench.wait(650)
        executor.finish(*runs)
        bench.wait(250)
        bench.submit(a_job())
        runs = runs_of(bench.said)[-1:]
    assert [row for op in holds(bench) for row in op[2]] == []


def test_a_row_goes_with_its_lease() -> None:
    """When the run has ended, its row has gone."""
    bench, executor, runs = running(2)
    bench.wait(3_000)
    executor.finish(runs[0])
    assert list(bench.store.rows.leases) == [runs[1].id]


def test_the_floor_follows_the_oldest_lease_without_a_row() -> None:
    """Every lease older than the floor has a row, in every entry of a long run of jobs."""
    bench, executor, runs = running(2)
    for _ in range(30):
        bench.wait(300)
        bench.submit(a_job(), a_job())
        runs = runs_of(bench.said)[-2:]
        executor.finish(runs[0])
    assert len(holds(bench)) >= 5
    open_at: dict[int, int] = {}
    rows: set[int] = set()
    floor = 0
    for index, entry in enumerate(bench.entries(), 1):
        for op in entry.ops:
            match op[0]:
                case entries.LEASE:
                    open_at.update(dict.fromkeys(op[3], index))
                case entries.FINISH:
                    for row in op[2]:
                        del open_at[row[0]]
                        rows.discard(row[0])
                case entries.HOLD:
                    assert op[1] >= floor
                    floor = op[1]
                    rows.update(row[0] for row in op[2])
                case _:
                    pass
        assert all(id in rows or at >= floor for id, at in open_at.items())


def test_an_idle_shard_moves_its_floor_once() -> None:
    """After the last job, one HOLD lets the log go; then nothing is written."""
    bench, executor, runs = running()
    executor.finish(*runs)
    bench.wait(5_000)
    last = bench.log.last_index(bench.member.group)
    (op,) = holds(bench)
    assert op[1] == last
    bench.wait(30_000)
    assert bench.log.last_index(bench.member.group) == last


# Restarts.


@pytest.mark.parametrize("age_ms", [0, 500, 3_000])
@pytest.mark.parametrize("keep_rows", [True, False], ids=["rows applied", "rows lost"])
def test_a_restart_keeps_fences(age_ms: int, keep_rows: bool) -> None:
    """A running job keeps its lease through any number of restarts, whether it has a row or not."""
    bench, executor, (run,) = running()
    bench.wait(age_ms)
    for _ in range(3):
        bench.restart(keep_rows=keep_rows)
        assert bench.state_of(run.id) == ["running"]
        assert executor.lost(executor.hello(held=[run])) == []
    executor.finish(run, result="1")
    assert bench.rows_of(run.id) == [[run.id, "succeeded", "1", None, 1, None]]


def test_a_row_is_written_once_over_restarts() -> None:
    """A lease that has a row is known by it."""
    bench, _, _ = running()
    bench.wait(3_000)
    bench.restart(keep_rows=True)
    bench.wait(5_000)
    assert len([row for op in holds(bench) for row in op[2]]) == 1


def test_a_restart_knows_which_leases_are_over() -> None:
    """Jobs that ended, came back or were leased anew are not taken for running under the old fence."""
    bench, executor, (ended, back, anew, held) = running(4)
    bench.wait(3_000)
    executor.finish(ended)
    executor.finish(back, outcome="failed")
    (again,) = runs_of(executor.finish(anew, outcome="returned"))
    assert again.id == anew.id
    bench.restart()
    assert bench.state_of(ended.id, back.id, anew.id, held.id) == ["succeeded", "retrying", "running", "running"]
    assert executor.lost(executor.hello(held=[anew, again, held])) == [[anew.id, 1]]


def test_slots_of_recovered_leases_are_counted() -> None:
    """After the hello a new job gets only what is left of the credit."""
    bench, executor, runs = running(2)
    bench.restart()
    executor.hello(held=runs)
    executor.credit(3)
    said = bench.hear(CLIENT, bench.a_submit(a_job(), a_job()))
    assert len(runs_of(said)) == 1


def test_a_lease_of_an_executor_that_never_returns_is_lost() -> None:
    """While others say hello, its jobs wait for the lease to be over, and no longer."""
    bench = ShardBench(lease_ttl_ms=10_000)
    bench.executor("gone", incarnation=5, slots=1)
    bench.submit()
    (run,) = runs_of(bench.said)
    bench.restart()
    other = bench.executor("other", incarnation=6, slots=1)
    for _ in range(10):
        bench.wait(1_000)
        other.renew()
        assert bench.state_of(run.id) == ["running"]
    bench.wait(1_000)
    assert [again.attempt for again in runs_of(bench.said, other.peer)] == [2]


# Truncation.


def test_the_log_keeps_what_a_restart_needs() -> None:
    """Truncated as far as durable rows and floor allow, the log still tells every open lease, however young."""
    bench = ShardBench(log=MemoryLog(segment_entries=4))
    executor = bench.executor()
    bench.submit()
    for _ in range(40):
        bench.wait(400)
        bench.submit(a_job(), a_job())
        executor.finish(*runs_of(bench.said)[-2:-1])
    below = keep_from(bench.store.make_durable(), bench.store.restore().floor)
    bench.log.truncate(bench.member.group, below)
    assert bench.log.first_index(bench.member.group) > 10, "some segments have gone"
    before = {id: job.index for id, job in bench.state.image.leases.items()}
    bench.restart()
    assert {id: job.index for id, job in bench.state.image.leases.items()} == before
    assert bench.log.first_index(bench.member.group) <= below


def test_a_log_that_lost_leases_stops_the_start() -> None:
    """If entries from the floor on are missing, running jobs would be given out twice: the start refuses."""
    bench, _, _ = running(1)
    bench.wait(500)
    bench.store.make_durable()
    for _ in range(70):
        bench.submit(a_job(delay_ms=10**9))
    bench.store.make_durable()
    bench.log.truncate(bench.member.group, bench.store.applied + 1)
    with pytest.raises(LogDamaged, match="restore"):
        bench.restart()


def test_what_the_log_must_keep() -> None:
    """The entries that the rows may lose, and those from the floor on."""
    assert keep_from(durable=10, floor=20) == 11
    assert keep_from(durable=30, floor=20) == 20
    assert keep_from(durable=0, floor=0) == 0


# open_leases alone.

EXECUTOR, INCARNATION = 1, 7


def restored(*rows: list[int], floor: int = 0) -> Restored:
    """What a store with these lease rows gives."""
    return Restored(9, 0, 1, floor, [], [], [], [], list(rows), 0, [], 1, [], [], 0, 1, 0)


def a_lease(ids: list[int], attempts: list[int]) -> Op:
    """A LEASE op."""
    return [entries.LEASE, EXECUTOR, INCARNATION, ids, attempts]


def a_finish(id: int, attempt: int) -> Op:
    """A FINISH op of one attempt."""
    row: list[Any] = [id, attempt, life.OUTCOME_RETURNED, life.READY, 0, None, 0, None, None, None, None, 0, 0]
    return [entries.FINISH, EXECUTOR, [row]]


def test_leases_stand_in_rows_and_in_the_log() -> None:
    """Rows first, then what the entries say, in order of id, each with the fence of its entry."""
    row = [5, 1, 1, 2, EXECUTOR, INCARNATION, 100]
    log = [(6, Entry(3, 600, [a_lease([9, 4], [1, 2])])), (7, Entry(3, 700, [a_finish(9, 1)]))]
    assert open_leases(restored(row), log) == [[4, 2, 3, 6, EXECUTOR, INCARNATION, 600], row]


def test_a_row_of_a_later_attempt_outlives_older_entries() -> None:
    """The log from the floor on may begin before the attempt that has a row."""
    row = [5, 2, 1, 4, EXECUTOR, INCARNATION, 100]
    log = [
        (3, Entry(1, 10, [a_lease([5], [1])])),
        (4, Entry(1, 20, [a_finish(5, 1), a_lease([5], [2])])),
        (8, Entry(1, 90, [[entries.HOLD, 5, [row]]])),
    ]
    assert open_leases(restored(row), log) == [[5, 2, 1, 4, EXECUTOR, INCARNATION, 20]]


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5)), max_size=40))
def test_rows_and_log_together_tell_the_open_leases(steps: list[tuple[int, int]]) -> None:
    """Whatever was leased, ended and held: the rows, and the log from the last floor on, tell what is open."""
    history, rows, floor, open_now = _written(steps)
    log = [(index, entry) for index, entry in enumerate(history) if index >= max(floor, 1)]
    assert open_leases(restored(*rows.values()), log) == [open_now[id] for id in sorted(open_now)]


def _written(
    steps: list[tuple[int, int]],
) -> tuple[list[Entry], dict[int, list[int]], int, dict[int, list[int]]]:
    """Writes a history (entries from 1); returns it, and the rows, the floor and the open leases in the end."""
    history = [Entry(0, 0, [])]
    rows: dict[int, list[int]] = {}
    open_now: dict[int, list[int]] = {}
    attempts: dict[int, int] = {}
    floor = 0
    for id, what in steps:
        index = len(history)
        ops: list[Op] = [[entries.NOOP]]
        if what <= 2 and id not in open_now:
            attempts[id] = attempts.get(id, 0) + 1
            ops = [a_lease([id], [attempts[id]])]
            open_now[id] = [id, attempts[id], 1, index, EXECUTOR, INCARNATION, index]
        elif what <= 4 and id in open_now:
            ops = [a_finish(id, attempts[id])]
            del open_now[id]
            rows.pop(id, None)
        elif what == 5:
            old = [row for row in open_now.values() if row[3] < index - id and row[0] not in rows]
            floor = min([row[3] for row in open_now.values() if row[3] >= index - id], default=index)
            rows |= {row[0]: row for row in old}
            ops = [[entries.HOLD, floor, old]]
        history.append(Entry(1, index, ops))
    return history, rows, floor, open_now
