"""Instants become jobs, each once, and what became of each is written down."""

from dataclasses import replace

import pytest
from schedule_bench import HOUR_MS, MINUTE_MS, ScheduleBench, a_schedule
from shard_bench import runs_of

from mainspring.actors.entries import SUBMIT, TICK


def test_an_instant_fires_at_its_time() -> None:
    """Not a millisecond early, and once."""
    bench = ScheduleBench()
    executor = bench.executor()
    bench.define(a_schedule("*/5 * * * *"))
    base_ms = bench.wall_ms
    said = bench.wait(5 * MINUTE_MS - 1)
    assert runs_of(said, executor.peer) == []
    (run,) = runs_of(bench.wait(2), executor.peer)
    assert run.due_ms == base_ms + 5 * MINUTE_MS
    (tick,) = bench.ticks()
    assert (tick.from_ms, tick.count, tick.reason, tick.job) == (base_ms + 5 * MINUTE_MS, 1, "on_time", run.id)
    assert runs_of(bench.said, executor.peer) == [run]


def test_job_tick_and_cursor_stand_in_one_entry() -> None:
    """So none is ever there without the others."""
    bench = ScheduleBench()
    bench.define(a_schedule())
    bench.wait(MINUTE_MS)
    (entry,) = [entry for entry in bench.entries() if any(op[0] == TICK for op in entry.ops)]
    kinds = [op[0] for op in entry.ops]
    assert kinds.index(SUBMIT) < kinds.index(TICK)
    row = next(op for op in entry.ops if op[0] == TICK)[1][0]
    assert row[6] == row[2], "the cursor is at the instant"


def test_a_restart_fires_no_instant_twice() -> None:
    """Nor does it leave one out."""
    bench = ScheduleBench()
    bench.define(a_schedule(overlap="allow"))
    for _ in range(5):
        bench.wait(MINUTE_MS // 2 + 7)
        bench.restart()
    ticks = bench.ticks()
    assert [tick.reason for tick in ticks] == ["on_time"] * len(ticks)
    assert len(ticks) == 2
    assert ticks[1].from_ms - ticks[0].from_ms == MINUTE_MS


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [
        ("skip", ["missed"] * 29 + ["on_time"]),
        ("latest", ["superseded"] * 29 + ["on_time"]),
        ("all", ["too_old"] * 10 + ["caught_up"] * 19 + ["on_time"]),
    ],
)
def test_what_nobody_was_there_for_is_caught_up(catch_up: str, expected: list[str]) -> None:
    """As catch_up says, within the window."""
    bench = ScheduleBench()
    bench.define(a_schedule(catch_up=catch_up, window_ms=20 * MINUTE_MS, grace_ms=1_000, overlap="allow"))
    bench.step_wall(30 * MINUTE_MS)  # as if the process had slept
    bench.wait(1_000)
    assert bench.reasons() == expected


def test_the_newest_missed_instant_fires_alone() -> None:
    """The others are written down as one range."""
    bench = ScheduleBench()
    bench.define(a_schedule("0 * * * *", catch_up="latest", window_ms=2 * HOUR_MS))
    bench.step_wall(5 * HOUR_MS + 30 * MINUTE_MS)
    bench.wait(1_000)
    assert bench.reasons() == ["superseded"] * 4 + ["caught_up"]
    assert [tick.count for tick in bench.ticks()] == [4, 1], "the skipped ones share a row"


def test_nothing_too_old_is_caught_up() -> None:
    """The window bounds what a restart sets off."""
    bench = ScheduleBench()
    bench.define(a_schedule("0 0 * * *", catch_up="latest", window_ms=HOUR_MS))
    bench.step_wall(40 * HOUR_MS + 30 * MINUTE_MS)
    bench.wait(1_000)
    assert set(bench.reasons()) == {"too_old"}


def test_one_second_late_is_not_missed() -> None:
    """Within the grace each instant fires, whatever catch_up says."""
    bench = ScheduleBench()
    bench.define(a_schedule("* * * * * *", catch_up="skip", overlap="allow"))
    bench.step_wall(30_000)
    bench.wait(1_000)
    assert bench.reasons() == ["on_time"] * 31


def test_an_earlier_job_that_lives_stands_in_the_way() -> None:
    """Overlap skip writes each instant down, in one growing row."""
    bench = ScheduleBench()
    executor = bench.executor()
    bench.define(a_schedule())
    (run,) = runs_of(bench.wait(MINUTE_MS), executor.peer)
    bench.wait(3 * MINUTE_MS)
    assert bench.reasons() == ["on_time", "overlap", "overlap", "overlap"]
    assert len(bench.ticks()) == 2, "a range grows"
    executor.finish(run)
    assert len(runs_of(bench.wait(MINUTE_MS), executor.peer)) == 1
    assert bench.reasons()[-1] == "on_time"


