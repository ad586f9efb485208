"""Schedules as users declare them: validated at once, brought to rows, announced with their tasks."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mainspring import Context, Schedule, job, task
from mainspring.broker.tasks.exceptions import DuplicateSchedule, InvalidOption, InvalidTask
from mainspring.broker.tasks.registry import Registry, load
from mainspring.broker.wire.rows import SCHEDULE_COLUMNS
from mainspring.broker.wire.schedule_rows import schedule_fault

WriteModule = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteModule]:
    """Returns a function that writes a module where imports find it, and forgets all of them at the end."""
    monkeypatch.syspath_prepend(tmp_path)
    names: list[str] = []

    def save(name: str, source: str) -> None:
        names.append(name)
        (tmp_path / f"{name}.py").write_text("from mainspring import Context, Schedule, task\n" + source)

    yield save
    for name in names:
        sys.modules.pop(name, None)


def named(row: list[Any]) -> dict[str, Any]:
    """A row by its columns."""
    return dict(zip(SCHEDULE_COLUMNS, row, strict=True))


@task(name="report", queue="mail", priority=5, retries=7, timeout=9)
def report(day: str = "today") -> None:
    """Does nothing."""


def test_a_schedule_of_defaults() -> None:
    """A row has the defaults of the contract, and what a task's executors announce stays theirs to say."""
    row = Schedule("0 3 * * *").row(report.job())
    assert schedule_fault(row) is None
    assert named(row) == {
        "name": "report",
        "tenant": "default",
        "queue": "mail",
        "task": "report",
        "payload": "[[],{}]",
        "priority": 5,
        "retry": None,
        "timeout_ms": None,
        "expression": "0 3 * * *",
        "zone": "UTC",
        "fold": "first",
        "gap": "shift",
        "start_ms": None,
        "end_ms": None,
        "jitter_ms": 0,
        "catch_up": "latest",
        "window_ms": 3_600_000,
        "grace_ms": 60_000,
        "overlap": "skip",
        "runs_max": None,
        "paused": None,
        "note": None,
    }


def test_every_option_reaches_its_column() -> None:
    """Seconds and timedeltas become milliseconds, instants UTC milliseconds."""
    schedule = Schedule(
        "0 3 * * *",
        "Europe/Paris",
        name="nightly",
        fold="both",
        gap="skip",
        start=datetime(2026, 1, 1, tzinfo=UTC),
        end=datetime(2027, 1, 1, tzinfo=UTC),
        jitter=timedelta(minutes=5),
        catch_up="all",
        window=7200,
        grace=0,
        overlap="buffer_one",
        limit=3,
        paused=True,
        note="asked for by finance",
    )
    row = schedule.row(
        report.job("2026-01-01"), tenant="acme", queue="slow", priority=-1, retries=0, timeout=timedelta(seconds=2)
    )
    assert schedule_fault(row) is None
    assert row == [
        "nightly", "acme", "slow", "report", '[["2026-01-01"],{}]', -1, [0, 1000, 2000, 600_000, 0], 2000, "0 3 * * *",
        "Europe/Paris", "both", "skip", 1_767_225_600_000, 1_798_761_600_000, 300_000, "all", 7_200_000, 0,
        "buffer_one", 3, True, "asked for by finance",
    ]  # fmt: skip
    assert named(schedule.row(report.job(), name="other"))["name"] == "other"


def test_a_job_by_name_leaves_its_queue_open() -> None:
    """The client fills it in, from what the task's executors announced."""
    found = named(Schedule("@daily").row(job("shop.clean", 1)))
    assert (found["queue"], found["priority"], found["name"]) == (None, None, "shop.clean")
    assert named(Schedule("@daily").row(job("shop.clean"), retries=2))["retry"] == [2, 1000, 2000, 600_000, 0]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"cron": ""}, "give a cron expression"),
        ({"cron": "x" * 501}, "at most 500 characters"),
        ({"cron": 5}, "cron is 5"),
        ({"cron": "61 * * * *"}, "61"),
        ({"tz": ""}, "give the name of a time zone"),
        ({"tz": "Europe/Pari"}, "Europe/Pari"),
        ({"name": ""}, "1 to 200"),
        ({"name": 5}, "the name of a schedule is 5; give text"),
        ({"name": "a\tb"}, "cannot be printed"),
        ({"fold": "second"}, "give one of first, last, both"),
        ({"gap": None}, "give one of shift, skip"),
        ({"catch_up": "none"}, "give one of skip, latest, all"),
        ({"overlap": "wait"}, "give one of skip, allow, buffer_one"),
        ({"start": datetime(2026, 1, 1)}, "no time zone"),  # noqa: DTZ001  (naive on purpose)
        ({"end": "2026-01-01"}, "give a datetime with a time zone"),
        (
            {"start": datetime(2026, 1, 2, tzinfo=UTC), "end": datetime(2026, 1, 1, tzinfo=UTC)},
            "end lies before start; exchange them",
        ),
        ({"jitter": -1}, "jitter is -1; give 0 or more seconds"),
        ({"jitter": 86_401}, "at most 86400 seconds"),
        ({"window": "1h"}, "window is '1h'; give seconds"),
        ({"grace": None}, "grace is None"),
        ({"limit": 0}, "limit is 0; give a whole number from 1"),
        ({"paused": 1}, "paused is 1; give True, False, or None"),
        ({"note": ""}, "give text of 1 to 1000 characters"),
    ],
)
def test_what_a_schedule_may_not_be(options: dict[str, Any], named: str) -> None:
    """The fault is told where the schedule is written, with its mend."""
    with pytest.raises(InvalidOption) as caught:
        Schedule(**{"cron": "@daily", **options})
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"tenant": "no such"}, "tenant 'no such'"),
        ({"queue": ""}, "queue ''"),
        ({"priority": 101}, "priority is 101"),
        ({"retries": -1}, "retries is -1"),
        ({"timeout": 0}, "timeout is 0; give more than 0"),
        ({"name": "x" * 201}, "201 characters"),
    ],
)
def test_what_a_row_may_not_be(options: dict[str, Any], named: str) -> None:
    """Options of the job are held to the bounds of a submit."""
    with pytest.raises(InvalidOption) as caught:
        Schedule("@daily").row(report.job(), **options)
    assert named in str(caught.value)


