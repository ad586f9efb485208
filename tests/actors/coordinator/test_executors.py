"""Executors come, stay alive and go: hellos are settled against leases, and nothing runs twice at once."""

import pytest
from builders import a_hello, a_job, a_task
from shard_bench import CLIENT, SHARD, Leased, ShardBench, only, runs_of

from mainspring.actors import entries
from mainspring.actors.jobs import lifecycle as life
from mainspring.broker.wire.messages import (
    CancelRun,
    ClientHello,
    ClientWelcome,
    ExecutorHello,
    ExecutorWelcome,
    Finished,
    HelloNeeded,
    Message,
    Refused,
    Renew,
    Renewed,
    Submitted,
)  # fmt: skip
from mainspring.chaos.small_limits import small_limits

TTL_MS = 10_000


@pytest.fixture
def bench() -> ShardBench:
    """A shard whose leases last ten seconds."""
    return ShardBench(lease_ttl_ms=TTL_MS)


def outcomes(bench: ShardBench) -> list[str]:
    """How the attempts ended that the log knows of, in order."""
    return [life.OUTCOMES[row[2]] for op in bench.ops(entries.FINISH) for row in op[2]]


def one_running(bench: ShardBench, **fields: int) -> Leased:
    """Submits one job and returns its run."""
    bench.submit(a_job(**fields))
    return runs_of(bench.said)[-1]


# Hellos.


def test_a_hello_is_welcomed(bench: ShardBench) -> None:
    """With the epoch, the link's number, the lease and the size of the cluster."""
    executor = bench.executor()
    assert only(executor.said, ExecutorWelcome) == [ExecutorWelcome(SHARD, 1, "test", 4, 1, TTL_MS, [])]
    assert only(executor.hello(), ExecutorWelcome)[0].link == 2


def test_names_and_tasks_are_written_down_once(bench: ShardBench) -> None:
    """A hello that brings nothing new writes nothing; a changed task is written again."""
    executor = bench.executor()
    executor.hello()
    bench.executor("executor-1", incarnation=8)
    assert len(bench.ops(entries.EXECUTORS)) == len(bench.ops(entries.TASKS)) == 1
    changed = a_task(timeout_ms=5)
    bench.executor("executor-2", incarnation=9, tasks=[changed, a_task("new")])
    assert bench.ops(entries.EXECUTORS)[1][1] == [[2, "node-1", "executor-2"]]
    assert bench.ops(entries.TASKS)[1][1] == [changed, a_task("new")]


def test_an_older_hello_is_passed_over(bench: ShardBench) -> None:
    """One that was overtaken, or that comes twice, opens nothing."""
    executor = bench.executor()
    executor.hello()
    for link in (1, 2):
        assert bench.hear(executor.peer, a_hello(link=link)) == []
    assert bench.state.links.by_peer[executor.peer].number == 2


def test_a_hello_over_a_new_connection_replaces_the_old_link(bench: ShardBench) -> None:
    """The same incarnation has one link; what it holds goes on under the new one."""
    executor = bench.executor(slots=1)
    run = one_running(bench)
    executor.peer = b"another connection"
    assert executor.lost(executor.hello(held=[run])) == []
    assert len(bench.state.links) == 1
    assert bench.hear(b"executor-1/7", Renew(SHARD, 1, 5, 0, []))[0].message == HelloNeeded(SHARD, 1)
    executor.finish(run)
    assert bench.state_of(run.id) == ["succeeded"]


def test_a_hello_by_another_way_takes_no_run_back(bench: ShardBench) -> None:
    """A node with two addresses: while the first connection stands, a Run that is under way on it may yet be taken."""
    executor = bench.executor(slots=1)
    run = one_running(bench)
    epochs = [[SHARD, 1]]
    assert bench.hear(b"by another way", a_hello(link=2, epochs=epochs, links=[1])) == []
    assert outcomes(bench) == []
    executor.finish(run)
    assert bench.state_of(run.id) == ["succeeded"]
    assert only(bench.hear(b"by another way", a_hello(link=3, epochs=epochs)), ExecutorWelcome)[0].link == 3


