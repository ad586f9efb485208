"""Each code of the protocol, and what a peer does to be refused with it: none is listed that nobody can be told."""

from collections.abc import Callable

import pytest
from builders import a_hello, a_job
from door_bench import DoorBench
from schedule_bench import a_schedule
from shard_bench import CLIENT, SESSION, SHARD, ShardBench, only

from mainspring.actors.coordinator import submitting
from mainspring.actors.events import Drain, Storage
from mainspring.actors.limits import UNAPPLIED_BYTES_MAX
from mainspring.broker.wire.errors import ERRORS
from mainspring.broker.wire.limits import IDS_MAX
from mainspring.broker.wire.messages import (
    Await,
    Cancel,
    Cancelled,
    ClientHello,
    Message,
    Query,
    Refused,
    ScheduleSet,
)  # fmt: skip

Asked = Callable[[ShardBench], Message]


def set_schedules(*rows: list[object], parts: int = 1) -> ScheduleSet:
    """Somebody defines schedules."""
    return ScheduleSet(SHARD, 1, "ann", "client", "", False, False, 1, parts, list(rows))


def drained(bench: ShardBench) -> Message:
    """The node is asked to stop."""
    bench.member.inbox.append(Drain())
    return bench.a_submit()


def full_disk(bench: ShardBench) -> Message:
    """The disk is full."""
    bench.member.inbox.append(Storage(True))
    return bench.a_submit()


def slow_disk(bench: ShardBench) -> Message:
    """Rows lag behind the log."""
    bench.state.image.unapplied_bytes = UNAPPLIED_BYTES_MAX + 1
    return bench.a_submit()


def crowded_lanes(bench: ShardBench) -> Message:
    """There are as many lanes as there may be."""
    bench.submit(*(a_job(queue=f"q{number}") for number in range(3)))
    return bench.a_submit(a_job(queue="q3"))


def crowded_schedules(bench: ShardBench) -> Message:
    """There are as many schedules as there may be."""
    bench.hear(CLIENT, set_schedules(a_schedule("@daily", name="one")))
    return ScheduleSet(SHARD, 2, "ann", "client", "", False, False, 1, 1, [a_schedule("@daily", name="two")])


def forgotten(bench: ShardBench) -> Message:
    """The client has said that it has the answer."""
    for sequence in (1, 2):
        bench.hear(CLIENT, bench.a_submit(sequence=sequence, acked_below=sequence))
    return bench.a_submit(sequence=1)


BY_SHARD: dict[str, Asked] = {
    "malformed": lambda bench: bench.a_submit(session=0),
    "wrong_cluster": lambda _: ClientHello("another"),
    "unknown_task": lambda bench: bench.a_submit(a_job(task="nobody")),
    "unknown_tenant": lambda bench: bench.a_submit(a_job(tenant="nobody")),
    "invalid_job": lambda bench: bench.a_submit(a_job(priority=101)),
    "invalid_schedule": lambda _: set_schedules(a_schedule("never")),
    "too_many_schedules": crowded_schedules,
    "payload_too_large": lambda bench: bench.a_submit(a_job('"' + "x" * 2_000 + '"')),
    "batch_too_large": lambda _: Await(SHARD, 1, list(range(IDS_MAX + 1)), True),
    "queue_full": lambda bench: bench.a_submit(*[a_job()] * 11),
    "too_many_lanes": crowded_lanes,
    "overloaded": slow_disk,
    "disk_full": full_disk,
    "draining": drained,
    "unknown_session": lambda bench: bench.a_submit(session=77, sequence=2),
    "forgotten": forgotten,
    "invalid_query": lambda _: Query(SHARD, 1, "secrets", {}),
}
"""Code -> what is said to a shard that refuses with it."""

IN_ROWS = {"not_found", "finished"}
"""Codes that stand in the rows of a Cancelled: the other jobs of that Cancel are dealt with."""

AT_THE_DOOR = {"version", "not_here", "malformed", "overloaded"}
"""Codes with which a frame is refused before a shard hears of it."""


@pytest.mark.parametrize("code", BY_SHARD)
def test_a_shard_refuses_with_each_code(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text names the fault and ends with the mend; the refusal is counted under its code."""
    monkeypatch.setattr(submitting, "LANES_MAX", 3)
    for module in ("parts", "scheduling"):
        monkeypatch.setattr(f"mainspring.actors.coordinator.{module}.SCHEDULES_MAX", 1, raising=False)
    bench = ShardBench(payload_bytes_max=1_000, backlog_jobs_max=10, dedup_window=2)
    bench.executor(slots=0)
    (refused,) = only(bench.hear(CLIENT, BY_SHARD[code](bench)), Refused)
    assert refused.code == code
    assert refused.text.endswith(ERRORS[code].mend)
    assert len(refused.text) > len(ERRORS[code].mend) + 8
    assert bench.state.counts[f"refused_{code}"] == 1
    assert refused.session in (0, SESSION, 77)


def test_codes_in_rows() -> None:
    """One Cancel has an answer for each of its jobs."""
    bench = ShardBench()
    bench.executor(slots=0)
    (id,) = bench.submit()
    bench.cancel(id)
    (answer,) = only(bench.hear(CLIENT, Cancel(SHARD, 1, [id, bench.id(99)])), Cancelled)
    assert {code for _, code in answer.codes} == IN_ROWS


def test_codes_at_the_door() -> None:
    """Frames that no shard hears of."""
    door = DoorBench()
    refused = door.hear(CLIENT, b"\x93\x02\x1d\x00", b"", Query(9, 1, "jobs", {}))
    door.router.listening.is_crowded = True
    refused += door.hear(CLIENT, ClientHello(None))
    assert {one.code for one in refused} == AT_THE_DOOR


def test_every_code_is_in_one_of_these() -> None:
    """A new code needs a line here, and one that nobody is told any more must go."""
    assert BY_SHARD.keys() | IN_ROWS | AT_THE_DOOR == ERRORS.keys()


def test_an_executor_s_hello_is_refused_in_words_too() -> None:
    """Whoever announces nonsense hears which field it is."""
    bench = ShardBench()
    (refused,) = only(bench.hear(b"executor", a_hello(-1)), Refused)
    assert (refused.code, refused.request) == ("malformed", 0)
    assert "incarnation" in refused.text
