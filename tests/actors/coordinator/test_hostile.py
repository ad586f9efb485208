"""Whatever well-formed messages say, a shard answers or passes over, and its rows can be written: nothing stops it."""

from pathlib import Path
from typing import Any, get_type_hints

import pytest
from builders import a_hello, a_job, a_result, a_task
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule_bench import a_schedule
from shard_bench import CLIENT, SHARD, ShardBench, only, runs_of

from mainspring.actors.coordinator.shard import ShardMachine
from mainspring.actors.events import Received
from mainspring.broker.wire.codec import decode
from mainspring.broker.wire.errors import ERRORS
from mainspring.broker.wire.limits import INTEGER_MAX
from mainspring.broker.wire.messages import (
    Await,
    Cancel,
    ClientHello,
    Credit,
    ExecutorHello,
    Finished,
    Goodbye,
    JobAct,
    Message,
    Query,
    Refused,
    Renew,
    Run,
    ScheduleAct,
    ScheduleSet,
    Submit,
    Submitted,
)  # fmt: skip
from mainspring.broker.wire.rows import (
    HELD_COLUMNS,
    JOB_ACTIONS,
    JOB_COLUMNS,
    RESULT_COLUMNS,
    SCHEDULE_ACTIONS,
    SCHEDULE_COLUMNS,
    TASK_COLUMNS,
)  # fmt: skip
from mainspring.nodes.storage.shard.shard_file import ShardFile

SOUND_FRAMES = sorted((Path(__file__).parents[2] / "corpus" / "frames").glob("sound.*.bin"))
"""Messages that pass the codec; see tests/broker/wire/test_corpus.py."""

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
    "jobs": a_job(), "results": a_result(FIRST, index=3, started_ms=1, finished_ms=2), "tasks": a_task(),
    "held": [SHARD, FIRST, 1, 1, 3], "windows": ["process", 2], "schedules": a_schedule("* * * * * *"),
}  # fmt: skip
assert [len(_SOUND[name]) for name in ("jobs", "results", "tasks", "held", "schedules")] == [
    len(JOB_COLUMNS), len(RESULT_COLUMNS), len(TASK_COLUMNS), len(HELD_COLUMNS), len(SCHEDULE_COLUMNS),
]  # fmt: skip
_WORDS = {
    "action": st.sampled_from(SCHEDULE_ACTIONS + JOB_ACTIONS), "ids": st.lists(st.sampled_from([FIRST, FIRST + 1])),
    "tenant": st.just("default"), "parts": st.just(1), "part": st.just(1),
    "names": st.lists(st.sampled_from(["nightly", "other"]), min_size=1, max_size=2, unique=True),
    "by": st.just("ann"), "source": st.sampled_from(["client", "code"]), "cluster": st.none(), "node": st.just("n"),
    "schedules": st.lists(
        st.builds(
            a_schedule, st.sampled_from(["* * * * * *", "*/7 * * * * *", "@every 2s"]),
            name=st.sampled_from(["nightly", "other"]), overlap=st.sampled_from(["skip", "allow", "buffer_one"]),
            catch_up=st.sampled_from(["skip", "latest", "all"]), jitter_ms=st.sampled_from([0, 1, 86_400_000]),
            grace_ms=st.sampled_from([0, 1_000, 253_402_300_799_999]), runs_max=st.sampled_from([None, 1, INTEGER_MAX]),
            window_ms=st.sampled_from([0, 253_402_300_799_999]), paused=st.sampled_from([None, True, False]),
            start_ms=st.sampled_from([None, 0, 253_402_300_799_999]), note=st.sampled_from([None, "\0"]),
        ), max_size=2,
    ),
}  # fmt: skip
"""What a message must say to be looked at any further; now and then it says something else."""


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
    for name in kind.__slots__:
        hint = hints[name]
        values[name] = by_hint[hint] if hint in by_hint else st.lists(rows_like(name), max_size=3)
        if name in _WORDS:
            values[name] = _WORDS[name] | _WORDS[name] | _WORDS[name] | values[name]
    if "shard" in values:
        values["shard"] = st.just(SHARD)
    return st.builds(kind, **values)


KINDS = [
    Submit, Finished, Renew, Await, Cancel, Query, ClientHello, ExecutorHello, Credit, Goodbye, Run, Submitted,
    ScheduleSet, ScheduleAct, JobAct, JobAct,
]  # fmt: skip
KINDS_OF_SCHEDULES = [ScheduleSet, ScheduleSet, ScheduleAct, ScheduleAct, ExecutorHello, Goodbye]


def talk_of(kinds: list[Any]) -> st.SearchStrategy[list[tuple[bytes, Message, int]]]:
    """Messages of these kinds, who sends them, and the pause after each."""
    said = st.tuples(st.sampled_from(PEERS), st.one_of(*map(messages_of, kinds)), st.integers(0, 2_000))
    return st.lists(said, max_size=12)


talk = talk_of(KINDS) | talk_of(KINDS_OF_SCHEDULES)


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


@pytest.mark.parametrize("path", SOUND_FRAMES, ids=lambda path: path.stem)
@pytest.mark.parametrize("peer", PEERS, ids=bytes.decode)
def test_a_kept_frame_stops_no_shard(path: Path, peer: bytes) -> None:
    """Each odd message that has been kept, from a client, an executor and a stranger: refused, or without effect."""
    bench = ShardBench(lease_ttl_ms=10_000)
    busy(bench)
    message: Any = decode(path.read_bytes())
    if hasattr(message, "shard"):
        message.shard = SHARD
    bench.member.inbox.append(Received(peer, message))
    said = bench.run()
    assert not only(said, Submitted), "it makes no sense, and was taken"
    assert all(refused.code in ERRORS for refused in only(said, Refused))
    bench.restart()
    assert len(only(bench.hear(b"fresh", bench.a_submit(session=777, sequence=1)), Submitted)) == 1


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
