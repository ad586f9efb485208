"""What an executor says to its coordinators: hellos, credit, heartbeats, results; and the end of unrenewed leases."""

from typing import Any

import pytest
from builders import a_run, a_task
from executor_bench import PEER, TASKS, TTL_MS, ExecutorBench
from schedule_bench import a_schedule

from mainspring.actors.events import PeerGone, Received
from mainspring.actors.executor.acts import CancelOn, KillChild, Note, Ready, RunOn, SpawnChild
from mainspring.actors.executor.events import ChildReady, Connected
from mainspring.actors.executor.settings import RENEW_EVERY_MS, RESEND_AFTER_MS
from mainspring.broker.wire.codec import encode
from mainspring.broker.wire.limits import BATCH_BYTES_MAX, BATCH_JOBS_MAX, OUTPUT_BYTES_MAX
from mainspring.broker.wire.messages import (
    CancelRun,
    Credit,
    ExecutorHello,
    ExecutorWelcome,
    Finished,
    FinishedAck,
    HelloNeeded,
    Refused,
    Renew,
    Submitted,
)  # fmt: skip

GRACE_MS = 1_000
OTHER = b"other coordinator"


def unwelcomed(**fields: Any) -> ExecutorBench:
    """An executor whose children are up and whose hello nobody has answered."""
    bench = ExecutorBench(process_slots=2, kill_grace_ms=GRACE_MS, **fields)
    said = bench.turn()
    while spawned := said.acted(SpawnChild):
        said = bench.turn(*[ChildReady(act.child, TASKS, []) for act in spawned])
    return bench


@pytest.fixture
def bench() -> ExecutorBench:
    """An executor with two process children and an open link."""
    bench = unwelcomed()
    bench.welcome()
    return bench


# Hellos.


def test_a_hello_says_who_it_is_and_what_it_can() -> None:
    """Node, name, incarnation, the lives that are known to be dead, queues and tasks."""
    bench = ExecutorBench(replaces=[5, 6], queues=["q"])
    bench.turn()
    hello = bench.hello(bench.turn(ChildReady(1, TASKS, [])))
    assert hello == ExecutorHello("node-1", "executor-1", 7, [5, 6], 2, ["q"], TASKS, [], [], None, [], [], [])


def test_the_death_of_a_former_life_is_told_before_anything_is_imported():
    """Its jobs need not wait until this life knows its own tasks."""
    early = ExecutorBench(replaces=[5]).turn()
    (hello,) = early.only(ExecutorHello)
    assert (hello.replaces, hello.tasks, early.acted(Ready)) == ([5], [], [])
    assert ExecutorBench().turn().only(ExecutorHello) == [], "a first life has nothing to tell yet"


def test_a_hello_has_the_schedules_of_its_tasks() -> None:
    """Not those of tasks that this executor has no slots for: others announce these."""
    bench = ExecutorBench(asyncio_slots=0)
    bench.turn()
    tasks = [a_task("echo"), a_task("io", runner="asyncio")]
    schedules = [a_schedule(task="echo"), a_schedule(name="other", task="io")]
    hello = bench.hello(bench.turn(ChildReady(1, tasks, schedules)))
    assert (hello.tasks, hello.schedules) == (tasks[:1], schedules[:1])


def test_a_hello_is_repeated_until_it_is_answered() -> None:
    """Each second, under the next number: an answer to an older one opens nothing."""
    bench = unwelcomed()
    said = bench.wait(3_500)
    assert [hello.link for hello in said.only(ExecutorHello)] == [2, 3, 4]
    assert said.times(ExecutorHello) == [1_000, 2_000, 3_000]
    assert bench.welcome(link=3).acted(Ready) == []
    assert len(bench.wait(2_000).only(ExecutorHello)) == 1
    assert bench.welcome().acted(Ready) == [Ready()]
    assert bench.wait(900).only(ExecutorHello) == []


def test_all_shards_of_a_coordinator_must_answer() -> None:
    """Until then the hello is repeated; the shards that have answered are served again by the next link."""
    bench = unwelcomed()
    said = bench.hear(ExecutorWelcome(0, 1, "test", 2, 1, TTL_MS, []))
    assert said.acted(Ready) == []
    assert [credit.shard for credit in said.only(Credit)] == [0]
    assert len(bench.wait(1_000).only(ExecutorHello)) == 1
    assert bench.welcome(shards=2).acted(Ready) == [Ready()]
    assert bench.wait(900).only(ExecutorHello) == []


def test_a_later_hello_names_the_cluster(bench: ExecutorBench) -> None:
    """Once welcomed, an executor stays with its cluster."""
    assert bench.hello(bench.hear(HelloNeeded(0, 1))).cluster == "test"


@pytest.mark.parametrize("event", [Received(PEER, HelloNeeded(0, 1)), Connected(PEER)], ids=["asked", "connected"])
def test_a_hello_is_said_again_when_something_was_missed(bench: ExecutorBench, event: Any) -> None:
    """At once, under a new number; the old link is over."""
    assert bench.hello(bench.turn(event)).link == 2
    assert bench.run(5).acts == []
    bench.welcome()
    assert len(bench.run(5).acted(RunOn)) == 1


