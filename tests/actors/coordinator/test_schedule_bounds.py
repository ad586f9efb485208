"""Schedules stay within bounds: no message stops the shard, no turn is endless, and who is late holds up nobody."""

import pytest
from builders import a_hello
from schedule_bench import HOUR_MS, MINUTE_MS, OPERATOR, SECOND_MS, ScheduleBench, a_schedule
from shard_bench import MS, only, runs_of

from mainspring.actors.coordinator import parts, ticking
from mainspring.actors.cron import calendar
from mainspring.actors.entries import SUBMIT, TICKS_END, UNSCHEDULE
from mainspring.actors.limits import SETTLED_TICKS, TICK_CHARS_A_TURN, TICKS_A_SCHEDULE
from mainspring.actors.schedules import schedule
from mainspring.broker.wire.codec import encode
from mainspring.broker.wire.limits import BATCH_JOBS_MAX, FRAME_BYTES_MAX
from mainspring.broker.wire.messages import Refused, ScheduleChanged

MONTH_MS = 30 * 24 * HOUR_MS
_BUSY = {"catch_up": "all", "window_ms": MONTH_MS, "overlap": "allow"}


def asleep(bench: ScheduleBench, ms: int) -> None:
    """Lets time pass without a turn."""
    bench.wall_ms += ms
    bench.elapsed_ns += ms * MS


def test_a_name_that_code_declares_twice_is_refused() -> None:
    """Nobody could say which was meant, and the shard goes on."""
    bench = ScheduleBench()
    rows = [a_schedule(name="echo"), a_schedule("0 4 * * *", name="echo")]
    (refusal,) = only(bench.hear(b"x/1", a_hello(1, name="x", schedules=rows)), Refused)
    assert "defined twice" in refusal.text
    assert len(bench.state.image.book) == 0


def test_long_lists_of_names_are_refused() -> None:
    """A message bounds the turn that it takes, and the answer that it gets."""
    bench = ScheduleBench()
    names = [f"n{number}" for number in range(BATCH_JOBS_MAX + 1)]
    assert "each once" in only(bench.hear(OPERATOR, bench.an_act("run", *names)), Refused)[0].text
    assert "too long" in only(bench.hear(OPERATOR, bench.an_act("pause", "x" * 201)), Refused)[0].text
    assert f"at most {BATCH_JOBS_MAX}" in bench.refused(*[a_schedule(name=name) for name in names]).text


def test_a_change_in_a_long_catch_up_is_one_bounded_turn() -> None:
    """Some get their jobs, and what became of the others is said."""
    bench = ScheduleBench()
    bench.define(a_schedule("* * * * * *", **_BUSY))
    asleep(bench, 24 * HOUR_MS)
    bench.put(OPERATOR, bench.an_act("pause", "nightly"))
    bench.turn()
    caught_up, cut_short = bench.ticks()[:-1], bench.ticks()[-1]
    assert SETTLED_TICKS <= len(caught_up) <= SETTLED_TICKS + TICKS_A_SCHEDULE
    assert cut_short.reason == "cut_short"
    assert cut_short.count == 24 * 3600 - len(caught_up)
    assert bench.state.image.book.by_number[1].cursor_ms == bench.wall_ms


def test_large_arguments_come_in_several_entries() -> None:
    """An entry of all would be larger than a log can hold, and the next start would make it again."""
    bench = ScheduleBench()
    payload = f'[["{"x" * 1_000_000}"],{{}}]'
    for part in range(10):
        bench.define(*[a_schedule(name=f"n{part}-{at}", payload=payload) for at in range(4)])
    asleep(bench, MINUTE_MS)
    bench.run()
    jobs = [sum(len(row[1]) for row in op[5]) for op in bench.ops(SUBMIT)]
    assert sum(jobs) == 40 * len(payload), "all have fired"
    assert max(jobs) <= TICK_CHARS_A_TURN + len(payload)


