"""Listings for people: what the rows say, with what memory knows better laid over them."""

from typing import Any

import pytest
from builders import a_job, a_task
from shard_bench import CLIENT, SHARD, Executor, ShardBench, only, runs_of

from mainspring.broker.wire.messages import Listing, Query, Refused


@pytest.fixture
def bench() -> ShardBench:
    """A shard."""
    return ShardBench()


@pytest.fixture
def executor(bench: ShardBench) -> Executor:
    """Its executor, which has two slots."""
    return bench.executor(slots=2)


def listed(bench: ShardBench, name: str, **chosen: Any) -> list[dict[str, Any]]:
    """The rows of a listing, by column name."""
    (listing,) = only(bench.query(name, **chosen), Listing)
    assert (listing.shard, listing.request) == (SHARD, bench.request)
    assert all(len(row) == len(listing.columns) for row in listing.rows)
    return [dict(zip(listing.columns, row, strict=True)) for row in listing.rows]


@pytest.mark.parametrize("locked", [False, True], ids=["applied", "not applied"])
def test_jobs_show_the_state_of_this_moment(bench: ShardBench, executor: Executor, locked: bool) -> None:
    """A job that runs is shown as running although its lease has no row; one that has ended, as ended."""
    ids = bench.submit(a_job(), a_job(), a_job(), a_job(delay_ms=9_000))
    bench.store.locked = locked
    executor.credit(1)
    executor.finish(runs_of(bench.said)[0])
    states = {row["id"]: row["state"] for row in listed(bench, "jobs")}
    assert [states[id] for id in ids] == ["succeeded", "running", "ready", "scheduled"]


def test_jobs_can_be_chosen(bench: ShardBench, executor: Executor) -> None:
    """By queue, and with a limit that says when there is more; newest first."""
    bench.submit(a_job(queue="a"), a_job(queue="b"), a_job(queue="a"))
    assert [row["id"] for row in listed(bench, "jobs", queue="a")] == [bench.id(3), bench.id(1)]
    (listing,) = only(bench.query("jobs", limit=2), Listing)
    assert (len(listing.rows), listing.more) == (2, True)


def test_one_job_tells_all(bench: ShardBench, executor: Executor) -> None:
    """Payload, result, error and what it was submitted with."""
    bench.submit(a_job('{"args":[1]}', key="k", trace="t", timeout_ms=5))
    executor.finish(*runs_of(bench.said), result='"x"')
    (row,) = listed(bench, "job", id=bench.id(1))
    assert row | {"state": "succeeded", "payload": '{"args":[1]}', "result": '"x"', "key": "k", "trace": "t"} == row
    assert listed(bench, "job", id=bench.id(9)) == []


def test_executions_tell_each_attempt(bench: ShardBench, executor: Executor) -> None:
    """In order, with executor, outcome and times."""
    (id,) = bench.submit()
    executor.finish(*runs_of(bench.said), outcome="failed", error="boom", error_kind="E")
    bench.wait(1_000)
    executor.finish(runs_of(bench.said)[-1])
    rows = listed(bench, "executions", job_id=id)
    assert [(row["attempt"], row["outcome"], row["executor"], row["error_kind"]) for row in rows] == [
        (1, "failed", "executor-1", "E"), (2, "succeeded", "executor-1", None),
    ]  # fmt: skip


def test_queues_count_what_runs_now(bench: ShardBench, executor: Executor) -> None:
    """By tenant and queue, without waiting for the lease to get a row."""
    bench.submit(a_job(queue="a"), a_job(queue="b"), a_job(queue="b"), a_job(queue="b", delay_ms=9_000))
    rows = {row["queue"]: row for row in listed(bench, "queues")}
    assert (rows["a"]["running"], rows["b"]["running"]) == (1, 1)
    assert rows["b"]["scheduled"] == 1


def test_executors_tell_slots_and_leases(bench: ShardBench, executor: Executor) -> None:
    """Who is connected now, from memory."""
    bench = ShardBench(lease_ttl_ms=10_000)
    one = bench.executor("e1", incarnation=1, slots=3, queues=["q", "*"], tasks=[a_task("echo"), a_task("b")])
    bench.executor("e0", incarnation=2, slots=0)
    bench.submit()
    bench.wait(1_000)
    rows = listed(bench, "executors")
    assert [row["executor"] for row in rows] == ["e0", "e1"]
    assert rows[1] == {
        "executor": "e1", "node": "node-1", "incarnation": 1, "tasks": 2, "queues": "*,q", "slots": 3, "used": 1,
        "lease_left_ms": 10_000, "silent": False, "labels": "",
    }  # fmt: skip
    assert one.peer in bench.state.links.by_peer


def test_stat_holds_figures_of_rows_and_memory(bench: ShardBench, executor: Executor) -> None:
    """Each name once, each an integer."""
    bench.submit(a_job(), a_job())
    executor.finish(runs_of(bench.said)[0])
    figures = {row["name"]: row["value"] for row in listed(bench, "stat")}
    assert len(figures) == len(listed(bench, "stat"))
    assert figures | {"leases": 1, "live": 1, "jobs_submitted": 2, "rows.finished": 1} == figures
    assert all(type(value) is int for value in figures.values())


def test_tasks_tell_the_catalogue(bench: ShardBench) -> None:
    """Sorted by name."""
    bench.executor(tasks=[a_task("b"), a_task("a", queue="q")])
    assert [(row["name"], row["queue"]) for row in listed(bench, "tasks")] == [("a", "q"), ("b", "default")]


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("nonsense", {}, "'nonsense'"),
    ("jobs", {"colour": "red"}, "'colour'"),
    ("jobs", {"limit": 0}, "limit"),
    ("jobs", {"limit": "5"}, "limit"),
    ("jobs", {"limit": True}, "limit"),
    ("jobs", {"queue": None}, "queue"),
    ("jobs", {"queue": ["a"]}, "filter"),
    ("jobs", {"queue": 1.5}, "filter"),
    ("jobs", {"after_id": 2**63 - 1}, "after_id"),
    ("jobs", {"state": "happy"}, "happy"),
    ("jobs", {f"f{n}": n for n in range(17)}, "16"),
    ("job", {}, "id"),
    ("x" * 100_000, {}, "x"),
    ("jobs", {"state": "x" * 100_000}, "state"),
]


@pytest.mark.parametrize(
    ("name", "chosen", "named"), BAD, ids=[f"{name[:9]} {str(chosen)[:24]}" for name, chosen, _ in BAD]
)
def test_a_bad_query_is_refused(bench: ShardBench, name: str, chosen: dict[str, Any], named: str) -> None:
    """Under its request, with a text that names the fault in few words."""
    (refused,) = [one.message for one in bench.hear(CLIENT, Query(SHARD, 77, name, chosen))]
    assert isinstance(refused, Refused)
    assert (refused.request, refused.code) == (77, "invalid_query")
    assert named in refused.text
    assert len(refused.text) <= 2_000


def test_a_listing_waits_for_what_it_shows(bench: ShardBench, executor: Executor) -> None:
    """It lays memory over the rows, and memory is not durable before the commit."""
    bench.log.hold_commits()
    bench.put(CLIENT, bench.a_submit())
    bench.run()
    assert bench.query("queues") == []
    bench.log.release_commits()
    assert len(only(bench.query("queues"), Listing)) == 2