HELLOS: list[tuple[str, ExecutorHello, str, str]] = [
    ("another cluster", a_hello(cluster="elsewhere"), "wrong_cluster", "elsewhere"),
    ("no name", a_hello(name=""), "malformed", "name"),
    ("a long name", a_hello(name="x" * 201), "malformed", "name"),
    ("a task of another shape", a_hello(tasks=[["echo"]]), "malformed", "columns"),
    ("a task with a bad policy", a_hello(tasks=[a_task(retry=[1, 2, 3])]), "malformed", "retry"),
    ("a task with a huge timeout", a_hello(tasks=[a_task(timeout_ms=2**63)]), "malformed", "timeout_ms"),
    ("a task of priority 101", a_hello(tasks=[a_task(priority=101)]), "malformed", "priority"),
    ("a held lease of texts", a_hello(held=[["3", "1", "1", "1", "1"]]), "malformed", "held"),
    ("a short held lease", a_hello(held=[[3, 1]]), "malformed", "held"),
    ("too many labels", a_hello(labels=[f"n{n}=v" for n in range(33)]), "malformed", "labels"),
    ("an empty label", a_hello(labels=[""]), "malformed", "labels"),
    ("no incarnation", a_hello(0), "malformed", "incarnation"),
    ("a negative incarnation", a_hello(-5), "malformed", "incarnation"),
    ("a negative link", a_hello(link=-1), "malformed", "link"),
    ("a long queue", a_hello(queues=["x" * 201]), "malformed", "queue"),
]


@pytest.mark.parametrize(("hello", "code", "named"), [case[1:] for case in HELLOS], ids=[case[0] for case in HELLOS])
def test_a_bad_hello_is_refused(bench: ShardBench, hello: ExecutorHello, code: str, named: str) -> None:
    """It opens no link, writes nothing, and the text names the fault."""
    (refused,) = only(bench.hear(b"peer", hello), Refused)
    assert (refused.request, refused.code) == (0, code)
    assert named in refused.text
    assert len(bench.state.links) == 0
    assert bench.ops(entries.EXECUTORS) == []


def test_the_cluster_may_be_named(bench: ShardBench) -> None:
    """An executor that knows its cluster says so, and is welcomed there."""
    assert len(only(bench.hear(b"peer", a_hello(cluster="test")), ExecutorWelcome)) == 1


def test_the_catalogue_is_bounded(bench: ShardBench) -> None:
    """Tasks beyond the bound are not learned; the executor is welcomed for the others."""
    with small_limits({"TASKS_MAX": 2}):
        bench.executor(tasks=[a_task("a"), a_task("b")])
        bench.executor("executor-2", incarnation=8, tasks=[a_task("c")])
        assert sorted(bench.state.image.tasks) == ["a", "b"]
        (refused,) = only(bench.hear(b"peer", a_hello(9, tasks=[a_task(f"t{n}") for n in range(3)])), Refused)
        assert "2 tasks" in refused.text


def test_one_connection_is_one_incarnation(bench: ShardBench) -> None:
    """A second incarnation over the same connection is refused: nobody could tell whose heartbeats come."""
    executor = bench.executor(slots=1)
    run = one_running(bench)
    assert len(only(bench.hear(executor.peer, a_hello(8)), Refused)) == 1
    executor.finish(run)
    assert bench.state_of(run.id) == ["succeeded"]


# What is held, and what is not.


def test_a_lease_that_is_denied_runs_again(bench: ShardBench) -> None:
    """The Run never arrived: its job is given back unpunished, at once."""
    executor = bench.executor(slots=2)
    first, second = one_running(bench), one_running(bench)
    assert executor.lost(executor.hello(held=[first])) == []
    assert bench.state_of(first.id, second.id) == ["running", "ready"]
    (again,) = runs_of(executor.credit(2))
    assert (again.id, again.attempt) == (second.id, 2)
    assert outcomes(bench) == ["returned"]


def test_a_lease_that_nobody_gave_is_lost(bench: ShardBench) -> None:
    """The executor must stop what is not its own: an unknown job, an older attempt, another fence, another's job."""
    executor = bench.executor(slots=1)
    other = bench.executor("executor-2", incarnation=8, slots=0)
    run = one_running(bench)
    wrong = [
        run._replace(id=bench.id(50)),
        run._replace(index=run.index + 1),
        run._replace(attempt=5),
        run._replace(epoch=0),
    ]
    assert sorted(executor.lost(executor.hello(held=[run, *wrong]))) == sorted(
        [[bench.id(50), 1], [run.id, 1], [run.id, 5], [run.id, 1]]
    )
    assert other.lost(other.hello(held=[run])) == [[run.id, 1]]
    assert bench.state_of(run.id) == ["running"]


def test_leases_of_other_shards_are_not_ours_to_judge(bench: ShardBench) -> None:
    """A hello names the leases of all shards; each settles its own."""
    hello = a_hello(held=[[SHARD + 1, 5, 1, 1, 1]])
    (welcome,) = only(bench.hear(b"peer", hello), ExecutorWelcome)
    assert welcome.lost == []


