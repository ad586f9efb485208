"""What `mainspring preview` prints: a page for people, one object for programs.

Decides the words and the order. It must not know how anything was found.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..schedules.picture import told as clocks
from ..schedules.preview import Planned, Transition, Upcoming, in_zone, reboots
from ..schedules.preview_load import Collision, Load
from .formats import duration, iso_utc
from .output import Column, cell, show_list

BLOCKS: Final = " ▁▂▃▄▅▆▇█"
BARS_MAX: Final = 96
NAMES_SHOWN_MAX: Final = 5


class Change(NamedTuple):
    """The node's load without and with a file."""

    before: Load
    after: Load


class Preview(NamedTuple):
    """All that was found."""

    title: str
    schedules: Sequence[Planned]
    after_ms: int
    hours: int
    times: Sequence[Upcoming]
    load: Load
    transitions: Sequence[Transition]
    change: Change | None
    picture: Path | None


def show(found: Preview) -> None:
    """Prints the page for people."""
    out = sys.stdout
    if not found.schedules:
        out.write(f"{cell(found.title)}: no schedules\n")
        return
    many = len(found.schedules) > 1
    if many:
        paused = sum(one.paused for one in found.schedules)
        rest = f", {paused} of them paused and looked at as if they ran" if paused else ""
        out.write(f"{cell(found.title)}: {len(found.schedules)} schedules{rest}\n\n")
    show_list(_rows(found), _columns(found, many=many), as_json=False, empty=_never(found))
    names = reboots(found.schedules)
    if names and found.times:
        out.write(f"\nfire when the host was started: {_some(names)}\n")
    if found.transitions:
        out.write("\nclocks change:\n")
        out.writelines(f"  {_local(one.instant_ms, one.zone)}  {clocks(one)}\n" for one in found.transitions)
    if found.load.total:
        _show_load(found)
    if found.picture is not None:
        out.write(f"\ndrew {found.picture}\n")


def _columns(found: Preview, *, many: bool) -> list[Column]:
    columns = [Column("local", "local time"), Column("utc", "UTC"), Column("left", "in", right=True)]
    if many:
        columns += [Column("name", "schedule"), Column("zone", "zone")]
    if any(one.note for one in found.times):
        columns.append(Column("note", "clocks", style=_warning))
    return columns


def _warning(_value: object) -> str:
    return "yellow"


def _rows(found: Preview) -> list[dict[str, object]]:
    return [
        {
            "local": _local(one.instant_ms, one.zone),
            "utc": _utc(one.instant_ms),
            "left": duration(one.instant_ms - found.after_ms),
            "name": one.name,
            "zone": one.zone,
            "note": one.note or "",
        }
        for one in found.times
    ]


def _never(found: Preview) -> str:
    names = reboots(found.schedules)
    if names:
        return f"no times: {_some(names)} fires when the host was started"
    return f"no time comes up after {_utc(found.after_ms)}"


def _show_load(found: Preview) -> None:
    out, load = sys.stdout, found.load
    zone = found.schedules[0].calendar.expression.zone
    jobs = "1 job" if load.total == 1 else f"{load.total} jobs"
    hours = "the next hour" if found.hours == 1 else f"the next {found.hours} hours"
    out.write(f"\nload: {jobs} in {hours}; at most {load.peak:g} in a minute, at {_local(load.peak_ms, zone)}\n")
    if len(found.schedules) > 1:
        out.write(f"  {bars(load)}\n")
    jittered = sum(one.definition.jitter_ms > 0 for one in found.schedules)
    if jittered:
        out.write(f"  counted with the jitter of {'it' if len(found.schedules) == 1 else jittered}\n")
    if load.spread:
        out.write(
            f"  too many instants to look at each: those of {_some(load.spread)} are spread evenly over each hour,"
            " and stand in no collision\n"
        )
    if found.change is not None:
        out.write(f"  {_changed(found.change)}\n")
    if load.collisions:
        _show_collisions(load.collisions, load.collided, zone)


def _show_collisions(collisions: Sequence[Collision], collided: int, zone: str) -> None:
    seconds = "1 second" if collided == 1 else f"{collided} seconds"
    sys.stdout.write(f"\ncollisions: {seconds} with more than one schedule; the fullest:\n")
    for one in collisions:
        more = f" and {one.schedules - len(one.names)} more" if one.schedules > len(one.names) else ""
        sys.stdout.write(f"  {_local(one.instant_ms, zone)}  {one.schedules}  {cell(', '.join(one.names))}{more}\n")


def _changed(change: Change) -> str:
    before, after = change.before, change.after
    return (
        f"the node now: {before.total} jobs, at most {before.peak:g} in a minute; with this file: {after.total} jobs,"
        f" at most {after.peak:g} ({after.peak - before.peak:+g})"
    )


def bars(load: Load) -> str:
    """Draws the most jobs in a minute over time as one line of blocks."""
    step = -(-len(load.minutes) // BARS_MAX)
    peaks = [max(load.minutes[start : start + step]) for start in range(0, len(load.minutes), step)]
    most = load.peak or 1.0
    return "".join(BLOCKS[int(-(-peak * (len(BLOCKS) - 1) // most))] for peak in peaks)


def told(found: Preview) -> dict[str, Any]:
    """Returns everything for programs."""
    load = found.load
    return {
        "title": found.title,
        "after_ms": found.after_ms,
        "after_at": iso_utc(found.after_ms),
        "hours": found.hours,
        "schedules": len(found.schedules),
        "paused": sum(one.paused for one in found.schedules),
        "times": [
            {
                "instant_ms": one.instant_ms,
                "instant_at": iso_utc(one.instant_ms),
                "local": in_zone(one.instant_ms, one.zone).isoformat(),
                "zone": one.zone,
                "schedule": one.name,
                "note": one.note,
            }
            for one in found.times
        ],
        "at_reboot": reboots(found.schedules),
        "clock_changes": [
            {**one._asdict(), "instant_at": iso_utc(one.instant_ms), "text": clocks(one)} for one in found.transitions
        ],
        "load": {
            **_load(load),
            "per_minute": [int(count) if count.is_integer() else count for count in load.minutes],
            "start_ms": load.start_ms,
            "spread": load.spread,
        },
        "collisions": {
            "seconds": load.collided,
            "fullest": [{**one._asdict(), "instant_at": iso_utc(one.instant_ms)} for one in load.collisions],
        },
        "change": None
        if found.change is None
        else {"before": _load(found.change.before), "after": _load(found.change.after)},
        "picture": None if found.picture is None else str(found.picture),
    }


def _load(load: Load) -> dict[str, Any]:
    return {"jobs": load.total, "peak": load.peak, "peak_ms": load.peak_ms, "peak_at": iso_utc(load.peak_ms)}


def _local(instant_ms: int, zone: str) -> str:
    at = in_zone(instant_ms, zone)
    offset = f"{at:%z}"
    return f"{at:%a %Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:5]}"


def _utc(instant_ms: int) -> str:
    return f"{(iso_utc(instant_ms) or '')[:19].replace('T', ' ')}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN_MAX} more" if len(names) > NAMES_SHOWN_MAX else ""
    return cell(", ".join(names[:NAMES_SHOWN_MAX])) + more
