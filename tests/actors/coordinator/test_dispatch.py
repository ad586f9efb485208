"""Which waiting job runs next, and where: order, room, and backlogs that memory does not hold."""

from typing import Any

import pytest
from builders import Row, a_job, a_task
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_bench import CLIENT, SHARD, Executor, Leased, ShardBench, only, runs_of

from mainspring.actors import entries, limits
from mainspring.actors.events import Drain, PeerGone
from mainspring.actors.turn import answer_reads
from mainspring.broker.wire.limits import BATCH_JOBS_MAX
from mainspring.broker.wire.messages import Credit, Run, Submitted
from mainspring.chaos.small_limits import small_limits

TASKS = [a_task("a"), a_task("b"), a_task("io", runner="asyncio")]
SMALL = {"HEADS_MAX": 4, "REFILL_JOBS": 3, "REFILL_BELOW": 2}


def labels(runs: list[Leased]) -> list[str]:
    """The payloads of runs, by which a test names its jobs."""
    return [run.payload for run in runs]


def waiting(*jobs: Row) -> tuple[ShardBench, Executor]:
    """A shard in which these jobs wait, and its executor, which has no slot yet."""
    bench = ShardBench()
    executor = bench.executor(slots=0, tasks=TASKS)
    if jobs:
        bench.submit(*jobs)
    return bench, executor


# Order.


def test_higher_priority_first_and_then_the_older() -> None:
    """The order goes over all lanes: tasks and queues do not matter, only priority and id."""
    _, executor = waiting(
        a_job("1", task="a"),
        a_job("2", task="b", queue="other"),
        a_job("3", task="a", priority=5),
        a_job("4", task="b", priority=-5),
        a_job("5", task="a", queue="third"),
        a_job("6", task="b", priority=5),
        a_job("7", task="a"),
    )
    ran: list[str] = []
    runs = runs_of(executor.credit(1))
    while runs:
        ran += labels(runs)
        runs = runs_of(executor.finish(*runs))
    assert ran == ["3", "6", "1", "2", "5", "7", "4"]


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["q", "r"]), st.integers(-2, 2)), min_size=1, max_size=25
    ),
    st.integers(1, 5),
)
def test_any_mix_of_lanes_leaves_in_order(found: list[tuple[str, str, int]], slots: int) -> None:
    """However many slots there are, jobs start by priority and then by id."""
    jobs = [a_job(str(n), task=task, queue=queue, priority=priority) for n, (task, queue, priority) in enumerate(found)]
    _, executor = waiting(*jobs)
    ran: list[str] = []
    runs = runs_of(executor.credit(slots))
    while runs:
        assert len(runs) <= slots
        ran += sorted(labels(runs), key=int)
        runs = runs_of(executor.finish(*runs))
    wanted = sorted(range(len(found)), key=lambda n: (-found[n][2], n))
    blocks = [sorted(wanted[n : n + slots]) for n in range(0, len(wanted), slots)]
    assert [int(label) for label in ran] == [number for block in blocks for number in block]


def test_a_job_that_nobody_has_room_for_stands_in_nobodys_way() -> None:
    """A lane of higher priority whose runner kind is full is passed."""
    _, executor = waiting(*[a_job(str(n), task="io", priority=9) for n in range(3)], a_job("sync", task="a"))
    assert sorted(labels(runs_of(executor.credit({"asyncio": 1, "process": 1})))) == ["0", "sync"]


# Room.


def test_jobs_spread_over_executors() -> None:
    """Each job goes where there is the most room."""
    bench, one = waiting(*[a_job(str(n), task="a") for n in range(7)])
    two = bench.executor("executor-2", incarnation=8, slots=0, tasks=TASKS)
    bench.put(one.peer, Credit(SHARD, 1, [["process", 6]]))
    bench.put(two.peer, Credit(SHARD, 1, [["process", 4]]))
    said = bench.run()
    assert len(runs_of(said, one.peer)) == 5, "of 6 and 4 slots one and two are left"
    assert len(runs_of(said, two.peer)) == 2


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(["submit", "credit", "finish"]), st.integers(0, 2), st.integers(0, 6)), max_size=40
    )
)
def test_credit_is_never_exceeded(steps: list[tuple[str, int, int]]) -> None:
    """Whatever is submitted, finished and granted, an executor never gets a job beyond its last word."""
    bench = ShardBench()
    executors = [bench.executor(f"e{n}", incarnation=n + 1, slots=0, tasks=TASKS) for n in range(3)]
    granted, held = [0, 0, 0], [list[Leased](), [], []]
    for step, number, count in steps:
        executor = executors[number]
        match step:
            case "submit":
                said = bench.hear(CLIENT, bench.a_submit(*[a_job(task="a")] * (count + 1)))
            case "credit":
                granted[number] = count
                said = executor.credit(count)
            case _:
                ended, held[number] = held[number][:count], held[number][count:]
                said = executor.finish(*ended)
        for other, mine in zip(executors, held, strict=True):
            mine += runs_of(said, other.peer)
        for other, mine in enumerate(held):
            assert not runs_of(said, executors[other].peer) or len(mine) <= granted[other]
    for number, executor in enumerate(executors):
        assert bench.state.links.by_peer[executor.peer].used.get("process", 0) == len(held[number])


