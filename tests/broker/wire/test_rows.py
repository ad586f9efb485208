"""What is wrong with a row is told by a code and a text that names the field and the mend."""

from typing import Any

import pytest
from builders import a_job, a_result, a_run, a_task
from hypothesis import given
from hypothesis import strategies as st

from mainspring.broker.wire.errors import ERRORS
from mainspring.broker.wire.limits import AFTER_MS_MAX, IDS_MAX, NAME_CHARS_MAX, PRIORITY_MAX, TIME_MS_MAX
from mainspring.broker.wire.rows import (
    JOB_COLUMNS,
    RESULT_COLUMNS,
    RUN_COLUMNS,
    TASK_COLUMNS,
    VERDICTS,
    ids_fault,
    job_fault,
    result_fault,
    run_fault,
    task_fault,
)  # fmt: skip

BYTES_MAX = 100

hostile = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=13),
    max_leaves=20,
)

FAULTS = [
    ("priority above its bound", {"priority": PRIORITY_MAX + 1}, "priority=101"),
    ("priority below its bound", {"priority": -PRIORITY_MAX - 1}, "-100 to 100"),
    ("no task", {"task": ""}, "task"),
    ("a long task", {"task": "x" * (NAME_CHARS_MAX + 1)}, "200"),
    ("no queue", {"queue": ""}, "queue"),
    ("a long queue", {"queue": "x" * (NAME_CHARS_MAX + 1)}, "200"),
    ("no tenant", {"tenant": ""}, "tenant"),
    ("a negative delay", {"delay_ms": -1}, "delay_ms=-1"),
    ("an endless delay", {"delay_ms": TIME_MS_MAX + 1}, "delay_ms"),
    ("an instant before 1970", {"at_ms": -1}, "at_ms=-1"),
    ("an instant after 9999", {"at_ms": TIME_MS_MAX + 1}, "at_ms"),
    ("a delay and an instant", {"delay_ms": 1, "at_ms": 1}, "give one of them"),
    ("no time to run", {"timeout_ms": 0}, "timeout_ms=0"),
    ("no time to start", {"expires_ms": 0}, "expires_ms=0"),
    ("an empty key", {"key": ""}, "key has 0 characters"),
    ("a long key", {"key": "x" * (NAME_CHARS_MAX + 1)}, "key has 201 characters"),
    ("an empty trace", {"trace": ""}, "trace"),
    ("a long trace", {"trace": "x" * (NAME_CHARS_MAX + 1)}, "trace"),
    ("a bool for an int", {"priority": True}, "priority"),
    ("a float for an int", {"delay_ms": 1.5}, "delay_ms has the wrong type float"),
    ("bytes for a text", {"payload": b"{}"}, "payload has the wrong type bytes"),
    ("nothing for a task", {"task": None}, "task has the wrong type"),
    ("a text for a policy", {"retry": "never"}, "retry has the wrong type str"),
    ("a huge delay", {"delay_ms": 2**64 - 1}, "delay_ms"),
]


@pytest.mark.parametrize(("columns", "named"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_a_job_out_of_range_is_invalid(columns: dict[str, Any], named: str) -> None:
    """The text names the field."""
    fault = job_fault(a_job(**columns), BYTES_MAX)
    assert fault is not None
    assert fault[0] == "invalid_job"
    assert named in fault[1]


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"priority": PRIORITY_MAX},
        {"priority": -PRIORITY_MAX},
        {"task": "x" * NAME_CHARS_MAX},
        {"delay_ms": 0},
        {"delay_ms": TIME_MS_MAX},
        {"at_ms": 0},
        {"at_ms": TIME_MS_MAX},
        {"key": "k", "trace": "t", "timeout_ms": 1, "expires_ms": 1, "retry": [3, 10, 1000, 10, 0]},
        {"payload": "x" * BYTES_MAX},
        {"payload": ""},
    ],
    ids=str,
)
def test_jobs_at_their_bounds_are_sound(columns: dict[str, Any]) -> None:
    """The bounds themselves are taken."""
    assert job_fault(a_job(**columns), BYTES_MAX) is None


