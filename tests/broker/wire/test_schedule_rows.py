"""What is wrong with a schedule's row is told by a text that names the schedule, the field and the mend."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedule_bench import a_schedule

from mainspring.broker.wire.codec import decode, encode
from mainspring.broker.wire.limits import (
    EXPRESSION_CHARS_MAX,
    JITTER_MS_MAX,
    NAME_CHARS_MAX,
    NOTE_CHARS_MAX,
    PRIORITY_MAX,
    TIME_MS_MAX,
)
from mainspring.broker.wire.messages import ScheduleAct, ScheduleChanged, ScheduleSet
from mainspring.broker.wire.rows import CHANGE_COLUMNS, SCHEDULE_COLUMNS
from mainspring.broker.wire.schedule_rows import CHANGE_TYPES, CHANGES, SCHEDULE_TYPES, change_fault, schedule_fault

TEXTS_MAX = 2_000

hostile = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=23),
    max_leaves=30,
)

FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("no name", {"name": ""}, "0 characters; it takes 1 to 200"),
    ("a long name", {"name": "x" * (NAME_CHARS_MAX + 1)}, "201 characters"),
    ("a name of two lines", {"name": "a\nb"}, "cannot be printed"),
    ("a name that begins with a space", {"name": " a"}, "a space at an end"),
    ("a number for a name", {"name": 7}, "name has the wrong type int"),
    ("no tenant", {"tenant": ""}, "tenant has 0 characters"),
    ("no queue", {"queue": None}, "queue has the wrong type NoneType"),
    ("a long task", {"task": "x" * (NAME_CHARS_MAX + 1)}, "task has 201"),
    ("no expression", {"expression": ""}, "expression has 0"),
    ("a long expression", {"expression": "*" * (EXPRESSION_CHARS_MAX + 1)}, "it takes 1 to 500"),
    ("no zone", {"zone": ""}, "zone has 0"),
    ("an empty note", {"note": ""}, "note has 0"),
    ("a long note", {"note": "x" * (NOTE_CHARS_MAX + 1)}, "it takes 1 to 1000"),
    ("an unknown fold", {"fold": "second"}, "fold='second' is unknown; give one of first, last, both"),
    ("an unknown gap", {"gap": ""}, "give one of shift, skip"),
    ("an unknown catch_up", {"catch_up": "some"}, "give one of skip, latest, all"),
    ("a very long overlap", {"overlap": "x" * 100_000}, "give one of skip, allow, buffer_one"),
    ("priority above its bound", {"priority": PRIORITY_MAX + 1}, "priority=101"),
    ("a bool for a priority", {"priority": True}, "priority has the wrong type bool"),
    ("no time to run", {"timeout_ms": 0}, "timeout_ms=0 is out of range"),
    ("a start before 1970", {"start_ms": -1}, "start_ms=-1"),
    ("an end after 9999", {"end_ms": TIME_MS_MAX + 1}, "end_ms"),
    ("an end before the start", {"start_ms": 2, "end_ms": 1}, "its end lies before its start"),
    ("a jitter of two days", {"jitter_ms": 2 * JITTER_MS_MAX}, "jitter_ms"),
    ("a negative window", {"window_ms": -1}, "window_ms=-1"),
    ("a negative grace", {"grace_ms": -1}, "grace_ms=-1"),
    ("no runs", {"runs_max": 0}, "runs_max=0"),
    ("an integer of 64 bits", {"runs_max": 2**63}, "runs_max"),
    ("a number for paused", {"paused": 1}, "paused has the wrong type int"),
    ("a text for a policy", {"retry": "never"}, "retry has the wrong type str"),
]


@pytest.mark.parametrize(("columns", "named"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_each_fault_of_a_schedule_is_named(columns: dict[str, Any], named: str) -> None:
    """The text names the field and what it may be, and does not grow with what was sent."""
    fault = schedule_fault(a_schedule(**columns))
    assert fault is not None
    assert named in fault
    assert len(fault) <= TEXTS_MAX


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"name": "shop.mail.send:*/5 * * * *", "paused": True, "note": "x" * NOTE_CHARS_MAX},
        {"name": "Überweisungen / nachts", "paused": False},
        {"start_ms": 5, "end_ms": 5, "runs_max": 1, "timeout_ms": 1, "retry": [1, 2, 3]},
        {"jitter_ms": JITTER_MS_MAX, "window_ms": 0, "grace_ms": TIME_MS_MAX, "priority": -PRIORITY_MAX},
        {"expression": "no cron at all", "zone": "Atlantis/Capital"},
    ],
)
def test_what_a_schedule_may_be(columns: dict[str, Any]) -> None:
    """Bounds are part of what is allowed; grammar and zones are looked at elsewhere."""
    assert schedule_fault(a_schedule(**columns)) is None


def test_the_schedule_is_named_with_its_fault() -> None:
    """In a list of thousands its reader finds it."""
    assert schedule_fault(a_schedule(name="nightly", gap="x")) == (
        "schedule 'nightly': gap='x' is unknown; give one of shift, skip"
    )


@pytest.mark.parametrize(("payload", "fits"), [("x" * 10, True), ("x" * 11, False), ("äöüxx", True), ("äöüxxx", True)])
def test_payloads_are_measured_in_bytes(payload: str, fits: bool) -> None:
    """The bound is the shard's own."""
    assert (schedule_fault(a_schedule(payload=payload), 10) is None) is fits
    fault = schedule_fault(a_schedule(payload="ä" * 6), 10)
    assert fault is not None
    assert "has 12 bytes; at most 10 are taken" in fault