def test_kinds_of_runners_have_slots_of_their_own() -> None:
    """Credit for one kind lets no job of another run."""
    _, executor = waiting(a_job("sync", task="a"), a_job("async", task="io"))
    assert labels(runs_of(executor.credit({"asyncio": 5}))) == ["async"]
    assert labels(runs_of(executor.credit({"process": 5, "asyncio": 1}))) == ["sync"]


def test_an_executor_gets_its_own_queues_and_tasks() -> None:
    """Nothing of another queue, nothing of a task that it has not announced; a star serves every queue."""
    bench = ShardBench()
    one = bench.executor("e1", incarnation=1, tasks=[a_task("a")], queues=["q"], slots=9)
    two = bench.executor("e2", incarnation=2, tasks=[a_task("b")], queues=["*"], slots=9)
    said = bench.hear(
        CLIENT,
        bench.a_submit(
            a_job("aq", task="a", queue="q"), a_job("ar", task="a", queue="r"), a_job("bq", task="b", queue="q"),
            a_job("br", task="b", queue="r"),
        ),
    )  # fmt: skip
    assert labels(runs_of(said, one.peer)) == ["aq"]
    assert sorted(labels(runs_of(said, two.peer))) == ["bq", "br"]


def test_a_new_hello_may_bring_the_task() -> None:
    """A job that nobody could run waits, and runs when an executor announces its task."""
    bench = ShardBench()
    old = bench.executor("e1", incarnation=1, tasks=TASKS, slots=0)
    bench.submit(a_job("x", task="a"))
    old.goodbye()
    new = bench.executor("e2", incarnation=2, tasks=[a_task("b")], slots=9)
    assert runs_of(new.said) == []
    assert labels(runs_of(bench.executor("e3", incarnation=3, tasks=[a_task("a")], slots=9).said)) == ["x"]


def test_credit_of_an_older_link_or_of_nobody_is_passed_over() -> None:
    """Only the open link's word counts."""
    bench, executor = waiting(a_job(task="a"))
    executor.hello()
    assert bench.hear(executor.peer, Credit(SHARD, 1, [["process", 5]])) == []
    assert bench.hear(b"stranger", Credit(SHARD, 1, [["process", 5]])) == []
    assert len(runs_of(executor.credit(5))) == 1


@pytest.mark.parametrize(
    "window",
    [[], ["process"], ["process", -1], ["process", True], ["process", 2**40], [5, 5], ["process", "5"]],
    ids=str,
)
def test_a_window_that_makes_no_sense_is_passed_over(window: list[Any]) -> None:
    """The others of the same message are taken."""
    bench, executor = waiting(a_job("sync", task="a"), a_job("async", task="io"))
    said = bench.hear(executor.peer, Credit(SHARD, 1, [window, ["asyncio", 1]]))
    assert labels(runs_of(said)) == ["async"]


def test_a_peer_that_cannot_be_reached_gets_nothing_new() -> None:
    """Until it is heard again, its slots count as taken; what it holds stays its own."""
    bench, executor = waiting()
    executor.credit(2)
    (kept,) = bench.submit(a_job(task="a"))
    bench.member.inbox.append(PeerGone(executor.peer))
    (late,) = bench.submit(a_job(task="a"))
    assert bench.state_of(kept, late) == ["running", "ready"]
    assert [run.id for run in runs_of(executor.renew())] == [late]


def test_a_draining_shard_leases_nothing() -> None:
    """What runs may finish; what waits is for the next coordinator."""
    bench, executor = waiting(a_job("1", task="a"), a_job("2", task="a"))
    first = runs_of(executor.credit(1))
    bench.member.inbox.append(Drain())
    bench.run()
    assert runs_of(executor.finish(*first)) == []
    assert bench.state_of(first[0].id, bench.id(2)) == ["succeeded", "ready"]


