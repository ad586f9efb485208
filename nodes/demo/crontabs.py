"""The crontabs of this machine, taken over into the demonstration's node, paused, and looked at.

Decides which files are looked for, and what is told of them. It must not know how a line becomes a schedule: the
importer of `mainspring import crontab` does that, and the calendars are those of `mainspring preview`. Nothing is
changed in the crontabs, and nothing of them runs. The schedules have a source and names of their own, so that those
that somebody has imported into the same data folder stay as they are.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..schedules.crontab_files import UnreadableCrontab, machine_zone, owner_of_node, sources
from ..schedules.crontab_import import Import, Source, take_over
from ..schedules.crontab_toml import SCHEDULES_FILE, write
from ..schedules.load import load_schedules
from ..schedules.preview import Planned, in_zone, of_rows

if TYPE_CHECKING:
    from ...broker.net.client import Client

PLACES: Final = (Path("/etc/crontab"), Path("/etc/cron.d"))
FOLDER: Final = "crontabs"
ZONE_DEFAULT: Final = "UTC"
SHOWN_MAX: Final = 6

SOURCE: Final = "demo:crontabs"
PREFIX: Final = "demo:"
SQL: Final = f"SELECT count(*) FROM v_schedules WHERE source = '{SOURCE}' AND state = 'paused'"  # noqa: S608  (put together from constants)


@dataclass(frozen=True, slots=True)
class Crontabs:
    """What was found, and what the node now has of it."""

    lines: tuple[str, ...]
    """What is told."""
    schedules: int
    """How many schedules the node has of them, all paused."""


def take(client: "Client", data_dir: Path, places: Sequence[Path] = PLACES) -> Crontabs:
    """Takes the crontabs over.

    Args:
        client: of the node.
        data_dir: of the node; the files of the import are written below it.
        places: files and folders to look for.
    """
    found, remarks = _read([place for place in places if place.exists()])
    rows: list[list[Any]] = []
    if found.taken:
        folder = data_dir / FOLDER
        write(found, folder, replace=True)
        rows = [[PREFIX + row[0], *row[1:]] for row in load_schedules(folder / SCHEDULES_FILE).rows]
    client.schedules.apply(rows, SOURCE, whole=True)  # and those of an earlier run are gone
    if rows:
        told = [
            f"crontabs of this machine, taken over into {len(rows)} paused schedules:",
            *_preview(of_rows(rows, SOURCE)),
        ]
    else:
        what = "no line that can be taken over in its crontabs" if found.told or remarks else "no crontabs"
        told = [f"this machine has {what} ({' and '.join(map(str, places))})"]
    return Crontabs((*told, *_left_out(found, remarks)), len(rows))


def _read(places: Sequence[Path]) -> tuple[Import, list[str]]:
    try:
        owner = owner_of_node(None)
    except UnreadableCrontab as fault:  # its number has no name here, as in some containers
        return Import(ZONE_DEFAULT, paused=True), [str(fault)] if places else []
    found: list[Source] = []
    remarks: list[str] = []
    for place in places:
        try:
            read, more = sources([place], owner, system=True)
        except UnreadableCrontab as fault:
            remarks.append(str(fault))
        else:
            found += read
            remarks += more
    return take_over(found, owner, machine_zone() or ZONE_DEFAULT, paused=True), remarks


def _preview(schedules: list[Planned]) -> list[str]:
    """Returns a line for each schedule, the next first, with its next time; the last line counts those left out."""
    now_ms = int(time.time() * 1000)
    following = sorted(
        ((at_ms, one) for one in schedules if (at_ms := one.calendar.next_ms(now_ms)) is not None),
        key=lambda pair: (pair[0], pair[1].name),
    )
    lines = [
        f"  {one.name.removeprefix(PREFIX):24} {one.definition.expression:18} next {_shown(at_ms, one)}"
        for at_ms, one in following[:SHOWN_MAX]
    ]
    more = len(schedules) - len(lines)
    return [*lines, f"  and {more} more"] if more else lines


def _shown(at_ms: int, schedule: Planned) -> str:
    note = schedule.calendar.note(at_ms)
    return f"{in_zone(at_ms, schedule.definition.zone):%a %Y-%m-%d %H:%M %Z}" + (f", {note}" if note else "")


def _left_out(found: Import, remarks: list[str]) -> list[str]:
    told = [str(told) for told in found.told if told.refused] + remarks
    lines = [f"  left out: {line}" for line in told[:SHOWN_MAX]]
    return [*lines, f"  and {len(told) - SHOWN_MAX} more"] if len(told) > SHOWN_MAX else lines