@pytest.mark.parametrize("payload", ["x" * (BYTES_MAX + 1), "é" * (BYTES_MAX // 2 + 1), "☃" * 34, "\udcff" * 34])
@pytest.mark.parametrize("columns", [{}, {"delay_ms": 1}], ids=["plain", "with options"])
def test_payloads_are_measured_in_bytes(payload: str, columns: dict[str, Any]) -> None:
    """A payload too large in UTF-8 has a code of its own; the text names the task and the bound."""
    fault = job_fault(a_job(payload, **columns), BYTES_MAX)
    assert fault is not None
    assert fault[0] == "payload_too_large"
    assert "echo" in fault[1]
    assert str(BYTES_MAX) in fault[1]


@given(hostile)
def test_anything_may_stand_in_a_submit(found: Any) -> None:
    """Whatever stands where a job should is told as a fault in few words, and raises nothing."""
    fault = job_fault(found, BYTES_MAX)
    assert fault is not None
    assert fault[0] in ERRORS
    assert len(fault[1]) < 1_000


@given(st.integers(0, len(JOB_COLUMNS) - 1), hostile)
def test_one_strange_column_is_found_in_any_job(at: int, value: Any) -> None:
    """A sound job with any column replaced is sound or named; nothing is raised."""
    row = a_job()
    row[at] = value
    fault = job_fault(row, BYTES_MAX)
    assert fault is None or (fault[0] in ERRORS and fault[1])


@pytest.mark.parametrize(
    ("check", "sound", "columns"),
    [
        (result_fault, a_result(), RESULT_COLUMNS),
        (task_fault, a_task(), TASK_COLUMNS),
        (run_fault, a_run(), RUN_COLUMNS),
    ],
    ids=["result", "task", "run"],
)
@given(st.integers(), st.sampled_from([True, 1.5, b"x", {}]))
def test_the_fault_of_a_row_names_its_column(
    check: Any, sound: list[Any], columns: tuple[str, ...], number: int, bad: Any
) -> None:
    """A sound row has no fault; a row with one strange column has one that names it; another length names them all."""
    assert check(sound) is None
    at = number % len(columns)
    row = [*sound[:at], bad, *sound[at + 1 :]]
    assert columns[at] in check(row)
    for wrong in (sound[:-1], [*sound, 0], tuple(sound), {}, None, "x"):
        assert ", ".join(columns) in check(wrong)


@pytest.mark.parametrize(
    ("column", "value"),
    [("verdict", ""), ("verdict", "maybe" * 99), ("after_ms", -1), ("after_ms", AFTER_MS_MAX + 1), ("after_ms", 2**63)],
)
def test_a_verdict_is_one_that_is_known(column: str, value: Any) -> None:
    """What follows, and after how long, is within bounds; each verdict is sound with and without a wait."""
    fault = result_fault(a_result(**{column: value}))
    assert fault is not None
    assert column in fault
    for verdict in (None, *VERDICTS):
        for after_ms in (None, 0, AFTER_MS_MAX):
            assert result_fault(a_result(verdict=verdict, after_ms=after_ms)) is None


@pytest.mark.parametrize("column", ["started_ms", "finished_ms"])
@pytest.mark.parametrize("value", [-1, 2**63, 2**64 - 1])
def test_numbers_of_a_result_fit_a_row(column: str, value: int) -> None:
    """A time that no row could hold is a fault of the result, not of whoever writes it down."""
    fault = result_fault(a_result(**{"started_ms": 1, "finished_ms": 2, "result": "{}", column: value}))
    assert fault is not None
    assert column in fault


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("timeout_ms", 2**63),
        ("timeout_ms", -1),
        ("priority", 101),
        ("priority", 2**64 - 1),
        ("name", ""),
        ("name", "x" * 201),
        ("queue", "x" * 201),
        ("runner", "x" * 201),
    ],
)
def test_an_announced_task_is_within_bounds(column: str, value: Any) -> None:
    """What an executor announces is held to the bounds of what a client may ask for."""
    fault = task_fault(a_task(**{column: value}))
    assert fault is not None
    assert column in fault


def test_ids_are_counted_and_positive() -> None:
    """A list that is too long has a code of its own; an id out of range is named."""
    assert ids_fault([]) is None
    assert ids_fault([1, 2**53 - 1] * (IDS_MAX // 2)) is None
    assert ids_fault([1] * (IDS_MAX + 1)) == (
        "batch_too_large",
        f"{IDS_MAX + 1} ids in one message; at most {IDS_MAX} are taken",
    )
    for bad in (0, -1, 2**53, True, "1", None, 1.0):
        assert ids_fault([1, bad]) == ("invalid_query", "an id is a positive integer below 2**53")