# The lease and its Run.


def test_a_job_with_a_free_slot_is_taken_and_leased_in_one_entry() -> None:
    """One fsync between the submit and the run; the fence of the run is that entry."""
    bench = ShardBench()
    bench.executor()
    bench.submit(a_job(), a_job())
    (entry,) = [entry for entry in bench.entries() if any(op[0] == entries.SUBMIT for op in entry.ops)]
    assert [op[0] for op in entry.ops] == [entries.LANES, entries.SUBMIT, entries.LEASE]
    index = bench.log.last_index(bench.member.group)
    assert [(run.epoch, run.index, run.attempt) for run in runs_of(bench.said)] == [(1, index, 1)] * 2


def test_a_run_waits_for_its_lease_to_be_durable() -> None:
    """Neither the acknowledgement nor the Run leaves before the commit; then the client hears first."""
    bench = ShardBench()
    bench.executor()
    bench.log.hold_commits()
    assert bench.hear(CLIENT, bench.a_submit()) == []
    bench.log.release_commits()
    bench.put(CLIENT, bench.a_submit(session=5, sequence=1))
    assert [type(one.message) for one in bench.run()] == [Submitted, Run, Submitted, Run]


def test_runs_of_a_link_are_numbered_without_gaps() -> None:
    """The numbers begin anew with every hello."""
    bench, executor = waiting()
    executor.credit(5)
    for _ in range(3):
        bench.submit(a_job(task="a"))
    held = runs_of(bench.said)
    assert [run.sequence for run in only(bench.said, Run)] == [1, 2, 3]
    executor.hello(held=held)
    said = executor.credit(5)
    said += bench.hear(CLIENT, bench.a_submit(a_job(task="a")))
    assert [(run.link, run.sequence) for run in only(said, Run)] == [(2, 1)]


def test_many_jobs_leave_in_messages_that_fit() -> None:
    """A Run has at most BATCH_JOBS_MAX rows, and fewer when they are large."""
    bench, executor = waiting()
    for _ in range(2):
        bench.submit(*[a_job(task="a")] * BATCH_JOBS_MAX)
    bench.submit(a_job(task="a"))
    assert [len(run.jobs) for run in only(executor.credit(5_000), Run)] == [BATCH_JOBS_MAX, BATCH_JOBS_MAX, 1]
    bench.submit(*[a_job("x" * 900_000, task="a")] * 3)
    assert [len(run.jobs) for run in only(bench.said, Run)][3:] == [2, 1]


# Expiry.


def test_a_job_whose_time_to_start_has_passed_does_not_start() -> None:
    """When a slot comes too late the job ends as expired, and the slot goes to the next one."""
    bench, executor = waiting(a_job("late", task="a", expires_ms=500), a_job("next", task="a"))
    bench.elapsed_ns += 500_000_000
    bench.wall_ms += 500
    assert labels(runs_of(executor.credit(1))) == ["next"]
    assert bench.state_of(bench.id(1)) == ["expired"]
    assert bench.state.counts["jobs_expired"] == 1


def test_a_job_may_start_up_to_its_last_millisecond() -> None:
    """At the millisecond before its expiry a job still starts, and may run on."""
    bench, executor = waiting(a_job(task="a", expires_ms=500))
    bench.elapsed_ns += 499_000_000
    bench.wall_ms += 499
    (run,) = runs_of(executor.credit(1))
    bench.wait(5_000)
    assert bench.state_of(run.id) == ["running"]


def test_jobs_expire_without_a_slot() -> None:
    """Each second the shard looks for jobs whose time has passed: waiting, scheduled, and on disk alone."""
    with small_limits(SMALL):
        bench, _ = waiting(*[a_job(task="a", expires_ms=3_000)] * 7, a_job(task="a", delay_ms=9_000, expires_ms=3_000))
        bench.wait(2_900)
        assert set(bench.state_of(*map(bench.id, range(1, 9)))) == {"ready", "scheduled"}
        bench.wait(1_200)
        assert set(bench.state_of(*map(bench.id, range(1, 9)))) == {"expired"}


def test_jobs_that_run_do_not_keep_others_from_expiring() -> None:
    """However many have started in time and run on beyond their expiry, those that wait end as expired."""
    with small_limits({"EXPIRE_JOBS": 3}):
        bench, executor = waiting(*[a_job(task="a", expires_ms=1_000)] * 5)
        running = runs_of(executor.credit(5))
        (late,) = bench.submit(a_job(task="a", expires_ms=2_000))
        bench.wait(5_000)
        assert set(bench.state_of(*[run.id for run in running])) == {"running"}
        assert bench.state_of(late) == ["expired"]