@given(hostile)
def test_hostile_schedules_get_a_text(found: Any) -> None:
    """Whatever stood in a frame, the answer is a text or nothing."""
    fault = schedule_fault(found)
    assert fault is None or 0 < len(fault) <= TEXTS_MAX
    fault = change_fault(found)
    assert fault is None or 0 < len(fault) <= TEXTS_MAX


@given(st.sampled_from(SCHEDULE_COLUMNS), hostile)
def test_one_hostile_column_is_taken_or_told(column: str, value: Any) -> None:
    """A value of another type is refused, one of the right type taken or refused for its bounds."""
    fault = schedule_fault(a_schedule(**{column: value}))
    kinds = SCHEDULE_TYPES[SCHEDULE_COLUMNS.index(column)]
    if type(value) in (kinds if isinstance(kinds, tuple) else (kinds,)):
        assert fault is None or "wrong type" not in fault
    else:
        assert fault == f"{column} has the wrong type {type(value).__name__}"


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_change_may_be(change: str) -> None:
    """Each word, with and without a job and fields."""
    assert change_fault(["default", "nightly", change, 0, [], None]) is None
    assert change_fault(["default", "nightly", change, 7, [["note", None, "new"]], 1042]) is None


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ([], ", ".join(CHANGE_COLUMNS)),
        (["default", "nightly", "vanished", 1, [], None], "change='vanished' is unknown"),
        (["default", "nightly", "added", True, [], None], "schedule has the wrong type bool"),
        (["default", "nightly", "added", 1, [], "7"], "job has the wrong type str"),
        (["default", "nightly", "changed", 1, [["note", "a"]], None], "[field, before, after]"),
        (["default", "nightly", "changed", 1, [["note", 1, "a"]], None], "[field, before, after]"),
        (["default", "nightly", "changed", 1, ["note"], None], "[field, before, after]"),
    ],
)
def test_each_fault_of_a_change_is_named(row: list[Any], named: str) -> None:
    """A coordinator of another version is told apart."""
    fault = change_fault(row)
    assert fault is not None
    assert named in fault


def test_every_column_has_a_type() -> None:
    """The page of the protocol prints both."""
    assert (len(SCHEDULE_TYPES), len(CHANGE_TYPES)) == (len(SCHEDULE_COLUMNS), len(CHANGE_COLUMNS))


def test_the_messages_of_schedules_travel() -> None:
    """With a bool as a bool, a note that is missing, and rows as they were."""
    for message in (
        ScheduleSet(0, 1, "ann@host", "client", "", False, True, 1, 2, [a_schedule(paused=True)]),
        ScheduleAct(0, 1, "ann@host", "run", "default", ["nightly"], None, 2**63 - 1),
        ScheduleChanged(0, 1, [["default", "nightly", "changed", 3, [["note", None, "x"]], None]]),
    ):
        assert decode(encode(message)) == message
