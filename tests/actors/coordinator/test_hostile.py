"""Whatever well-formed messages say, a shard answers or passes over, and its rows can be written: nothing stops it."""

from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from builders import a_hello, a_job, a_task
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_bench import CLIENT, SHARD, ShardBench, only, runs_of

from mainspring.actors.coordinator.shard import ShardMachine
from mainspring.broker.wire.limits import INTEGER_MAX
from mainspring.broker.wire.messages import (
    Await,
    Cancel,
    ClientHello,
    Credit,
    ExecutorHello,
    Finished,
    Goodbye,
    Message,
    Query,
    Renew,
    Run,
    Submit,
    Submitted,
)  # fmt: skip
from mainspring.broker.wire.rows import HELD_COLUMNS, JOB_COLUMNS, RESULT_COLUMNS, TASK_COLUMNS
from mainspring.nodes.storage.shard.shard_file import ShardFile

EXECUTOR = b"executor-1/7"
PEERS = [CLIENT, EXECUTOR, b"stranger"]

FIRST = SHARD << 40 | 1
numbers = st.sampled_from(
    [0, 1, 2, 3, 5, 7, -1, INTEGER_MAX, -INTEGER_MAX, FIRST, FIRST + 1, FIRST + 2, 1_700_000_000_000]
)
texts = st.sampled_from(
    ["echo", "default", "succeeded", "failed", "returned", "process", "*", "", "k", "jobs", "x" * 300, "\0", "é"]
)
anything = st.recursive(
    numbers
    | st.integers(0, 2**64 - 1)
    | texts
    | st.none()
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=8,
)
_SOUND: dict[str, list[Any]] = {
    "jobs": a_job(), "results": [FIRST, 1, 1, 3, "succeeded", 1, 2, None, None, None], "tasks": a_task(),
    "held": [SHARD, FIRST, 1, 1, 3], "windows": ["process", 2],
}  # fmt: skip
assert [len(_SOUND[name]) for name in ("jobs", "results", "tasks", "held")] == [
    len(JOB_COLUMNS), len(RESULT_COLUMNS), len(TASK_COLUMNS), len(HELD_COLUMNS),
]  # fmt: skip


def rows_like(name: str) -> st.SearchStrategy[list[Any]]:
    """Rows that are sound but for a column or two, or wholly strange."""
    sound = _SOUND.get(name, [1, "x"])
    changes = st.dictionaries(st.integers(0, len(sound) - 1), anything, max_size=2)
    nearly = changes.map(lambda changed: [changed.get(at, value) for at, value in enumerate(sound)])
    return nearly | nearly | nearly | st.lists(anything, max_size=13)


def messages_of(kind: type[Message]) -> st.SearchStrategy[Message]:
    """Messages of one kind that pass the codec."""
    by_hint: dict[Any, st.SearchStrategy[Any]] = {
        int: numbers, str: texts, str | None: texts | st.none(), bool: st.booleans(),
        list[int]: st.lists(numbers, max_size=4), list[str]: st.lists(texts, max_size=3),
        dict[str, Any]: st.dictionaries(texts, anything, max_size=3),
    }  # fmt: skip
    hints = get_type_hints(kind)
    values: dict[str, st.SearchStrategy[Any]] = {}
    for field in fields(kind):
        hint = hints[field.name]
        values[field.name] = by_hint[hint] if hint in by_hint else st.lists(rows_like(field.name), max_size=3)
    if "shard" in values:
        values["shard"] = st.just(SHARD)
    return st.builds(kind, **values)


KINDS = [Submit, Finished, Renew, Await, Cancel, Query, ClientHello, ExecutorHello, Credit, Goodbye, Run, Submitted]
talk = st.lists(
    st.tuples(st.sampled_from(PEERS), st.one_of(*map(messages_of, KINDS)), st.integers(0, 2_000)), max_size=12
)


def busy(bench: ShardBench) -> None:
    """Gives the shard an executor with a running job, a waiting one and a far one."""
    bench.executor(slots=1)
    bench.submit(a_job(key="k"), a_job(), a_job(delay_ms=10**9))


@settings(max_examples=40)
@given(talk)
def test_strange_talk_stops_no_shard(said: list[tuple[bytes, Message, int]]) -> None:
    """Whatever three peers say, every relation inside holds, and a client is served afterwards."""
    bench = ShardBench(lease_ttl_ms=10_000)
    busy(bench)
    for peer, message, pause_ms in said:
        bench.hear(peer, message)
        bench.wait(pause_ms)
    bench.restart()
    assert len(only(bench.hear(b"fresh", bench.a_submit(session=777, sequence=1)), Submitted)) == 1


@settings(max_examples=12)
@given(said=talk)
def test_strange_talk_can_be_written_down(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[bytes, Message, int]]
) -> None:
    """What a shard decides because of it fits the columns of a real shard file."""
    store = ShardFile(Path(tmp_path_factory.mktemp("shard")) / "shard.db")
    try:
        bench = ShardBench(store=store, lease_ttl_ms=10_000)
        busy(bench)
        for peer, message, pause_ms in said:
            bench.hear(peer, message)
            bench.wait(pause_ms)
        assert store.applied == bench.log.last_index(bench.member.group)
    finally:
        store.close()


def test_every_event_of_the_union_is_handled() -> None:
    """A machine that does not know an event says so at once."""
    bench = ShardBench()
    machine: ShardMachine = bench.machine
    with pytest.raises(AssertionError, match="Expected code to be unreachable"):
        machine.handle("nonsense", bench.now)  # type: ignore[arg-type]  # what a type checker would refuse


def test_a_stranger_cannot_end_what_runs() -> None:
    """Guessing ids is not enough: without the executor's own link nothing of it is touched."""
    bench = ShardBench()
    busy(bench)
    (run,) = runs_of(bench.said)
    bench.hear(b"stranger", a_hello(8, replaces=[], held=[[SHARD, run.id, run.attempt, run.epoch, run.index]]))
    bench.hear(b"stranger", Goodbye(7))
    assert bench.state_of(run.id) == ["running"]
