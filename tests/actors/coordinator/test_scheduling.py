"""Defining schedules: to do it twice changes nothing, an edit loses nothing, a list is taken whole or not at all."""

import pytest
from builders import a_hello, a_task
from schedule_bench import MINUTE_MS, OPERATOR, ScheduleBench, a_schedule
from shard_bench import only

from mainspring.actors.entries import AUDIT, SCHEDULE, UNSCHEDULE
from mainspring.broker.wire.messages import Refused, ScheduleChanged


def changes(rows: list[list[object]]) -> list[tuple[object, object]]:
    """Names and what became of them."""
    return [(row[1], row[2]) for row in rows]


def test_the_same_again_changes_nothing() -> None:
    """To define twice writes one op."""
    bench = ScheduleBench()
    assert changes(bench.define(a_schedule())) == [("nightly", "added")]
    last = bench.log.last_index(bench.member.group)
    assert changes(bench.define(a_schedule())) == [("nightly", "unchanged")]
    assert bench.log.last_index(bench.member.group) == last, "nothing is written"


def test_an_edit_says_what_changed_and_keeps_the_number() -> None:
    """The number is the generation: an edit is not a new schedule."""
    bench = ScheduleBench()
    bench.define(a_schedule())
    ((_, _, change, number, fields, _),) = bench.define(a_schedule("0 4 * * *", note="later"))
    assert (change, number) == ("changed", 1)
    assert fields == [["expression", "* * * * *", "0 4 * * *"], ["note", None, "later"]]


def test_removing_and_adding_again_is_a_new_generation() -> None:
    """A new number shares no tick with the old one."""
    bench = ScheduleBench()
    bench.define(a_schedule())
    assert bench.act("remove", "nightly")[0][2:4] == ["removed", 1]
    assert bench.define(a_schedule())[0][2:4] == ["added", 2]


def test_an_edit_of_the_timing_begins_now() -> None:
    """Catch-up never reaches behind an edit."""
    bench = ScheduleBench()
    bench.define(a_schedule("0 0 1 1 *"))
    bench.wait(30 * MINUTE_MS)
    bench.define(a_schedule("* * * * *", overlap="allow"))
    bench.wait(2 * MINUTE_MS)
    assert bench.reasons() == ["on_time", "on_time"], "what the new text names before the edit was never promised"


def test_an_edit_loses_no_instant_that_has_come() -> None:
    """An instant within its jitter gets its job before the old text is gone."""
    bench = ScheduleBench()
    bench.define(a_schedule(jitter_ms=59_000))
    bench.wait(MINUTE_MS + 1)
    jittered = len(bench.ticks())
    bench.define(a_schedule("0 0 1 1 *", jitter_ms=59_000))
    (tick,) = bench.ticks()
    assert jittered == 0, "the jitter has moved it"
    assert tick.reason == "on_time"


def test_other_edits_leave_the_instants_alone() -> None:
    """A priority moves no instant."""
    bench = ScheduleBench()
    bench.define(a_schedule())
    before = bench.state.image.book.by_number[1].next_ms
    bench.define(a_schedule(priority=5))
    assert bench.state.image.book.by_number[1].next_ms == before


def test_a_list_is_taken_whole_or_not_at_all() -> None:
    """One fault anywhere, and nothing changes; else one op has it all."""
    bench = ScheduleBench()
    refusal = bench.refused(a_schedule(name="good"), a_schedule("61 * * * *", name="bad"))
    assert refusal.code == "invalid_schedule"
    assert "'bad'" in refusal.text
    assert bench.ops(SCHEDULE) == []
    rows = bench.define(a_schedule(name="one"), a_schedule(name="two"), source="file:a.toml", is_whole=True)
    assert changes(rows) == [("one", "added"), ("two", "added")]
    assert len(bench.ops(SCHEDULE)) == 1


def test_a_whole_list_removes_what_it_does_not_name() -> None:
    """Only what the same source had defined."""
    bench = ScheduleBench()
    bench.define(a_schedule(name="mine"))
    bench.define(a_schedule(name="one"), a_schedule(name="two"), source="file:a.toml", is_whole=True)
    rows = bench.define(a_schedule(name="two"), source="file:a.toml", is_whole=True)
    assert changes(rows) == [("one", "removed"), ("two", "unchanged")]
    assert sorted(name for _, name in bench.state.image.book.by_name) == ["mine", "two"]


def test_a_dry_run_changes_nothing() -> None:
    """It answers what would change."""
    bench = ScheduleBench()
    assert changes(bench.define(a_schedule(), is_dry=True)) == [("nightly", "added")]
    assert bench.ops(SCHEDULE) == bench.ops(AUDIT) == []


