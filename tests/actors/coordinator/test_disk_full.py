"""While the disk is full, new jobs are refused and none is started; what is under way goes on."""

from builders import a_job
from shard_bench import CLIENT, ShardBench, only, runs_of

from mainspring.actors.events import Storage
from mainspring.broker.wire.errors import ERRORS
from mainspring.broker.wire.messages import FinishedAck, Refused, Submit, Submitted


def fill_disk(bench: ShardBench, *, full: bool = True) -> None:
    """Tells the shard, alone in a turn."""
    bench.member.inbox.append(Storage(full))
    bench.run()


def codes(bench: ShardBench, submit: Submit) -> list[str]:
    """The codes with which a submit is refused."""
    return [refused.code for refused in only(bench.hear(CLIENT, submit), Refused)]


def test_new_jobs_are_refused_until_there_is_room() -> None:
    """The refusal is definite and stays one; a later sequence is taken when the disk has room again."""
    bench = ShardBench()
    bench.executor(slots=0)
    fill_disk(bench)
    submit = bench.a_submit()
    assert codes(bench, submit) == ["disk_full"]
    assert ERRORS["disk_full"].definite
    fill_disk(bench, full=False)
    assert codes(bench, submit) == ["disk_full"], "what was refused for good is not taken after all"
    bench.sequence = 0
    assert only(bench.hear(CLIENT, bench.a_submit(session=5)), Submitted)


def test_an_answered_submit_is_answered_again() -> None:
    """A client that has missed the answer learns that its jobs were taken."""
    bench = ShardBench()
    bench.executor(slots=0)
    submit = bench.a_submit()
    (first,) = only(bench.hear(CLIENT, submit), Submitted)
    fill_disk(bench)
    assert only(bench.hear(CLIENT, submit), Submitted) == [first]


def test_running_jobs_finish_and_waiting_ones_wait() -> None:
    """Finishes, cancels and questions are taken; what room is left is not spent on new leases."""
    bench = ShardBench()
    executor = bench.executor(slots=1)
    runs = runs_of(bench.hear(CLIENT, bench.a_submit(*[a_job()] * 3)))
    assert len(runs) == 1
    fill_disk(bench)
    said = executor.finish(*runs)
    assert only(said, FinishedAck)
    assert not runs_of(said)
    bench.cancel(bench.id(2))
    assert bench.state_of(bench.id(1), bench.id(2), bench.id(3)) == ["succeeded", "cancelled", "ready"]
    bench.member.inbox.append(Storage(is_full=False))
    assert [run.id for run in runs_of(bench.run())] == [bench.id(3)]


def test_delayed_jobs_start_when_there_is_room() -> None:
    """A job that comes due meanwhile costs no turn after turn, and starts as soon as there is room."""
    bench = ShardBench()
    bench.executor(slots=5)
    bench.submit(a_job(delay_ms=500))
    fill_disk(bench)
    turns = bench.turns
    assert not runs_of(bench.wait(30_000))
    assert bench.turns - turns < 200
    bench.member.inbox.append(Storage(is_full=False))
    assert [run.id for run in runs_of(bench.run())] == [bench.id(1)]