def test_who_catches_up_holds_up_nobody_who_is_on_time() -> None:
    """Those that are late take turns behind what comes now."""
    bench = ScheduleBench()
    bench.define(*[a_schedule("* * * * * *", name=f"late-{at}", **_BUSY) for at in range(20)])
    asleep(bench, HOUR_MS)
    bench.put(OPERATOR, bench.a_set(a_schedule("* * * * * *", name="punctual")))
    bench.turn()
    asleep(bench, SECOND_MS)
    bench.turn()
    assert [tick.reason for tick in bench.ticks(21)] == ["on_time"]
    bench.turn()
    bench.turn()
    counts = [len(bench.ticks(number)) for number in range(1, 21)]
    assert max(counts) - min(counts) <= TICKS_A_SCHEDULE, "each in turn"


def test_a_run_into_a_full_queue_is_refused() -> None:
    """By hand or by an instant, a backlog has its limit; a run that was made is answered again."""
    bench = ScheduleBench(backlog_jobs_max=2)
    bench.define(a_schedule("0 0 1 1 *", overlap="allow"))
    first = bench.act("run", "nightly", token=7)
    bench.act("run", "nightly")
    (refusal,) = only(bench.hear(OPERATOR, bench.an_act("run", "nightly")), Refused)
    assert refusal.code == "queue_full"
    assert bench.act("run", "nightly", token=7) == first
    assert bench.reasons() == ["manual", "manual"]


def test_removed_records_go_although_nothing_ever_fired() -> None:
    """They, and the audit, are kept as long as ticks are."""
    bench = ScheduleBench()
    bench.define(a_schedule("0 0 1 1 *"))
    bench.act("remove", "nightly")
    assert len(bench.ops(UNSCHEDULE)) == 1
    bench.wait(2 * MINUTE_MS)
    assert bench.ops(TICKS_END)


def test_instants_are_punctual_while_others_are_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a start next instants are computed again; that takes turns, and nobody waits for them."""
    monkeypatch.setattr(ticking, "VERIFIED_A_TURN", 1)
    bench = ScheduleBench()
    bench.define(*[a_schedule("0 0 1 1 *", name=f"far-{at}") for at in range(50)])
    bench.define(a_schedule(name="punctual"))
    bench.wait(MINUTE_MS - 31)
    bench.restart()
    executor = bench.executor(incarnation=8)
    said = [one for one in bench.wait(60) if runs_of([one], executor.peer)]
    assert [one.wall_ms % MINUTE_MS for one in said] == [0]


def test_a_mended_schedule_does_not_wait_for_the_broken_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zone that has gone is tried again by the minute; another definition counts at once."""
    bench = ScheduleBench()
    bench.define(a_schedule("* * * * * *", zone="Europe/Riga", overlap="allow"))

    def gone(text: str, zone: str, *rules: object) -> calendar.Calendar:
        if zone != "UTC":
            raise ValueError("there is no such zone; install tzdata")
        return calendar.calendar(text, zone, *rules)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(schedule, "calendar", gone)
    bench.wait(2 * SECOND_MS)
    assert bench.ticks() == []
    bench.define(a_schedule("* * * * * *", zone="UTC", overlap="allow"))
    bench.wait(2 * SECOND_MS)
    assert bench.reasons() == ["on_time"] * 2


def test_an_instant_that_an_older_zone_named_does_not_fire() -> None:
    """A change that comes before the next instant is computed again makes no job of it, nor does a pause."""
    bench = ScheduleBench()
    bench.define(a_schedule("0 0 1 1 *"))
    bench.wait(MINUTE_MS)
    bench.state.image.book.by_number[1].next_ms = bench.wall_ms
    bench.act("pause", "nightly")
    assert bench.ticks() == []


def test_an_answer_fits_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is left out: the end of a long list."""
    assert 2 * parts.CHANGES_BYTES_MAX <= FRAME_BYTES_MAX
    monkeypatch.setattr(parts, "CHANGES_BYTES_MAX", 20_000)
    bench = ScheduleBench()
    (answer,) = only(
        bench.hear(OPERATOR, bench.a_set(*[a_schedule(name=f"{'é' * 190}{at}") for at in range(100)])), ScheduleChanged
    )
    assert len(bench.state.image.book) == 100
    assert 0 < len(answer.changes) < 100
    assert len(encode(answer)) < 20_000