def test_a_hello_keeps_the_slots_of_what_is_held(bench: ShardBench) -> None:
    """Two of three slots are taken, so one job more is leased."""
    executor = bench.executor(slots=2)
    held = [one_running(bench), one_running(bench)]
    bench.submit(a_job(), a_job())
    executor.hello(held=held)
    assert len(runs_of(executor.credit(3))) == 1
    assert bench.state.links.by_peer[executor.peer].used == {"process": 3}


def test_a_finish_and_a_hello_in_one_turn(bench: ShardBench) -> None:
    """What the hello still names as held may have ended just before it."""
    executor = bench.executor(slots=1)
    run = one_running(bench)
    bench.put(executor.peer, executor.finished(run))
    said = executor.hello(held=[run])
    assert executor.lost(said) == [[run.id, 1]]
    assert bench.state_of(run.id) == ["succeeded"]


# Death that is known.


def test_a_life_that_is_replaced_loses_its_jobs(bench: ShardBench) -> None:
    """Its supervisor knows that it is dead with all its children: the jobs run again at once, one crash spent."""
    old = bench.executor(slots=2)
    runs = [one_running(bench), one_running(bench)]
    new = bench.executor(incarnation=8, slots=2, replaces=[7, 3])
    assert sorted(run.id for run in runs_of(new.said)) == sorted(run.id for run in runs)
    assert outcomes(bench) == ["lost", "lost"]
    assert old.peer not in bench.state.links.by_peer
    assert bench.hear(old.peer, Renew(SHARD, 1, 5, 2, []))[0].message == HelloNeeded(SHARD, 1)


def test_a_life_that_is_replaced_gets_nothing_more(bench: ShardBench) -> None:
    """Even if it was idle when it died: no job is sent to the dead."""
    old = bench.executor(slots=9)
    new = bench.executor(incarnation=8, slots=1, replaces=[7])
    said = bench.hear(CLIENT, bench.a_submit(a_job(), a_job(), a_job()))
    assert runs_of(said, old.peer) == []
    assert len(runs_of(said, new.peer)) == 1


def test_nobody_replaces_himself(bench: ShardBench) -> None:
    """A hello that names its own incarnation as dead keeps its link and what it holds."""
    executor = bench.executor(slots=2)
    run = one_running(bench)
    executor.hello(held=[run], replaces=[7])
    assert bench.state_of(run.id) == ["running"]
    assert executor.peer in bench.state.links.by_peer


def test_a_goodbye_gives_everything_back(bench: ShardBench) -> None:
    """An executor that leaves in good order holds nothing any more."""
    executor = bench.executor(slots=2)
    other = bench.executor("executor-2", incarnation=8, slots=0)
    run = one_running(bench)
    executor.goodbye()
    (again,) = runs_of(other.credit(1))
    assert (again.id, again.attempt) == (run.id, 2)
    assert outcomes(bench) == ["returned"]


def test_a_goodbye_of_another_life_is_passed_over(bench: ShardBench) -> None:
    """Only the link's own incarnation ends it."""
    executor = bench.executor(slots=2)
    run = one_running(bench)
    executor.incarnation = 6
    executor.goodbye()
    assert bench.state_of(run.id) == ["running"]


# Others.


def test_a_client_hello_tells_the_catalogue(bench: ShardBench) -> None:
    """Tasks with queue and priority; the cluster may be named, and another one is refused."""
    bench = ShardBench(payload_bytes_max=500)
    bench.executor(tasks=[a_task("a", queue="q", priority=3)])
    welcome = ClientWelcome(SHARD, 1, "test", 4, [["a", "q", 3]], 500)
    for cluster in (None, "test"):
        assert [one.message for one in bench.hear(CLIENT, ClientHello(cluster))] == [welcome]
    (refused,) = only(bench.hear(CLIENT, ClientHello("elsewhere")), Refused)
    assert refused.code == "wrong_cluster"


@pytest.mark.parametrize(
    "message",
    [Submitted(SHARD, 1, 1, 1, 1, []), HelloNeeded(SHARD, 1), Renewed(SHARD, 1, 1, 1), CancelRun(SHARD, 1, [])],
    ids=lambda message: type(message).__name__,
)
def test_what_only_a_coordinator_says_is_refused(bench: ShardBench, message: Message) -> None:
    """A peer that mixes up the directions is told so."""
    (refused,) = only(bench.hear(CLIENT, message), Refused)
    assert refused.code == "malformed"
    assert type(message).__name__ in refused.text


def test_a_finish_of_a_stranger_is_passed_over(bench: ShardBench) -> None:
    """Without a hello nothing is accepted, and nothing acknowledged."""
    executor = bench.executor(slots=1)
    run = one_running(bench)
    finished: Finished = executor.finished(run)
    assert bench.hear(b"stranger", finished) == []
    assert bench.state_of(run.id) == ["running"]
