"""What a wall clock that is wrong makes a shard forget: nothing for an hour, and nothing that a session needs."""

import pytest
from builders import a_job
from shard_bench import CLIENT, SESSION, ShardBench, only, runs_of

from mainspring.actors import entries
from mainspring.actors.coordinator.ageing import Ageing
from mainspring.actors.coordinator.settings import Retention
from mainspring.actors.machine import Now
from mainspring.broker.wire.messages import Refused, Submitted

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
YEAR = 365 * DAY
NS_A_MS = 1_000_000


def now(elapsed_ms: int, ahead_ms: int = 0) -> Now:
    """Both clocks, the wall so much ahead of where it was."""
    return Now(elapsed_ms * NS_A_MS, YEAR + elapsed_ms + ahead_ms)


def let_pass(bench: ShardBench, ms: int) -> None:
    """Lets a long time pass, a minute at a time."""
    for _ in range(ms // MINUTE):
        bench.elapsed_ns += MINUTE * NS_A_MS
        bench.wall_ms += MINUTE
        bench.run()


def a_bench(**settings: int) -> ShardBench:
    """A shard that keeps what has ended for a week, and one such job of long before."""
    bench = ShardBench(retention=Retention(finished_age_ms=7 * HOUR), **settings)
    executor = bench.executor()
    bench.submit(a_job())
    executor.finish(*runs_of(bench.said))
    let_pass(bench, 2 * HOUR)
    return bench


@pytest.mark.parametrize(
    ("elapsed_ms", "ahead_ms", "is_believed"),
    [
        (HOUR - 1, 0, False),
        (HOUR, 0, True),
        (2 * HOUR, MINUTE, True),
        (2 * HOUR, -YEAR, True),
        (2 * HOUR, MINUTE + 1, False),
        (2 * HOUR, YEAR, False),
    ],
)
def test_a_clock_is_in_doubt_for_an_hour(elapsed_ms: int, ahead_ms: int, is_believed: bool) -> None:
    """After a start, and after a leap ahead of more than a minute."""
    ageing, then = Ageing(now(0)), now(elapsed_ms, ahead_ms)
    ageing.look(then)
    assert ageing.before_ms(then, 7 * DAY) == (then.wall_ms - 7 * DAY if is_believed else 0)
    later = now(elapsed_ms + HOUR, ahead_ms)
    ageing.look(later)
    assert ageing.before_ms(later, 7 * DAY) == later.wall_ms - 7 * DAY


def test_what_is_kept_for_less_is_in_doubt_for_no_longer() -> None:
    """A retention of a minute is not one of an hour."""
    ageing = Ageing(now(0))
    ageing.look(now(MINUTE))
    assert ageing.before_ms(now(MINUTE), MINUTE) == now(0).wall_ms


def test_a_suspend_puts_no_clock_in_doubt() -> None:
    """Both clocks have gone on alike."""
    ageing = Ageing(now(0))
    ageing.look(now(YEAR))
    assert ageing.before_ms(now(YEAR), 7 * DAY) == 2 * YEAR - 7 * DAY


def test_a_year_ahead_for_less_than_an_hour_costs_no_history() -> None:
    """Set right in time, the clock has cost nothing; what is as old then goes by its real age."""
    bench = a_bench()
    bench.step_wall(YEAR)
    let_pass(bench, 50 * MINUTE)
    bench.step_wall(-YEAR)
    let_pass(bench, 3 * HOUR)
    assert len(bench.store.rows.finished) == 1
    let_pass(bench, 3 * HOUR)
    assert not bench.store.rows.finished


def test_a_year_ahead_for_longer_is_believed() -> None:
    """A clock that stays there is right."""
    bench = a_bench()
    bench.step_wall(YEAR)
    let_pass(bench, HOUR + 2 * MINUTE)
    assert not bench.store.rows.finished


def test_history_that_ends_while_the_stamp_stands_still_goes_by_count() -> None:
    """It is dated where the clock has been, so age does not take it for so long; the other bound holds."""
    bench = ShardBench(retention=Retention(3, 7 * HOUR))
    executor = bench.executor()
    bench.step_wall(YEAR)
    bench.submit(a_job(delay_ms=YEAR))
    bench.step_wall(-YEAR)
    for _ in range(6):
        bench.submit(a_job())
        executor.finish(runs_of(bench.said)[-1])
    let_pass(bench, HOUR)
    assert len(bench.store.rows.finished) == 3


@pytest.mark.parametrize("step_ms", [HOUR, -HOUR, YEAR, -YEAR])
def test_a_session_ages_on_elapsed_time(step_ms: int) -> None:
    """A step neither ends it nor keeps it; a submit that is repeated finds its answer."""
    bench = ShardBench(session_ttl_ms=HOUR)
    bench.executor(slots=0)
    submit = bench.a_submit()
    bench.hear(CLIENT, submit)
    bench.step_wall(step_ms)
    let_pass(bench, 58 * MINUTE)
    (answer,) = only(bench.hear(CLIENT, submit), Submitted)
    assert answer.first_id == bench.id(1)
    let_pass(bench, 4 * MINUTE)
    assert bench.ops(entries.SESSIONS_END) == [[entries.SESSIONS_END, [SESSION]]]
    assert only(bench.hear(CLIENT, bench.a_submit()), Refused)[0].code == "unknown_session"


def test_time_that_nobody_was_there_ages_no_session() -> None:
    """A node that was down, or slept, for longer than a session lasts finds its clients where they were."""
    bench = ShardBench(session_ttl_ms=HOUR, lease_ttl_ms=10_000)
    bench.executor(slots=0)
    bench.submit()
    bench.machine.wake_at()
    bench.elapsed_ns += DAY * NS_A_MS
    bench.wall_ms += DAY
    bench.wait(2 * MINUTE)
    bench.submit()
    bench.wall_ms += DAY
    bench.restart(keep_rows=True)
    bench.wait(2 * MINUTE)
    assert bench.submit() == [bench.id(3)]


@pytest.mark.parametrize("step_ms", [HOUR, -HOUR, YEAR, -YEAR])
def test_acts_by_hand_take_hold_at_once(step_ms: int) -> None:
    """A retry or a skip of somebody is no matter of clocks."""
    bench = ShardBench()
    executor = bench.executor(slots=1)
    dead, calendar = bench.submit(a_job(retry=[0, 1_000, 2_000, 1_000, 0]), a_job(at_ms=bench.wall_ms + 5 * MINUTE))
    executor.finish(*runs_of(bench.said), outcome="failed")
    assert bench.state_of(dead, calendar) == ["dead", "scheduled"]
    bench.step_wall(step_ms)
    bench.act("skip", calendar, force=True)
    bench.act("retry", dead)
    executor.finish(runs_of(bench.said)[-1])
    assert bench.state_of(dead, calendar) == ["succeeded", "skipped"]


def test_a_dead_letter_outlives_a_leap() -> None:
    """Nothing that waits for a person goes because a clock was wrong for a while."""
    bench = ShardBench(retention=Retention(finished_age_ms=7 * HOUR))
    executor = bench.executor()
    (id,) = bench.submit(a_job(retry=[0, 1_000, 2_000, 1_000, 0]))
    executor.finish(*runs_of(bench.said), outcome="failed")
    let_pass(bench, 2 * HOUR)
    bench.step_wall(YEAR)
    let_pass(bench, 10 * MINUTE)
    bench.step_wall(-YEAR)
    let_pass(bench, 2 * HOUR)
    assert bench.state_of(id) == ["dead"]


def test_a_key_taken_after_a_leap_and_back_holds_for_its_own_time() -> None:
    """The stamp stands a year ahead; the key is over when its time is, and its row goes."""
    bench = ShardBench(key_ttl_ms=90_000)
    bench.executor(slots=0)
    bench.step_wall(YEAR)
    bench.submit(a_job(delay_ms=YEAR))
    bench.step_wall(-YEAR)
    (first,) = bench.submit(a_job(key="k"))
    bench.wait(80_000)
    (held,) = only(bench.hear(CLIENT, bench.a_submit(a_job(key="k"))), Submitted)
    assert held.existing == [[0, first]]
    bench.wait(80_000)
    assert bench.submit(a_job(key="k")) != [first]