def test_overlap_is_known_after_a_restart() -> None:
    """It is derived from durable jobs."""
    bench = ScheduleBench()
    executor = bench.executor()
    bench.define(a_schedule())
    (run,) = runs_of(bench.wait(MINUTE_MS), executor.peer)
    bench.restart()
    bench.wait(MINUTE_MS)
    assert bench.reasons() == ["on_time", "overlap"]
    executor.hello(held=[run])
    executor.credit(10)
    executor.finish(run)
    bench.wait(MINUTE_MS)
    assert bench.reasons() == ["on_time", "overlap", "on_time"]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_one_instant_waits_for_the_job_before_it(is_restarted: bool) -> None:
    """One, not more; the rest are said to have found it waiting."""
    bench = ScheduleBench()
    executor = bench.executor()
    bench.define(a_schedule(overlap="buffer_one"))
    (run,) = runs_of(bench.wait(MINUTE_MS), executor.peer)
    bench.wait(2 * MINUTE_MS)
    assert bench.reasons() == ["on_time", "buffered", "buffer_full"]
    if is_restarted:
        bench.restart()
        executor.hello(held=[run])
        executor.credit(10)
    (again,) = runs_of(executor.finish(run), executor.peer)
    assert again.due_ms == bench.ticks()[1].from_ms
    assert bench.reasons() == ["on_time", "after_other", "buffer_full"]
    assert bench.ticks()[1].job == again.id


def test_a_limit_ends_a_schedule() -> None:
    """After its last run there is no next instant."""
    bench = ScheduleBench()
    bench.define(a_schedule(runs_max=2, overlap="allow"))
    bench.wait(5 * MINUTE_MS)
    assert bench.reasons() == ["on_time", "on_time"]
    assert bench.state.image.book.by_number[1].next_ms is None


def test_jitter_is_the_same_after_a_restart_and_less_than_the_gap() -> None:
    """It is a hash, so instants keep their order."""
    bench = ScheduleBench()
    bench.define(a_schedule(jitter_ms=10 * HOUR_MS, overlap="allow"))
    schedule = bench.state.image.book.by_number[1]
    instants = [bench.wall_ms + n * MINUTE_MS for n in range(1, 50)]
    moved = [schedule.fires_ms(instant) - instant for instant in instants]
    assert all(0 <= by < MINUTE_MS for by in moved)
    assert len(set(moved)) > 40
    bench.restart()
    again = bench.state.image.book.by_number[1]
    assert [again.fires_ms(instant) - instant for instant in instants] == moved


def test_a_jittered_job_is_nominally_on_its_instant() -> None:
    """The tick has the nominal time, the job runs later."""
    bench = ScheduleBench()
    executor = bench.executor()
    bench.define(a_schedule(jitter_ms=50_000))
    fires_ms = bench.state.image.book.by_number[1].fires_ms(bench.wall_ms + MINUTE_MS)
    bench.wait(fires_ms - bench.wall_ms - 1)
    assert runs_of(bench.said, executor.peer) == []
    (run,) = runs_of(bench.wait(1), executor.peer)
    assert run.due_ms == bench.ticks()[0].from_ms == fires_ms // MINUTE_MS * MINUTE_MS


def test_a_clock_set_back_fires_nothing_again() -> None:
    """The cursor alone decides."""
    bench = ScheduleBench()
    bench.define(a_schedule(overlap="allow"))
    bench.wait(10 * MINUTE_MS)
    bench.step_wall(-5 * MINUTE_MS)
    bench.wait(4 * MINUTE_MS)
    assert len(bench.ticks()) == 10
    bench.wait(2 * MINUTE_MS)
    assert bench.reasons() == ["on_time"] * 11


def test_a_paused_schedule_accounts_for_its_instants() -> None:
    """In one range, written when it goes on and each hour."""
    bench = ScheduleBench()
    bench.define(a_schedule(overlap="allow"))
    bench.wait(MINUTE_MS)
    bench.act("pause", "nightly", note="moving house")
    bench.wait(90 * MINUTE_MS)
    bench.act("resume", "nightly")
    bench.wait(MINUTE_MS)
    assert bench.reasons() == ["on_time"] + ["paused"] * 90 + ["on_time"]
    assert len(bench.ticks()) == 3


def test_a_full_queue_is_said() -> None:
    """The instant is skipped with that reason."""
    bench = ScheduleBench(backlog_jobs_max=2)
    bench.define(a_schedule(overlap="allow"))
    bench.wait(4 * MINUTE_MS)
    assert bench.reasons() == ["on_time", "on_time", "queue_full", "queue_full"]


def test_a_year_of_seconds_is_accounted_for_in_one_row() -> None:
    """Counting goes by days, not by instants."""
    bench = ScheduleBench()
    bench.define(a_schedule("* * * * * *", catch_up="skip", overlap="allow"))
    bench.step_wall(365 * 24 * HOUR_MS)
    bench.wait(1_000)
    first = bench.ticks()[0]
    assert (first.reason, first.count) == ("missed", 365 * 24 * 3600 - 60)


def test_a_boot_fires_once_for_each_start_of_the_host() -> None:
    """Neither at a restart of the process nor at a failover."""
    bench = ScheduleBench(node="one", boot="a")
    bench.define(a_schedule("@reboot", overlap="allow"))
    bench.restart()
    bench.wait(MINUTE_MS)
    assert bench.ticks() == []
    bench.settings = replace(bench.settings, boot="b")
    bench.restart()
    bench.restart()
    bench.wait(MINUTE_MS)
    assert bench.reasons() == ["reboot"]
    bench.settings = replace(bench.settings, node="two", boot="c")
    bench.restart()
    assert bench.reasons() == ["reboot"], "another host took over; it was not started for this"
