"""How commands write schedules: names with tenants, instants in a schedule's own zone, and how far ahead they are.

Decides the words alone. It must not know where a schedule comes from.
"""

from datetime import UTC, datetime
from time import time
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer

from ...broker.wire.ids import format_id
from .connection import names_of
from .formats import MS_MAX, duration, shown_ids

DEFAULT_TENANT: Final = "default"
STATE_STYLES: Final = {"active": "green", "paused": "yellow", "ended": "bright_black", "removed": "bright_black"}
FATE_STYLES: Final = {"fired": "green", "waiting": "yellow", "skipped": "red"}
CHANGE_STYLES: Final = {
    "added": "green", "changed": "cyan", "removed": "yellow", "paused": "yellow", "resumed": "green", "ran": "green",
    "skipped": "red", "not_found": "bold red", "unchanged": "dim",
}  # fmt: skip


def state_style(value: object) -> str:
    """Returns the style of a schedule's state."""
    return STATE_STYLES.get(str(value), "")


def fate_style(value: object) -> str:
    """Returns the style of a tick's fate."""
    return FATE_STYLES.get(str(value), "")


def change_style(value: object) -> str:
    """Returns the style of what became of a schedule."""
    return CHANGE_STYLES.get(str(value), "")


def _names(incomplete: str) -> list[str]:
    return names_of("schedules", "name", incomplete)


Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Its name; `mainspring schedules` lists them.", autocompletion=_names)
]
Names = Annotated[list[str], typer.Argument(metavar="NAME", help="Names of schedules.", autocompletion=_names)]
Tenant = Annotated[str, typer.Option("--tenant", metavar="NAME", help="Whose it is.")]


def now_ms() -> int:
    """Returns the present, in UTC milliseconds."""
    return int(time() * 1000)


def full_name(tenant: str, name: str) -> str:
    """Writes a schedule's name, with its tenant where that is not the default one."""
    return name if tenant == DEFAULT_TENANT else f"{tenant}/{name}"


def zone_time(ms: int | None, zone: str, *, offset: bool = False) -> str:
    """Writes an instant in a zone: `2026-03-01 09:30:00`, with `offset` also `+02:00`; an unknown zone is UTC."""
    if ms is None:
        return "-"
    if not 0 <= ms <= MS_MAX:
        return f"{ms} ms"
    try:
        found = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        found = UTC
    told = datetime.fromtimestamp(ms // 1000, UTC).astimezone(found)
    text = f"{told:%Y-%m-%d %H:%M:%S}"
    if not offset:
        return text
    shown = f"{told:%z}"
    return f"{text} {shown[:3]}:{shown[3:5]}"


def ahead(ms: int, present_ms: int) -> str:
    """Writes how far an instant is from the present: `in 5 min 3 s`, `2 h ago`, `now`."""
    away_ms = ms - present_ms
    if abs(away_ms) < 1000:
        return "now"
    return f"in {duration(away_ms)}" if away_ms > 0 else f"{duration(-away_ms)} ago"


def zone_of(expression: str, zone: str) -> str:
    """Returns the zone that an expression is read in: its own, if it names one."""
    word = expression.split(maxsplit=1)[0] if expression.strip() else ""
    name, is_given, own = word.partition("=")
    return own if is_given and name in ("CRON_TZ", "TZ") else zone


def for_programs(row: dict[str, Any]) -> dict[str, Any]:
    """Returns a row of a listing for programs: ids and instants twice, as `v_schedules` and `v_ticks` have them."""
    told = shown_ids(row, "job_id")
    if "job_id" in row:
        told["job"] = None if row["job_id"] is None else format_id(row["job_id"])
    if "fired_job" in row:
        told["fired_job_id"] = row["fired_job"]
        told["fired_job"] = None if row["fired_job"] is None else format_id(row["fired_job"])
    if "paused" in row:
        told["paused"] = bool(row["paused"])
    return told