# Backlogs.


def test_a_long_backlog_is_on_disk_and_runs_in_order() -> None:
    """More than two lanes' heads: memory holds a part, and every job runs once, oldest first."""
    bench = ShardBench()
    executor = bench.executor(slots=0)
    ids: list[int] = []
    for _ in range(9):
        ids += bench.submit(*[a_job()] * BATCH_JOBS_MAX)
    assert len(ids) > 2 * limits.HEADS_MAX
    assert len(bench.state.image.jobs) <= limits.HEADS_MAX
    ran: list[int] = []
    runs = runs_of(executor.credit(1_000))
    while runs:
        ran += [run.id for run in runs]
        assert len(bench.state.image.jobs) <= limits.HEADS_MAX + 2_000
        runs = runs_of(executor.finish(*runs))
    assert ran == ids
    assert bench.state.image.jobs == {}


def test_a_backlog_is_found_after_a_restart() -> None:
    """Lanes are read from the rows when they are needed; new jobs queue up behind them."""
    with small_limits(SMALL):
        bench, executor = waiting(*[a_job(str(n), task="a") for n in range(11)])
        bench.restart()
        bench.submit(*[a_job(str(n), task="a") for n in range(11, 14)])
        executor = bench.executor(incarnation=8, tasks=TASKS, slots=0)
        ran: list[str] = []
        runs = runs_of(executor.credit(2))
        while runs:
            ran += labels(runs)
            runs = runs_of(executor.finish(*runs))
    assert ran == [str(n) for n in range(14)]


def test_a_lane_that_time_has_overfilled_gives_back() -> None:
    """Jobs that become due stay in memory up to twice the heads; the newer half is logged as ready and read again."""
    with small_limits(SMALL):
        bench, executor = waiting(*[a_job(str(n), task="a", delay_ms=100 + n) for n in range(20)])
        bench.wait(200)
        given = [id for op in bench.ops(entries.READY) for id in op[1]]
        assert given
        assert len(bench.state.image.jobs) <= 2 * SMALL["HEADS_MAX"] + 1
        assert set(bench.state_of(*map(bench.id, range(1, 21)))) == {"ready"}
        ran: list[str] = []
        runs = runs_of(executor.credit(3))
        while runs:
            ran += labels(runs)
            runs = runs_of(executor.finish(*runs))
    assert sorted(ran, key=int) == [str(n) for n in range(20)]


def test_a_lane_that_time_overfills_while_it_is_read_gives_back() -> None:
    """The read was asked for when there was room; its answer comes when there is none."""
    with small_limits(SMALL):
        bench, executor = waiting(*[a_job(str(n), task="a") for n in range(8)])
        bench.submit(*[a_job(str(n), task="a", delay_ms=100) for n in range(8, 15)])
        bench.wait(95)
        bench.put(executor.peer, Credit(SHARD, 1, [["process", 3]]))
        bench.turn()
        assert bench.member.reads, "the lane has run low"
        bench.elapsed_ns += 10_000_000
        bench.wall_ms += 10
        bench.turn()
        answer_reads(bench.member)
        bench.turn()
        runs, ran = runs_of(bench.said), list[str]()
        while runs:
            ran += labels(runs)
            runs = runs_of(executor.finish(*runs))
    assert sorted(ran, key=int) == [str(n) for n in range(15)]


def test_jobs_that_were_given_back_can_be_cancelled_and_survive_a_restart() -> None:
    """They stand on disk alone, as ready."""
    with small_limits(SMALL):
        bench, _ = waiting(*[a_job(str(n), task="a", delay_ms=100) for n in range(12)])
        bench.wait(200)
        bench.cancel(bench.id(12))
        bench.restart()
        executor = bench.executor(incarnation=8, tasks=TASKS, slots=100)
        assert labels(runs_of(executor.said)) == [str(n) for n in range(11)]


def test_a_locked_store_is_not_asked_again_and_again() -> None:
    """While the rows cannot move, a lane that runs low waits for them; then the rest runs."""
    with small_limits(SMALL):
        bench, executor = waiting()
        bench.store.locked = True
        bench.submit(*[a_job(str(n), task="a") for n in range(9)])
        runs = runs_of(executor.credit(100))
        assert labels(runs) == ["0", "1", "2", "3"]
        bench.store.locked = False
        bench.query("stat")
        assert sorted(labels(runs_of(bench.said)), key=int) == [str(n) for n in range(9)]
