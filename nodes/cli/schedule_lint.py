"""`mainspring schedules lint`: checks files of schedules, and warns of what is no fault but seldom meant.

Decides what is printed and the exit status: 1 if a file has a fault, or with `--strict` a warning. What is worth a
warning it must not know.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from ..schedules.lint import remarks
from ..schedules.load import Declared, load_schedules
from ..schedules.preview import of_rows
from ..settings.errors import Fault, SettingsError
from .connection import Url, connected
from .output import Json, cell, show_json
from .schedule_formats import full_name, now_ms

FILE_DEFAULT: Final = Path("schedules.toml")
ASK_TIMEOUT_S: Final = 2.0


class Finding(NamedTuple):
    """One line of the report."""

    file: str
    line: int | None
    schedule: str
    level: str
    """fault or warning."""
    kind: str
    text: str


def command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE", help=f"Files of schedules; {FILE_DEFAULT} if none is given.", show_default=False
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Let a warning fail, as a fault does.")] = False,
    url: Url = None,
    json: Json = False,
) -> int:
    """Check files of schedules as a whole, and warn of what is no fault but seldom meant.

    It warns of schedules that never fire again, of fixed times that a change of the clocks shifts, drops or doubles, of
    steps that do not divide their field, of many schedules in one second, and of names that two files give. Where a
    node is reached, also of tasks that no executor has announced. The exit status is 1 if there is a fault; with
    `--strict` also if there is a warning.
    """
    chosen = files or [FILE_DEFAULT]
    found: list[Finding] = []
    loaded: list[Declared] = []
    for file in dict.fromkeys(chosen):
        try:
            loaded.append(load_schedules(file))
        except SettingsError as error:
            found += map(_of_fault, error.faults)
    tasks = _tasks(url) if loaded else None
    for declared in loaded:
        found += _of_file(declared, tasks)
    found += _of_names(loaded)
    faults = sum(one.level == "fault" for one in found)
    warnings = len(found) - faults
    if json:
        show_json([one._asdict() for one in found])
    else:
        sys.stdout.writelines(f"{cell(_line(one))}\n" for one in found)
        schedules = sum(len(declared.rows) for declared in loaded)
        asked = "" if tasks is not None else "; no node was asked about tasks"
        counts = ((schedules, "schedule"), (faults, "fault"), (warnings, "warning"))
        told = ", ".join(f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counts)
        sys.stderr.write(f"{told}{asked}\n")
    return 1 if faults or (strict and warnings) else 0


def _tasks(url: str | None) -> dict[str, str] | None:
    """Returns the queue of each task that a node knows; None if there is no node to ask, and none was named.

    Raises:
        MainspringError: the named node does not answer.
    """
    from ...broker.tasks.exceptions import MainspringError
    from .errors import CommandError

    try:
        with connected(url, ASK_TIMEOUT_S) as client:
            return {row["name"]: row["queue"] for row in client.query("tasks")}
    except (MainspringError, CommandError):
        if url is not None:
            raise
        return None


def _of_fault(fault: Fault) -> Finding:
    given = fault.key if fault.value is None else f"{fault.key} = {fault.value}"
    return Finding(fault.where, fault.line, "", "fault", "fault", ": ".join(filter(None, (given, fault.text))))


def _of_file(declared: Declared, tasks: dict[str, str] | None) -> Iterator[Finding]:
    lines = {full_name(row[1], row[0]): declared.lines.get(row[0]) for row in declared.rows}
    for remark in remarks(of_rows(declared.rows, declared.source), now_ms(), tasks):
        where = str(declared.path)
        yield Finding(where, lines.get(remark.name), remark.name, "warning", remark.kind, remark.text)


def _of_names(loaded: list[Declared]) -> Iterator[Finding]:
    """Finds schedules that two files define: they would take it from each other at every change."""
    known: dict[tuple[str, str], Declared] = {}
    for declared in loaded:
        for row in declared.rows:
            first = known.setdefault((row[1], row[0]), declared)
            if first is not declared:
                text = f"is in {first.path} as well: the file that is applied last has it; rename one"
                name = full_name(row[1], row[0])
                yield Finding(str(declared.path), declared.lines.get(row[0]), name, "warning", "twice", text)


def _line(one: Finding) -> str:
    place = one.file if one.line is None else f"{one.file}:{one.line}"
    about = f"{one.schedule}: " if one.schedule else ""
    return f"{place}: {one.level}: {about}{one.text}"