def test_a_schedule_is_a_value() -> None:
    """It does not change, and compares by what it says."""
    schedule: Any = Schedule("@daily")
    assert schedule == Schedule("@daily", "UTC", grace=60)
    with pytest.raises(FrozenInstanceError):
        schedule.cron = "@hourly"


def test_a_task_with_a_cron_has_a_schedule() -> None:
    """An expression, a Schedule, or a list; names come from the task."""

    @task(name="one", cron="*/5 * * * *")
    def one() -> None: ...

    @task(name="two", cron=Schedule("@daily", "Europe/Paris"))
    def two(ctx: Context, often: int = 3) -> None: ...

    @task(name="three", cron=["@daily", Schedule("@hourly", name="each hour")])
    def three(*rest: int, **more: int) -> None: ...

    assert one.schedules == (Schedule("*/5 * * * *", name="one"),)
    assert two.schedules == (Schedule("@daily", "Europe/Paris", name="two"),)
    assert [schedule.name for schedule in three.schedules] == ["three:@daily", "each hour"]
    assert report.schedules == ()
    rows = Registry([three, two, one]).schedule_rows()
    assert [(row[0], row[3]) for row in rows] == [
        ("one", "one"),
        ("each hour", "three"),
        ("three:@daily", "three"),
        ("two", "two"),
    ]
    assert all(schedule_fault(row) is None for row in rows)


def test_a_kept_decorator_names_each_task() -> None:
    """The schedule of a decorator is called after the task that it decorates, and may be taken back."""
    nightly = task(cron="0 3 * * *")

    @nightly(name="clean")
    def clean() -> None: ...

    @nightly(name="pack", cron=None)
    def pack() -> None: ...

    assert [schedule.name for schedule in clean.schedules] == ["clean"]
    assert pack.schedules == ()


@pytest.mark.parametrize(
    ("cron", "named"),
    [
        ([], "cron is an empty list"),
        ({"@daily"}, "give a cron expression, a Schedule, or a list of these"),
        (["@daily", 5], "cron is 5"),
        ("every day", "every day"),
    ],
)
def test_what_a_cron_may_not_be(cron: Any, named: str) -> None:
    """It is refused with the options, before any function is there."""
    with pytest.raises(InvalidOption) as caught:
        task(cron=cron)
    assert named in str(caught.value)


def test_two_schedules_of_a_task_need_two_names() -> None:
    """The same expression in two zones is two schedules."""
    twice = task(name="twice", cron=["@daily", Schedule("@daily", "Europe/Paris")])
    with pytest.raises(InvalidOption, match="two schedules of twice are named 'twice:@daily'; give each a name"):

        @twice
        def fails() -> None: ...

    long = task(name="long", cron=["0 0 1 1 *" + " " * 200])
    with pytest.raises(InvalidOption, match="it takes 1 to 200"):

        @long
        def fails_too() -> None: ...


def test_a_task_with_required_arguments_cannot_run_by_itself() -> None:
    """Its decoration says which, and what to do; the context is not one of them."""
    with pytest.raises(
        InvalidTask, match=r"so it is called without arguments, but to, cc must be given; give defaults"
    ):

        @task(cron="@daily")
        def send(ctx: Context, to: str, *, cc: "Unheard", bcc: str = "") -> None: ...  # noqa: F821  (no such type, on purpose)


def test_a_context_is_found_behind_any_annotation() -> None:
    """As a text, and where it may be None."""

    @task(name="later", cron="@daily")
    def later(ctx: "Context | None") -> None: ...

    assert len(later.schedule_rows()) == 1


def test_two_tasks_may_not_share_a_schedules_name(write: WriteModule) -> None:
    """The error points at both declarations."""
    write("first_tasks", "\n@task(cron=Schedule('@daily', name='x'))\ndef one(): ...\n")
    write("second_tasks", "@task(cron=Schedule('@hourly', name='x'))\ndef two(): ...\n")
    with pytest.raises(
        DuplicateSchedule,
        match=r"two schedules are named 'x': of first_tasks.one \(.*first_tasks.py:3\) and of .*; give one of them",
    ):
        load(["first_tasks", "second_tasks"])
