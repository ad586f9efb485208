"""One suite for every `ShardStore`: the SQLite shard file and its in-memory twin."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from histories import Command, Model, commands, written
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.actors.entries import (
    CANCEL,
    EXECUTORS,
    EXPIRE,
    FINISH,
    LANES,
    NOOP,
    PRUNE,
    REVIVE,
    SETTLE,
    SUBMIT,
    Entry,
    Op,
)  # fmt: skip
from mainspring.actors.jobs.lifecycle import (
    CANCELLED,
    DEAD,
    DISCARDED,
    OUTCOME_FAILED,
    OUTCOME_SUCCEEDED,
    SKIPPED,
    STATES,
    SUCCEEDED,
)  # fmt: skip
from mainspring.actors.store import (
    LIVE_COLUMNS,
    ReadDue,
    ReadExpired,
    ReadJobs,
    ReadKeys,
    ReadListing,
    ReadReady,
    ShardStore,
)
from mainspring.chaos.memory_store import MemoryStore
from mainspring.nodes.storage.shard.listing_rules import FATES, SCHEDULE_STATES
from mainspring.nodes.storage.shard.shard_file import ShardFile

EXPIRES = LIVE_COLUMNS.index("expires_ms")

SCHEDULE_LISTINGS: list[tuple[str, dict[str, Any]]] = [
    ("schedules", {}),
    ("schedules", {"limit": 2, "after_name": "plan-1"}),
    ("schedules", {"after_name": "plan-1", "after_tenant": "default", "after_schedule": 3, "state": "removed"}),
    *(("schedules", {"state": state}) for state in SCHEDULE_STATES),
    *(("schedules", {key: value}) for key, value in (("tenant", "other"), ("source", "code"), ("name", "plan-2"))),
    ("schedules", {"queue": "web", "task": "task-1"}),
    *(("schedule", {"name": f"plan-{number}"}) for number in range(4)),
    ("schedule", {"name": "plan-0", "tenant": "other", "limit": 1}),
    ("ticks", {}),
    ("ticks", {"limit": 3, "until_ms": 40_000, "below_schedule": 3}),
    ("ticks", {"from_ms": 30_000, "until_ms": 70_000}),
    *(("ticks", {"fate": fate, "limit": 4}) for fate in FATES),
    *(("ticks", {"reason": reason}) for reason in ("on_time", "paused", "after_other")),
    ("ticks", {"tenant": "other", "fate": "skipped"}),
    *(("ticks", {"name": f"plan-{number}", "limit": 5}) for number in range(4)),
    ("ticks", {"name": "plan-1", "tenant": "default", "reason": "overlap"}),
    ("ticks", {"schedule": 2}),
    ("ticks", {"schedule": 1, "until_ms": 60_000, "from_ms": 20_000, "fate": "fired"}),
    ("audit", {}),
    ("audit", {"after_id": 3, "limit": 2}),
    ("audit", {"who": "user-1", "object": "default/plan-2"}),
]

Make = Callable[[], ShardStore]
"""Makes an empty store."""


def picture(store: ShardStore, model: Model) -> dict[str, Any]:
    """Every answer that a store can give about a history."""
    ids = [*model.ids, model.ids[-1] + 5] if model.ids else [1]
    restored = store.restore()
    answers: dict[str, Any] = {"applied": store.applied, "floor": store.floor, "restored": restored}
    assert store.floor == restored.floor
    for lane, _, _ in model.lanes:
        for after, limit in ((0, 1000), (ids[len(ids) // 2], 3)):
            answers[f"ready {lane} {after}"] = store.read(ReadReady(lane, after, limit))
    due = answers["due"] = store.read(ReadDue(0, 0, 1 << 40, 1000))
    for at in range(0, len(due), 3):
        # From a row to another, neither included.
        answers[f"due {at}"] = store.read(ReadDue(*due[at], due[(at * 5 + 4) % len(due)][0], 1 + at % 4))
    answers["jobs"] = store.read(ReadJobs([*reversed(ids), ids[0]], "test"))
    answers["keys"] = store.read(ReadKeys([*sorted(model.keys), ("default", "none")]))
    expires = sorted({row[EXPIRES] for row in answers["jobs"] if len(row) == len(LIVE_COLUMNS) and row[EXPIRES]})
    for before_ms in (1 << 40, *expires[::3]):
        answers[f"expired {before_ms}"] = store.read(ReadExpired(before_ms, 1 + before_ms % 10))
    filters: list[dict[str, Any]] = [{}, {"limit": 2}, {"after_id": ids[-1], "limit": 3}, {"queue": "mail"}]
    filters += [{"task": "task-1", "tenant": "default"}, *({"state": state} for state in STATES.values())]
    filters.append({"state": "dead", "queue": "mail", "limit": 1})
    middle_ms = model.stamp_ms // 2
    ended: list[dict[str, Any]] = [{"error_kind": "KeyError"}, {"finished_after_ms": middle_ms}]
    ended += [{"finished_before_ms": middle_ms}, {"error_kind": "ValueError", "finished_after_ms": middle_ms}]
    filters += [*ended, *(chosen | {"state": "dead"} for chosen in ended)]
    filters += [{"error_kind": "KeyError", "state": "ready"}, {"error_kind": "ValueError", "state": "succeeded"}]
    groups: list[dict[str, Any]] = [{}, *ended, {"queue": "mail", "limit": 1}, {"tenant": "other", "task": "task-1"}]
    answers["dead groups"] = [store.read(ReadListing("dead_groups", chosen)) for chosen in groups]
    answers["listings"] = [store.read(ReadListing("jobs", chosen)) for chosen in filters]
    for id in ids[:: max(1, len(ids) // 10)]:
        answers[f"job {id}"] = store.read(ReadListing("job", {"id": id}))
        answers[f"executions {id}"] = store.read(ReadListing("executions", {"job_id": id, "limit": 2}))
    for name in ("queues", "executors", "tasks"):
        answers[name] = store.read(ReadListing(name, {}))
    answers["of schedules"] = [store.read(ReadListing(name, chosen)) for name, chosen in SCHEDULE_LISTINGS]
    # What only a file has to tell is left out.
    rows = store.read(ReadListing("stat", {}))[1]
    answers["stat"] = [row for row in rows if not row[0].startswith("file.")]
    return answers


def numbered(model: Model) -> list[tuple[int, Entry]]:
    """The entries of a history with their indexes."""
    return list(enumerate(model.entries, 1))


@given(commands(), st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 5), st.data())
@settings(max_examples=60)
def test_file_and_memory_agree_whatever_the_batches(
    files: Callable[[], Path], chosen: list[Command], sizes: list[int], again: int, data: st.DataObject
) -> None:
    """Both stores answer alike, in any batching, when entries come again, and after the file was opened again."""
    model = written(chosen)
    log = numbered(model)
    memory = MemoryStore()
    for pair in log:
        assert memory.apply([pair])
    path = files()
    store = ShardFile(path, checkpoint_pages=data.draw(st.sampled_from((1, 20, 4000))))
    at, turn = 0, 0
    while at < len(log):
        size = sizes[turn % len(sizes)]
        assert store.apply(log[max(0, at - again) : at + size])
        at, turn = at + size, turn + 1
        if turn % 7 == 0:
            store.close()
            store = ShardFile(path)
    expected = picture(memory, model)
    assert picture(store, model) == expected
    store.close()
    store = ShardFile(path)
    assert picture(store, model) == expected
    store.close()
    path.unlink()


@given(commands(60), st.integers(0, 1 << 16))
@settings(max_examples=60)
def test_memory_reverts_to_any_applied_point(chosen: list[Command], number: int) -> None:
    """A crash of the twin leaves exactly the rows of the point that it goes back to, and the log brings the rest."""
    model = written(chosen)
    log = numbered(model)
    durable, back = sorted((number % (len(log) + 1), number // 7 % (len(log) + 1)))
    store, plain = MemoryStore(), MemoryStore()
    assert store.apply(log[:durable])
    assert store.make_durable() == store.durable_applied() == durable
    assert store.apply(log)
    other = store.clone()
    store.revert(back)
    assert plain.apply(log[:back])
    assert picture(store, model) == picture(plain, model)
    assert other.applied == len(log)
    assert store.apply(log)
    assert picture(store, model) == picture(other, model)
    store.revert()
    assert store.applied == durable


def a_lane(stamp_ms: int = 1000) -> Entry:
    """The first entry: a lane and an executor."""
    return Entry(1, stamp_ms, [[LANES, [[1, "default", "mail", 0, "send"]]], [EXECUTORS, [[1, "node", "executor"]]]])


def a_submit(first_id: int = 1, count: int = 1, sequence: int = 1) -> Op:
    """An op that takes plain jobs."""
    rows = [[1, "{}", 1000, *[None] * 8] for _ in range(count)]
    return [SUBMIT, 1, sequence, 0, first_id, rows, []]


def a_finish(*ids: int) -> Op:
    """An op that ends jobs well at their first attempt."""
    rows = [[id, 1, OUTCOME_SUCCEEDED, SUCCEEDED, 1, 2, 3, None, None, None, None, 0, 0, None] for id in ids]
    return [FINISH, 1, rows]


def test_new_store(make: Make) -> None:
    """A new store has applied nothing and gives the first id."""
    store = make()
    assert store.applied == 0
    assert store.restore() == (0, 0, 1, 0, [], [], [], [], [], 0, [], 1, [], [], 0, 1, 0)
    assert store.apply([])
    store.close()


def test_gap_is_an_assertion(make: Make) -> None:
    """An entry that does not follow the last one is a fault in the program, and nothing of it is applied."""
    store = make()
    assert store.apply([(1, a_lane())])
    with pytest.raises(AssertionError, match="entry 3 does not follow entry 1"):
        store.apply([(3, Entry(1, 1000, []))])
    assert store.applied == 1
    store.close()


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (a_finish(1), "job 1"),
        ([CANCEL, [1], CANCELLED], "job 1"),
        ([EXPIRE, [1]], "job 1"),
        ([REVIVE, [[2, 1]]], "job 2 is not finished"),
        ([REVIVE, [[1, 2]]], "job 1 stands in lane 1"),
        ([SETTLE, [[2, 1]], SKIPPED], "job 2 is not finished"),
        ([SETTLE, [[1, 2]], DISCARDED], "job 1 stands in lane 1"),
    ],
    ids=["finish", "cancel", "expire", "revive", "revive in another lane", "settle", "settle in another lane"],
)
def test_ops_that_do_not_fit_the_rows(make: Make, op: Op, text: str) -> None:
    """A job ends once, and only what has ended lives again or is settled; all else is a fault in the program."""
    store = make()
    assert store.apply([(1, a_lane()), (2, Entry(1, 1000, [a_submit(), a_finish(1)]))])
    with pytest.raises(AssertionError, match=text):
        store.apply([(3, Entry(1, 1000, [op]))])
    store.close()


def test_id_given_twice(make: Make) -> None:
    """An id is given once, even if its job has long ended."""
    store = make()
    assert store.apply([(1, a_lane()), (2, Entry(1, 1000, [a_submit(), a_finish(1)]))])
    with pytest.raises(AssertionError, match="given twice"):
        store.apply([(3, Entry(1, 1000, [a_submit(sequence=2)]))])
    store.close()


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "three batches"])
def test_answers_are_kept_until_acknowledged(make: Make, together: bool) -> None:
    """An answer goes when a later submit says that everything below a higher sequence has arrived, and not before."""
    store = make()
    log = [(1, a_lane())]
    for sequence, acked_below in ((1, 0), (2, 1), (3, 2)):
        log.append((sequence + 1, Entry(1, 1000, [[SUBMIT, 1, sequence, acked_below, sequence, [], []]])))
        if sequence == 2:
            kept = make()
            assert kept.apply(log)
            assert [row[1] for row in kept.restore().sessions] == [1, 2]
            kept.close()
    for part in [log] if together else [[pair] for pair in log]:
        assert store.apply(part)
    assert [row[1] for row in store.restore().sessions] == [2, 3]
    store.close()


def test_stamp_that_goes_back(make: Make) -> None:
    """Stamps of entries never go back: retention and replay rest on that."""
    store = make()
    assert store.apply([(1, a_lane(2000))])
    with pytest.raises(AssertionError, match="goes back"):
        store.apply([(2, Entry(1, 1999, [[NOOP]]))])
    store.close()


def test_an_entry_of_the_engine_says_nothing(make: Make) -> None:
    """It has no ops and no time; only the index and the epoch move."""
    store = make()
    assert store.apply([(1, a_lane(2000)), (2, Entry(7, 0, []))])
    assert (store.applied, store.restore().stamp_ms, store.floor) == (2, 2000, store.restore().floor)
    store.close()


@pytest.mark.parametrize(
    ("name", "chosen", "text"),
    [
        ("nothing", {}, "there is no listing 'nothing'; there are jobs, job,"),
        ("jobs", {"colour": "red"}, "has no filter 'colour'; its filters: state, queue, task, tenant, error_kind,"),
        ("jobs", {"limit": 1001}, "limit=1001 is out of range; it runs from 1 to 1000"),
        ("jobs", {"limit": 0}, "limit=0 is out of range"),
        ("jobs", {"limit": True}, "limit=True has the wrong type; limit is of type int"),
        ("jobs", {"after_id": -1}, "after_id=-1 is out of range"),
        ("jobs", {"state": "lost"}, "state='lost' does not exist; states are scheduled, ready,"),
        ("job", {}, "the listing job needs id; give it"),
        ("executions", {"limit": 3}, "the listing executions needs job_id; give it"),
        ("queues", {"queue": "mail"}, "has no filter 'queue'; its filters: none"),
    ],
)  # fmt: skip
def test_refused_listings(make: Make, name: str, chosen: dict[str, Any], text: str) -> None:
    """A listing that does not exist is refused with what there is."""
    store = make()
    with pytest.raises(ValueError, match=re.escape(text)):
        store.read(ReadListing(name, chosen))
    store.close()


def test_listing_of_jobs_pages(make: Make) -> None:
    """Pages by after_id give every job once, newest first, live and finished mixed."""
    store = make()
    finished = [id for id in range(1, 26) if id % 3]
    assert store.apply([(1, a_lane()), (2, Entry(1, 1000, [a_submit(count=25), a_finish(*finished)]))])
    seen: list[int] = []
    after = 1 << 50
    for _ in range(9):
        _, rows, more = store.read(ReadListing("jobs", {"after_id": after, "limit": 4}))
        seen += [row[0] for row in rows]
        if not more:
            break
        after = seen[-1]
    assert seen == list(range(25, 0, -1))
    store.close()


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "a batch an entry"])
def test_a_job_that_lives_again(make: Make, together: bool) -> None:
    """It stands in its lane as it was taken, but for times that are over and what was counted; its attempts go on."""
    store = make()
    options = ["key", [3, 1000, 2000, 9000, 1], 700, 5000, "00-trace", 90_000, 6000]
    taken: Op = [SUBMIT, 1, 1, 0, 1, [[1, "[1]", 900, None, *options], [1, "[2]", 900, *[None] * 8]], []]
    died = [1, 3, OUTCOME_FAILED, DEAD, 1, 2, 3, None, "it broke", "ValueError", None, 3, 1, "last words"]
    log = [
        a_lane(),
        Entry(1, 1000, [taken]),
        Entry(1, 1100, [[FINISH, 1, [died]]]),
        Entry(1, 1200, [[REVIVE, [[1, 1]]]]),
    ]
    numbered = list(enumerate(log, 1))
    for part in [numbered] if together else [[pair] for pair in numbered]:
        assert store.apply(part)
    assert store.read(ReadJobs([1], "test")) == [
        [1, 1, "[1]", 900, None, "key", [3, 1000, 2000, 9000, 1], 700, None, "00-trace", None, 2, 3, 0, 0, 0]
    ]
    assert [row[0] for row in store.read(ReadReady(1, 0, 10))] == [1, 2]
    assert store.read(ReadExpired(1 << 40, 10)) == []
    assert store.read(ReadKeys([("default", "key")])) == [["default", "key", 1, 90_000]]
    assert store.finished_count == store.restore().finished == 0
    assert [row[5] for row in store.restore().lanes] == [2]
    again = [1, 4, OUTCOME_SUCCEEDED, SUCCEEDED, 1, 2, 3, '"well"', None, None, None, 0, 0, None]
    assert store.apply([(5, Entry(1, 1300, [[FINISH, 1, [again]]]))])
    assert store.read(ReadJobs([1], "test")) == [[1, SUCCEEDED, '"well"', None, 4, 1]]
    attempts = store.read(ReadListing("executions", {"job_id": 1}))[1]
    assert [(row[1], row[5], row[-1]) for row in attempts] == [(3, "failed", "last words"), (4, "succeeded", None)]
    store.close()


def test_a_job_that_is_settled(make: Make) -> None:
    """It has another final state in every count, and is kept as long as before."""
    store = make()
    rows = [[id, 1, OUTCOME_FAILED, DEAD, 1, 2, 3, None, "it broke", "E", None, 1, 0, None] for id in (1, 2, 3)]
    assert store.apply([(1, a_lane()), (2, Entry(1, 1000, [a_submit(count=3), [FINISH, 1, rows]]))])
    settled: Op = [SETTLE, [[1, 1]], SKIPPED]
    assert store.apply([(3, Entry(1, 2000, [settled, [SETTLE, [[2, 1]], DISCARDED]]))])
    (queue,) = store.read(ReadListing("queues", {}))[1]
    assert queue == ["default", "mail", 0, 0, 0, 0, 0, 1, 0, 0, 1, 1]
    assert store.read(ReadJobs([1], "test")) == [[1, SKIPPED, None, "it broke", 1, 1]]
    assert [row[0] for row in store.read(ReadListing("jobs", {"state": "discarded"}))[1]] == [2]
    assert store.finished_count == 3
    assert store.apply([(4, Entry(1, 3000, [[PRUNE, None, [], 1500, 9, 9]]))])
    assert store.read(ReadJobs([1, 2, 3], "test")) == []
    store.close()


def test_dead_jobs_by_group(make: Make) -> None:
    """By task and kind of error, the largest group first, whatever the priority; with the newest of them."""
    store = make()
    lanes: Op = [LANES, [[1, "default", "mail", 0, "send"], [2, "default", "mail", 5, "send"]]]
    jobs = [[1 + id % 2, "{}", 1000, *[None] * 8] for id in range(1, 6)]
    kinds = ("TimeoutError", "TimeoutError", "ValueError", "TimeoutError", None)
    rows = [
        [id, 1, OUTCOME_FAILED, DEAD, 1, 2, 3, None, f"Traceback\nbroke {id}\n", kind, None, 1, 0, None]
        for id, kind in enumerate(kinds, 1)
    ]
    log = [Entry(1, 1000, [lanes]), Entry(1, 1000, [[SUBMIT, 1, 1, 0, 1, jobs, []]])]
    log += [Entry(1, 1000 + row[0], [[FINISH, 1, [row]]]) for row in rows]
    assert store.apply(list(enumerate(log, 1)))
    place = ["default", "mail", "send"]
    expected = [
        [*place, "TimeoutError", 3, 1001, 1004, 4, "broke 4"],
        [*place, None, 1, 1005, 1005, 5, "broke 5"],
        [*place, "ValueError", 1, 1003, 1003, 3, "broke 3"],
    ]
    assert store.read(ReadListing("dead_groups", {}))[1:] == [expected, False]
    assert store.read(ReadListing("dead_groups", {"limit": 1}))[1:] == [expected[:1], True]
    late = store.read(ReadListing("dead_groups", {"finished_after_ms": 1003, "finished_before_ms": 1005}))[1]
    assert [(row[3], row[4], row[5]) for row in late] == [("TimeoutError", 1, 1004), ("ValueError", 1, 1003)]
    store.close()