def test_being_asked_often_makes_one_hello(bench: ExecutorBench) -> None:
    """While a hello is under way, another request for one changes nothing."""
    said = bench.hear(HelloNeeded(0, 1), HelloNeeded(0, 1))
    assert len(said.only(ExecutorHello)) == 1
    assert bench.hear(HelloNeeded(0, 1)).only(ExecutorHello) == []


def test_a_welcome_of_an_older_epoch_is_passed_over(bench: ExecutorBench) -> None:
    """A coordinator that was replaced speaks too late."""
    bench.epoch = 5
    bench.hear(HelloNeeded(0, 1))
    bench.welcome()
    bench.hear(HelloNeeded(0, 1))
    bench.epoch = 4
    bench.welcome()
    assert bench.run(5).acts == []


def test_a_hello_lists_what_is_held_and_what_is_not_acknowledged(bench: ExecutorBench) -> None:
    """Running, waiting and finished leases, each with its fence; not those that the coordinator has called lost."""
    bench.run(1, 2, 3)
    bench.ends(1)
    bench.hear(HelloNeeded(0, 1))
    hello = bench.hello(bench.wait(RESEND_AFTER_MS))
    assert sorted(hello.held) == [[0, id, 1, 1, 41] for id in (1, 2, 3)]
    bench.welcome([[2, 1]])
    assert sorted(row[1] for row in bench.hello(bench.hear(HelloNeeded(0, 1))).held) == [1, 3]


def test_an_acknowledged_result_is_held_no_more(bench: ExecutorBench) -> None:
    """The coordinator has it."""
    bench.run(1)
    bench.ack(bench.ends(1))
    assert bench.hello(bench.hear(HelloNeeded(0, 1))).held == []


def test_a_lost_lease_ends_its_run_unreported(bench: ExecutorBench) -> None:
    """The child is told, killed after the grace, and nobody hears how it ended."""
    bench.run(1, 2, 3)
    bench.hear(HelloNeeded(0, 1))
    said = bench.welcome([[1, 1], [3, 1], [9, 1]])
    assert said.acted(CancelOn) == [CancelOn(1, [1], "lease_lost", True)]
    assert said.results() == []
    assert bench.wait(GRACE_MS).acted(KillChild) == [KillChild(1)]
    assert bench.dies(1).results() == []
    assert bench.ends(2).outcomes() == {2: "succeeded"}


def test_a_run_that_was_ending_and_is_lost_is_not_reported_either(bench: ExecutorBench) -> None:
    """It is told once, and its end is nobody's business any more."""
    bench.run(1)
    bench.cancel(1)
    bench.hear(HelloNeeded(0, 1))
    assert bench.welcome([[1, 1]]).acted(CancelOn) == []
    assert bench.ends(1, outcome="cancelled").results() == []


# Runs.


def test_each_run_is_taken_once(bench: ExecutorBench) -> None:
    """A Run that comes twice, or late, or of an older link or epoch, or before the welcome, starts nothing twice."""
    run = bench.a_run(a_run(1))
    assert len(bench.hear(run, run).acted(RunOn)) == 1
    assert bench.hear(run).acts == []
    for field, value in (("link", 0), ("link", 2), ("epoch", 0), ("shard", 1)):
        assert bench.hear(bench.a_run(a_run(2), **{field: value})).acts == [], field
    bench.hear(HelloNeeded(0, 1))
    assert bench.hear(bench.a_run(a_run(2), sequence=1)).acts == []


def test_heartbeats_say_which_runs_have_come(bench: ExecutorBench) -> None:
    """Up to the first that is missing, in whichever order they come."""

    def seen() -> int:
        return bench.wait(RENEW_EVERY_MS, renewing=True).only(Renew)[-1].seen

    assert seen() == 0
    bench.hear(bench.a_run(a_run(1), sequence=1), bench.a_run(a_run(2), sequence=3))
    assert seen() == 1
    bench.hear(bench.a_run(a_run(3), sequence=2))
    assert seen() == 3
    bench.hear(HelloNeeded(0, 1))
    bench.welcome()
    assert seen() == 0


def test_a_malformed_run_is_passed_over(bench: ExecutorBench) -> None:
    """Whole: what is sound in it cannot be trusted."""
    bad = a_run(2)
    bad[3] = 5
    assert bench.hear(bench.a_run(a_run(1), bad)).acts == []
    assert bench.state.counts["runs_malformed"] == 1
    assert len(bench.run(3).acted(RunOn)) == 1


