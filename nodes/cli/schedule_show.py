"""`mainspring schedules show`: everything about one schedule.

Decides what is told of a schedule and in which order. It must not know when a time is: the calendar does. Exit status 1
if no schedule has the name.
"""

import sys
from typing import Any, Final

from ...actors.cron.calendar import Calendar, calendar
from ..spans import span_text
from .connection import Url, connected
from .errors import CommandError
from .formats import iso_utc, local_time
from .output import Column, Json, json_text, show_json, show_list, show_one
from .schedule_formats import (
    DEFAULT_TENANT,
    Name,
    Tenant,
    ahead,
    for_programs,
    full_name,
    now_ms,
    zone_of,
    zone_time,
)
from .schedule_ticks import read_schedule, show_ticks, told_tick
from .tasks import policy_of

TIMES: Final = 10
TICKS_SHOWN: Final = 10

NEXT_COLUMNS: Final = (Column("when", "next"), Column("ahead", "in", right=True), Column("note", "note"))


def command(name: Name, tenant: Tenant = DEFAULT_TENANT, url: Url = None, json: Json = False) -> int:
    """Show everything about one schedule: what was defined, its next times, and what became of the last ones.

    Times are those of its own zone; what the clocks do to a time stands beside it. The exit status is 1 if no schedule
    has the name.
    """
    with connected(url) as client:
        found = read_schedule(client, name, tenant)
        recent = client.query("ticks", name=name, tenant=tenant, schedule=found["schedule"], limit=TICKS_SHOWN)
    present_ms = now_ms()
    times = next_times(found, present_ms)
    if json:
        show_json({**for_programs(found), "next": times, "ticks": [told_tick(row) for row in recent]})
        return 0
    show_one(_told(found), as_json=False)
    zone = zone_of(found["expression"], found["zone"])
    sys.stdout.write("\n")
    rows = [
        {
            "when": zone_time(one["ms"], zone, offset=True),
            "ahead": ahead(one["ms"], present_ms).removeprefix("in "),
            "note": one["note"] or "",
        }
        for one in times
    ]
    show_list(rows, NEXT_COLUMNS, as_json=False, empty=_without_times(found))
    sys.stdout.write("\n")
    show_ticks(recent, zone)
    return 0


def next_times(found: dict[str, Any], after_ms: int) -> list[dict[str, Any]]:
    """Returns the next times, with what the clocks do to each; none of a schedule that has ended."""
    if found["state"] in ("ended", "removed"):
        return []
    one = _calendar(found)
    zone = one.expression.zone
    return [
        {"ms": ms, "at": iso_utc(ms), "local": zone_time(ms, zone, offset=True), "note": one.note(ms)}
        for ms in one.times(after_ms, TIMES)
    ]


def _calendar(found: dict[str, Any]) -> Calendar:
    try:
        return calendar(*(found[key] for key in ("expression", "zone", "fold", "gap", "start_ms", "end_ms")))
    except ValueError as error:
        raise CommandError(f"this machine cannot read the schedule: {error}") from None


def _without_times(found: dict[str, Any]) -> str:
    if found["state"] in ("ended", "removed"):
        return f"no next time: it is {found['state']}"
    return (
        "no next time: it runs when the host of the node was started" if _calendar(found).is_reboot else "no next time"
    )


def _told(found: dict[str, Any]) -> dict[str, Any]:
    """Returns what people read, without what says nothing."""
    policy = policy_of(found["retry"])
    zone = zone_of(found["expression"], found["zone"])
    told: dict[str, Any] = {
        "schedule": full_name(found["tenant"], found["name"]),
        "state": found["state"] + (f" ({found['pause_note']})" if found["pause_note"] else ""),
        "cron": found["expression"],
        "zone": zone,
        "task": found["task"],
        "arguments": _arguments(found["payload"]),
        "queue": found["queue"],
        "priority": found["priority"] or None,
        "retries": None if policy is None else policy.retries,
        "timeout": _span(found["timeout_ms"]),
        "clocks": f"fold {found['fold']}, gap {found['gap']}",
        "start": _optional(found["start_ms"], zone),
        "end": _optional(found["end_ms"], zone),
        "jitter": _span(found["jitter_ms"] or None),
        "catch up": f"{found['catch_up']}, window {_span(found['window_ms'])}, grace {_span(found['grace_ms'])}",
        "overlap": found["overlap"],
        "waits": _optional(found["buffered_ms"], zone),
        "runs": found["runs"] if found["runs_max"] is None else f"{found['runs']} of {found['runs_max']}",
        "source": f"{found['source']}{' ' + found['revision'] if found['revision'] else ''}",
        "note": found["note"],
        "changed": local_time(found["changed_ms"]),
        "removed": None if found["removed_ms"] is None else local_time(found["removed_ms"]),
    }
    return {key: value for key, value in told.items() if value is not None}


def _span(ms: int | None) -> str | None:
    return None if ms is None else span_text(ms)


def _optional(ms: int | None, zone: str) -> str | None:
    return None if ms is None else zone_time(ms, zone, offset=True)


def _arguments(payload: str) -> str | None:
    from ...broker.tasks.arguments import decode_arguments
    from ...broker.tasks.exceptions import InvalidPayload

    try:
        args, kwargs = decode_arguments(payload)
    except InvalidPayload:
        return payload
    words = [json_text(value) for value in args] + [f"{name}={json_text(value)}" for name, value in kwargs.items()]
    return " ".join(words) or None
