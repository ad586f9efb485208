"""`mainspring import`: takes over from other schedulers; `mainspring import crontab` from cron.

Decides what is asked and how the outcome is told. What a line becomes is the part of nodes/schedules. Exit status 1
if a line was left out.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ...actors.cron.zones import zone_info
from ..schedules.crontab_files import UnreadableCrontab, machine_zone, owner_of_node, sources
from ..schedules.crontab_import import Import, take_over
from ..schedules.crontab_toml import FileExists, commands_text, schedules_text, write
from .errors import CommandError
from .output import Column, Json, cell, show_json, show_list

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

COLUMNS = (
    Column("schedule", "schedule"),
    Column("cron", "cron"),
    Column("tz", "zone"),
    Column("line", "line"),
)


@app.callback()
def _group() -> None:
    """Take over from other schedulers."""


def _zone(text: str) -> str:
    try:
        zone_info(text)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None
    return text


Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="Crontabs, folders of them, or - for stdin.")]
User = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The user that the node runs as; you, if not given.", show_default=False),
]
System = Annotated[
    bool | None,
    typer.Option(
        "--system/--no-system",
        help="Lines have a user before the command; if not given, those of etc/crontab and etc/cron.d/ do.",
        show_default=False,
    ),
]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Where commands.toml and schedules.toml are written.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Print the files; write nothing.")]
Replace = Annotated[bool, typer.Option("--replace", help="Write over files that are there.")]
Paused = Annotated[bool, typer.Option("--paused/--active", help="Whether the schedules wait until they are resumed.")]
Zone = Annotated[
    str | None,
    typer.Option(
        "--tz", metavar="ZONE", help="Their time zone; the machine's, if not given.", parser=_zone, show_default=False
    ),
]


@app.command("crontab", short_help="Take over crontabs as commands and schedules.")
def crontab(
    files: Files,
    user: User = None,
    system: System = None,
    out: Out = Path(),
    dry_run: Dry = False,
    replace: Replace = False,
    paused: Paused = True,
    tz: Zone = None,
    json: Json = False,
) -> int:
    """Take over crontabs: each line becomes a command and a schedule, in two TOML files.

    Says of each line that could not be taken over why not; the exit status is 1 then, and the others are written all
    the same. The schedules are paused unless you say `--active`, for as long as cron has the lines they would run
    twice. Nothing in the crontabs is changed.

    Example: crontab -l | mainspring import crontab - --out conf
    """
    try:
        owner = owner_of_node(user)
        zone = tz or machine_zone()
        if zone is None:
            raise CommandError("this machine does not say its time zone; give one with --tz, such as Europe/Riga")
        read, remarks = sources(files, owner, system=system)
        found = take_over(read, owner, zone, paused=paused)
        written = write(found, out, replace=replace) if found.taken and not dry_run else []
    except (UnreadableCrontab, FileExists) as fault:
        raise CommandError(str(fault)) from None
    if json:
        show_json(_told(found, remarks, written))
        return 1 if found.refused else 0
    sys.stderr.writelines(f"{cell(remark)}\n" for remark in remarks)
    sys.stderr.writelines(
        f"{cell(f'{told.file}:{told.line}')}: {_kind(told.refused)}{cell(told.text)}\n" for told in found.told
    )
    if dry_run and found.taken:
        sys.stdout.write(f"{commands_text(found)}\n{schedules_text(found)}")
    else:
        _show(found, written)
    return 1 if found.refused else 0


def _kind(refused: bool) -> str:
    return "left out: " if refused else ""


def _show(found: Import, written: list[Path]) -> None:
    rows = [
        {"schedule": taken.name, "cron": taken.cron, "tz": taken.zone, "line": f"{taken.file}:{taken.line}"}
        for taken in found.taken
    ]
    show_list(rows, COLUMNS, as_json=False, empty="nothing to take over: no file has a line that could be")
    if written:
        sys.stdout.write(f"\nwrote {' and '.join(map(str, written))}\n")
        sys.stdout.write("name them in the node's file: `commands` of an [[executor]], and `file` of [schedules]\n")
        if found.paused:
            sys.stdout.write(
                "the schedules are paused: take the lines out of the crontabs, then run `mainspring schedules resume`\n"
            )
    if found.refused:
        lines = "1 line is" if found.refused == 1 else f"{found.refused} lines are"
        sys.stderr.write(f"{lines} left out; the reasons stand above\n")


def _told(found: Import, remarks: list[str], written: list[Path]) -> dict[str, Any]:
    return {
        "written": [str(path) for path in written],
        "defaults": found.defaults(),
        "commands": found.commands,
        "schedules": found.schedules,
        "lines": [taken._asdict() for taken in found.taken],
        "left_out": [told._asdict() for told in found.told if told.refused],
        "remarks": [told._asdict() for told in found.told if not told.refused],
        "files": remarks,
    }