def test_strange_messages_are_passed_over(bench: ExecutorBench) -> None:
    """What only coordinators hear, what strangers say, and a refusal, which an operator should read."""
    assert bench.hear(Submitted(0, 1, 1, 1, 1, [])).acts == []
    assert bench.hear(bench.a_run(a_run(1)), peer=b"stranger").acts == []
    assert bench.turn(PeerGone(b"stranger")).messages == []
    (note,) = bench.hear(Refused(0, 0, 0, "wrong_cluster", "go away")).acted(Note)
    assert note.level == "error"
    assert "wrong_cluster" in note.text
    assert bench.hear(Refused(0, 0, 0, "wrong_cluster", "go away")).acted(Note) == [], "the log has heard of it"
    assert len(bench.hear(Refused(0, 0, 0, "overloaded", "go away")).acted(Note)) == 1
    assert bench.state.counts["refused"] == 3


def test_a_cancel_of_an_older_epoch_is_passed_over() -> None:
    """As is one of a shard that is not known."""
    bench = unwelcomed()
    bench.epoch = 3
    bench.welcome()
    bench.run(1)
    assert bench.hear(CancelRun(0, 2, [[1, 1]]), CancelRun(1, 3, [[1, 1]])).acts == []
    assert len(bench.hear(CancelRun(0, 3, [[1, 1]])).acted(CancelOn)) == 1


# Credit.


def test_credit_is_said_when_it_changes_and_with_each_heartbeat(bench: ExecutorBench) -> None:
    """One that was lost is said again within a second."""
    assert bench.run(1).only(Credit) == []
    said = bench.wait(3_000, renewing=True)
    assert len(said.only(Credit)) == len(said.only(Renew)) == 3
    assert len(bench.dies(2).only(Credit)) == 1


# Results.


def test_results_of_one_turn_are_one_batch(bench: ExecutorBench) -> None:
    """Batches are numbered, and each is sent once while it may still be acknowledged."""
    bench.run(1, 2)
    said = bench.ends(1, 2)
    assert [(finished.batch, len(finished.results)) for finished in said.only(Finished)] == [(1, 2)]
    assert bench.wait(RESEND_AFTER_MS - 1, renewing=True).only(Finished) == []


def test_results_are_sent_again_until_they_are_acknowledged(bench: ExecutorBench) -> None:
    """Each second under the same batch; an acknowledgement of another batch or shard does not help."""
    bench.run(1)
    (first,) = bench.ends(1).only(Finished)
    said = bench.wait(3 * RESEND_AFTER_MS, renewing=True)
    assert said.only(Finished) == [first] * 3
    bench.hear(FinishedAck(0, 7), FinishedAck(5, 1))
    assert len(bench.wait(RESEND_AFTER_MS, renewing=True).only(Finished)) == 1
    bench.hear(FinishedAck(0, 1), FinishedAck(0, 1))
    assert bench.wait(5_000, renewing=True).only(Finished) == []
    bench.run(2)
    assert [finished.batch for finished in bench.ends(2).only(Finished)] == [2]


def test_results_are_sent_again_after_a_welcome(bench: ExecutorBench) -> None:
    """At once: the coordinator may be a new one."""
    bench.run(1)
    (first,) = bench.ends(1).only(Finished)
    bench.turn(PeerGone(PEER))
    assert bench.turn(Connected(PEER)).only(Finished) == []
    assert bench.welcome().only(Finished) == [first]


def test_results_wait_while_the_link_is_closed(bench: ExecutorBench) -> None:
    """They follow the welcome, and are held until then."""
    bench.run(1)
    bench.turn(PeerGone(PEER))
    assert bench.ends(1).messages == []
    assert bench.wait(2_900).messages == [], "it is said to nobody"
    hello = bench.hello(bench.turn(Connected(PEER)))
    assert [row[1] for row in hello.held] == [1]
    assert bench.welcome().outcomes() == {1: "succeeded"}


def test_many_results_leave_in_batches_that_fit() -> None:
    """By number and by size."""
    bench = unwelcomed(asyncio_slots=2_000)
    bench.welcome()
    ids = range(1, BATCH_JOBS_MAX + 2)
    bench.hear(bench.a_run(*[a_run(id, task="io") for id in ids]))
    said = bench.ends(*ids)
    assert [len(finished.results) for finished in said.only(Finished)] == [BATCH_JOBS_MAX, 1]
    bench.ack(said)
    bench.hear(bench.a_run(*[a_run(id, task="io") for id in range(5_001, 5_004)]))
    said = bench.ends(*range(5_001, 5_004), result="x" * 900_000)
    assert [len(finished.results) for finished in said.only(Finished)] == [2, 1]


def test_results_with_much_output_leave_in_batches_that_fit() -> None:
    """Failures of a thousand jobs, each with the end of what it has written."""
    bench = unwelcomed(asyncio_slots=1_000)
    bench.welcome()
    ids = range(1, 1_001)
    bench.hear(bench.a_run(*[a_run(id, task="io") for id in ids]))
    finished = bench.ends(*ids, outcome="failed", output="é" * (OUTPUT_BYTES_MAX // 2)).only(Finished)
    assert [row[0] for message in finished for row in message.results] == list(ids)
    assert len(finished) > 1
    assert all(len(encode(message)) <= BATCH_BYTES_MAX for message in finished)