def test_parts_are_one_list() -> None:
    """Parts come in any order, and twice."""
    bench = ScheduleBench()
    parts = [bench.a_set(a_schedule(name=f"s{n}"), part=n, parts=3, request=7) for n in (1, 2, 3)]
    assert bench.hear(OPERATOR, parts[1], parts[0], parts[1]) == []
    (answer,) = only(bench.hear(OPERATOR, parts[2]), ScheduleChanged)
    assert changes(answer.changes) == [("s1", "added"), ("s2", "added"), ("s3", "added")]
    assert len(bench.ops(SCHEDULE)) == 1
    (again,) = only(bench.hear(OPERATOR, parts[2]), ScheduleChanged)
    assert again == answer, "an answer that was lost comes again as it was"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"zone": "Mars/Base"}, "Mars/Base"),
        ({"tenant": "nobody"}, "tenant 'nobody'"),
        ({"queue": "default"}, "shard"),
        ({"overlap": "maybe"}, "overlap"),
        ({"name": ""}, "name"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_the_reason(columns: dict[str, object], words: str) -> None:
    """The text names the fault."""
    bench = ScheduleBench()
    assert words in bench.refused(a_schedule(**columns)).text


def test_the_same_name_twice_in_one_list_is_refused() -> None:
    """Nobody could say which was meant."""
    bench = ScheduleBench()
    assert "twice" in bench.refused(a_schedule(), a_schedule()).text


def test_every_change_has_an_audit_row() -> None:
    """Who, what, before, after and why."""
    bench = ScheduleBench()
    bench.define(a_schedule())
    bench.define(a_schedule("0 4 * * *"))
    bench.act("pause", "nightly", note="why not")
    bench.act("run", "nightly")
    bench.act("remove", "nightly")
    rows = [row for op in bench.ops(AUDIT) for row in op[1]]
    assert [row[1] for row in rows] == [
        "schedule added",
        "schedule changed",
        "schedule paused",
        "schedule ran",
        "schedule removed",
    ]
    assert all(row[0] == "ann@host" and row[2] == "default/nightly" for row in rows)
    assert rows[1][3:5] == ["expression: * * * * *", "expression: 0 4 * * *"]
    assert rows[2][5] == "why not"
    assert "expression: * * * * *" in rows[0][4]
    assert "expression: 0 4 * * *" in rows[4][3]


def test_code_declares_schedules_by_its_executors_hello() -> None:
    """Each executor speaks for the tasks that it announces."""
    bench = ScheduleBench()
    row = a_schedule(name="echo")
    bench.hear(b"x/1", a_hello(1, name="x", schedules=[row]))
    bench.hear(b"y/2", a_hello(2, name="y", schedules=[row]))
    assert len(bench.ops(SCHEDULE)) == 1
    bench.hear(b"z/3", a_hello(3, name="z", tasks=[a_task("other")]))
    assert bench.ops(UNSCHEDULE) == [], "an executor without that task says nothing about it"
    bench.hear(b"y/4", a_hello(4, name="y"))
    assert len(bench.ops(UNSCHEDULE)) == 1, "the task's code does not declare it any more"


def test_code_does_not_undo_what_an_operator_has_defined() -> None:
    """An operator wins until the schedule is removed."""
    bench = ScheduleBench()
    bench.define(a_schedule("0 4 * * *", name="echo"))
    bench.hear(b"x/1", a_hello(1, name="x", schedules=[a_schedule(name="echo")]))
    assert bench.state.image.book.by_number[1].definition.expression == "0 4 * * *"
    bench.hear(b"x/2", a_hello(2, name="x"))
    assert len(bench.state.image.book) == 1


def test_a_broken_schedule_in_code_is_refused_and_the_executor_works_all_the_same() -> None:
    """The refusal reaches its log."""
    bench = ScheduleBench()
    said = bench.hear(b"x/1", a_hello(1, name="x", schedules=[a_schedule("99 * * * *")]))
    (refusal,) = only(said, Refused)
    assert refusal.code == "invalid_schedule"
    assert len(bench.state.links) == 1


def test_unknown_names_are_said() -> None:
    """The others are dealt with."""
    bench = ScheduleBench()
    bench.define(a_schedule())
    assert changes(bench.act("pause", "nightly", "weekly")) == [("weekly", "not_found"), ("nightly", "paused")]
    assert changes(bench.act("pause", "nightly")) == [("nightly", "unchanged")]
    assert changes(bench.act("resume", "nightly")) == [("nightly", "resumed")]


def test_a_run_that_is_asked_for_twice_by_one_call_is_one_run() -> None:
    """The token is the key of the job, so this holds through a restart."""
    bench = ScheduleBench()
    bench.define(a_schedule("0 0 1 1 *", overlap="allow"))
    first = bench.act("run", "nightly", token=5)[0]
    bench.restart()
    again = bench.act("run", "nightly", token=5)[0]
    other = bench.act("run", "nightly", token=6)[0]
    assert first[2] == again[2] == other[2] == "ran"
    assert first[5] == again[5]
    assert other[5] != first[5]
    assert bench.reasons() == ["manual", "manual"]


def test_a_run_now_respects_overlap() -> None:
    """The answer says so, and no job is made."""
    bench = ScheduleBench()
    bench.define(a_schedule("0 0 1 1 *"))
    assert bench.act("run", "nightly")[0][2] == "ran"
    assert bench.act("run", "nightly")[0][2] == "skipped"


def test_a_waiting_instant_of_a_removed_schedule_is_accounted_for() -> None:
    """It does not wait for ever."""
    bench = ScheduleBench()
    bench.define(a_schedule(overlap="buffer_one"))
    bench.wait(2 * MINUTE_MS)
    assert bench.reasons() == ["on_time", "buffered"]
    bench.act("remove", "nightly")
    assert bench.reasons() == ["on_time", "removed"]
    bench.restart()
    assert bench.act("pause", "nightly")[0][2] == "not_found"


def test_a_schedule_may_begin_paused() -> None:
    """Its definition says so, and may say otherwise later."""
    bench = ScheduleBench()
    bench.define(a_schedule(paused=True))
    bench.wait(2 * MINUTE_MS)
    assert bench.ticks() == []
    bench.define(a_schedule(paused=False))
    bench.wait(MINUTE_MS)
    assert bench.reasons() == ["paused", "paused", "on_time"]
