"""Builders of log entries about schedules, for tests of shard stores: plain by default, any column by name."""

from typing import Any

from shard_entries import START_MS, a_submit, an_entry

from mainspring.actors import entries
from mainspring.actors.entries import Entry, Op
from mainspring.actors.jobs import lifecycle as life
from mainspring.actors.schedules import reasons
from mainspring.broker.wire.ids import job_id
from mainspring.broker.wire.rows import SCHEDULE_COLUMNS

MINUTE_MS = 60_000
NOON_MS = START_MS - START_MS % (24 * 60 * MINUTE_MS) + 12 * 60 * MINUTE_MS
"""2023-11-14T12:00:00.000Z"""


def a_definition(name: str = "report", tenant: str = "default", **columns: Any) -> list[Any]:
    """A row of SCHEDULE_COLUMNS: plain by default, any column by name."""
    plain = {
        "name": name, "tenant": tenant, "queue": "mail", "task": "send", "payload": "{}", "priority": 0, "retry": None,
        "timeout_ms": None, "expression": "0 * * * *", "zone": "UTC", "fold": "first", "gap": "shift", "start_ms": None,
        "end_ms": None, "jitter_ms": 0, "catch_up": "latest", "window_ms": 3_600_000, "grace_ms": 60_000,
        "overlap": "skip", "runs_max": None, "paused": None, "note": None,
    }  # fmt: skip
    assert columns.keys() <= plain.keys(), "a column is misspelt"
    row = list((plain | columns).values())
    assert tuple(plain) == SCHEDULE_COLUMNS
    return row


def a_schedule(number: int = 1, *, source: str = "client", next_ms: int | None = NOON_MS, **columns: Any) -> Op:
    """An op that defines one schedule, accounted for up to 11:00."""
    cursor_ms = NOON_MS - 60 * MINUTE_MS
    return [entries.SCHEDULE, source, "v1", [[number, cursor_ms, next_ms, a_definition(**columns)]]]


def a_tick(
    number: int = 1,
    minute: int = 0,
    reason: int = reasons.ON_TIME,
    *,
    job: int | None = None,
    to_minute: int | None = None,
    count: int = 1,
) -> Op:
    """An op that accounts for instants of one schedule; minutes count from noon."""
    from_ms = NOON_MS + minute * MINUTE_MS
    to_ms = from_ms if to_minute is None else NOON_MS + to_minute * MINUTE_MS
    return [entries.TICK, [[number, from_ms, to_ms, count, reason, job, to_ms, to_ms + MINUTE_MS]]]


def made_by_schedule(first_id: int, count: int = 1) -> Op:
    """An op that takes jobs of ticks."""
    return a_submit(first_id, count, session=0, sequence=0, scheduled_ms=NOON_MS)


def schedules_of_each(shard: int = 3, sequence: int = 10) -> list[Entry]:
    """A short history behind `one_of_each`, with a schedule in each state and a tick of each fate.

    Schedules 1 active, 2 paused, 3 ended, 4 removed, 5 active although it has no next instant.
    """
    first = job_id(shard, sequence)
    stamp_ms = START_MS + 5_000
    return [
        an_entry(
            a_schedule(1, expression="* * * * *", payload='{"kwargs":{"day":"today"}}', note="for the accountants"),
            a_schedule(2, name="pings", source="code", overlap="buffer_one", retry=[3, 1000, 2.0], paused=True),
            a_schedule(3, name="once", runs_max=1, tenant="other"),
            a_schedule(4, name="old", source="file:schedules.toml"),
            a_schedule(5, name="at-boot", expression="@reboot", next_ms=None),
            [entries.AUDIT, [["ada", "schedule added", "default/report", None, "schedule: 1", "asked for"]]],
            stamp_ms=stamp_ms,
        ),
        an_entry(
            made_by_schedule(first, 3),
            a_tick(1, 0, job=first),
            a_tick(1, 1, reasons.OVERLAP, to_minute=3, count=3),
            a_tick(2, 0, reasons.CAUGHT_UP, job=first + 1),
            a_tick(2, 1, reasons.BUFFERED),
            a_tick(3, 0, job=first + 2),
            a_tick(4, 0, reasons.MISSED),
            stamp_ms=stamp_ms + 1,
        ),
        an_entry(
            [entries.PAUSE, [2], 1, "the printer is out of ink"],
            [entries.UNSCHEDULE, [4]],
            [entries.CANCEL, [first + 1], life.CANCELLED],
            [entries.BOOT, "node-1", "boot-1"],
            stamp_ms=stamp_ms + 2,
        ),
    ]
