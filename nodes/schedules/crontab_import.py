"""Crontabs as commands and schedules of a node: what each line becomes, and what is left out.

Decides names, environments, zones and notes, and whose lines are taken. It must not know how files are found or
written. Rules: a node runs commands as its own user, so the lines of others are refused; what cron would do, the
schedule does: runs may overlap, and a missed one is not caught up.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ...actors.cron.calendar import calendar
from ...actors.cron.expression import parse
from ...actors.cron.zones import zone_info
from ...broker.wire.limits import JITTER_MS_MAX, NOTE_CHARS_MAX
from ..spans import span_text
from .crontab import Assignment, Entry, read
from .crontab_fields import FIELDS, Field, times
from .crontab_names import cleaned, program_of, unique

SHELL_DEFAULT: Final = "/bin/sh"
PATH_DEFAULT: Final = "/usr/bin:/bin"
LIKE_CRON: Final = {"catch_up": "skip", "overlap": "allow"}
MINUTE_MS: Final = 60_000

_MAIL: Final = frozenset({"MAILTO", "MAILFROM", "CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING"})
_PLAIN_FILES: Final = frozenset({"", "crontab", "crontabs", "cron", "root"})
"""File names that tell nothing about what the file runs."""


class Source(NamedTuple):
    """One file to take over."""

    shown: str
    """The path, as it is told."""
    text: str
    system: bool
    """Lines have a user column."""
    owner: str
    """Whose lines they are where there is no such column."""


class Owner(NamedTuple):
    """The user that the node runs as."""

    name: str
    home: str


class Told(NamedTuple):
    """What has to be said about a line of a file."""

    file: str
    line: int
    text: str
    refused: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


class Taken(NamedTuple):
    """One line that has become a schedule."""

    name: str
    command: str
    cron: str
    zone: str
    file: str
    line: int


@dataclass(slots=True)
class Import:
    """What the files have become."""

    zone: str
    paused: bool
    commands: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """Name -> the keys of its table."""
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    taken: list[Taken] = field(default_factory=list["Taken"])
    told: list[Told] = field(default_factory=list["Told"])

    known: dict[str, str] = field(default_factory=dict[str, str])
    """The text of a command's table -> its name."""

    @property
    def refused(self) -> int:
        """How many lines are left out."""
        return sum(told.refused for told in self.told)

    def defaults(self) -> dict[str, Any]:
        """Returns what all schedules have in common."""
        return {"tz": self.zone, **LIKE_CRON, "paused": self.paused}


def take_over(sources: Sequence[Source], owner: Owner, zone: str, *, paused: bool) -> Import:
    """Turns crontabs into commands and schedules.

    Args:
        sources: the files.
        owner: who runs the node; lines of others are refused.
        zone: where a line names none, the machine's.
        paused: whether the schedules wait until somebody resumes them.
    """
    found = Import(zone, paused)
    for source in sources:
        crontab = read(source.text, system=source.system)
        told = [Told(source.shown, *remark) for remark in crontab.remarks]
        told += [
            Told(source.shown, one.line, text, refused=False)
            for one in crontab.assignments
            if (text := _about(one)) is not None
        ]
        for entry in crontab.entries:
            told += _entry(found, source, entry, owner)
        found.told += sorted(told, key=lambda one: one.line)
    return found


def _entry(found: Import, source: Source, entry: Entry, owner: Owner) -> list[Told]:
    """Takes one line over; returns what is to be said of it."""
    try:
        _check_user(source, entry, owner)
        zone = entry.environ.get("CRON_TZ") or found.zone
        cron = expression(entry.when, zone)
        jitter_ms = _jitter_ms(entry.environ)
    except ValueError as fault:
        return [Told(source.shown, entry.line, str(fault), refused=True)]
    name = unique(_name(source, entry.command), (cron, zone, entry.command), found.schedules)
    command = _declared(found, name, _command(entry, owner))
    schedule: dict[str, Any] = {"task": f"command.{command}", "cron": cron}
    if zone != found.zone:
        schedule["tz"] = zone
    if jitter_ms:
        schedule["jitter"] = span_text(jitter_ms)
    if entry.note:
        schedule["note"] = entry.note if len(entry.note) <= NOTE_CHARS_MAX else f"{entry.note[: NOTE_CHARS_MAX - 1]}…"
    found.schedules[name] = schedule
    found.taken.append(Taken(name, command, cron, zone, source.shown, entry.line))
    return [Told(source.shown, entry.line, text, refused=False) for text in _remarks(entry, cron, zone)]


def _check_user(source: Source, entry: Entry, owner: Owner) -> None:
    user = entry.user if source.system else source.owner
    if not source.system and entry.command.split()[0] == "root":
        raise ValueError("the command begins with 'root', so the file seems to have a user column: add --system")
    if user == owner.name:
        return
    mend = f"run a node as {user} and import the line there"
    if source.system:
        mend += f"; if the file has no user column, {user!r} is part of the command: add --no-system"
    raise ValueError(f"it runs as {user}, but a node runs all commands as its own user, {owner.name}: {mend}")


def expression(when: str, zone: str) -> str:
    """Returns the expression that means what cron means by a line's times.

    It is the line's own text, or, where our grammar is narrower than cron's, one with the values spelled out.

    Raises:
        ValueError: the zone is none, or there is no such expression.
    """
    zone_info(zone)
    try:
        parse(when, zone)
    except ValueError:
        if when.startswith("@"):
            raise
    else:
        return when
    texts = when.split()
    wide = [
        _clamped(field, text) if text.startswith("*") else ",".join(map(str, values))
        for field, text, values in zip(FIELDS, texts, times(texts).values, strict=True)
    ]
    parse(" ".join(wide), zone)
    return " ".join(wide)


def _clamped(field: Field, text: str) -> str:
    """Makes steps that are longer than the field as long as it is; a star stays one, for it joins the day fields."""
    most = field.high - field.low + 1 - (field.title == "day of week")
    return re.sub(r"(?<=/)[0-9]+", lambda step: str(min(int(step[0]), most)), text)


def _command(entry: Entry, owner: Owner) -> dict[str, Any]:
    environ = {"PATH": PATH_DEFAULT, **entry.environ}
    environ.pop("CRON_TZ", None)
    environ.pop("RANDOM_DELAY", None)
    environ["SHELL"] = entry.environ.get("SHELL") or SHELL_DEFAULT
    environ["HOME"] = entry.environ.get("HOME") or owner.home
    environ["LOGNAME"] = owner.name
    table: dict[str, Any] = {"argv": [environ["SHELL"], "-c", entry.command], "cwd": environ["HOME"]}
    if entry.stdin is not None:
        table["stdin"] = entry.stdin
    table["env"] = dict(sorted(environ.items()))
    return table


def _declared(found: Import, name: str, table: dict[str, Any]) -> str:
    """Returns the name of a command, which is its first schedule's; what runs at two times is declared once."""
    text = json.dumps(table, sort_keys=True)
    if text not in found.known:
        assert name not in found.commands, "a command has the name of the schedule that came with it"
        found.commands[name] = table
        found.known[text] = name
    return found.known[text]


def _name(source: Source, command: str) -> str:
    """Names a line by its program, and by its file where that says more than `crontab`."""
    program = program_of(command)
    stem = cleaned(source.shown.rsplit("/", 1)[-1].removesuffix(".txt"))
    if not source.system or stem in _PLAIN_FILES or program.startswith(stem):
        return program
    return cleaned(f"{stem}-{program}")


def _jitter_ms(environ: Mapping[str, str]) -> int:
    text = environ.get("RANDOM_DELAY", "")
    minutes = _minutes(text)
    if minutes is None:
        most = JITTER_MS_MAX // MINUTE_MS
        raise ValueError(f"RANDOM_DELAY={text} above is no number of minutes from 0 to {most}; correct it")
    return minutes * MINUTE_MS


def _minutes(text: str) -> int | None:
    if not re.fullmatch(r"\s*[0-9]{0,4}\s*", text, re.ASCII):
        return None
    minutes = int(text.strip() or "0")
    return minutes if minutes * MINUTE_MS <= JITTER_MS_MAX else None


def _remarks(entry: Entry, cron: str, zone: str) -> list[str]:
    """Says what is other than it was under cron."""
    told: list[str] = []
    if cron != entry.when:
        told.append(f"{entry.when!r} is written as {cron!r}")
    times = calendar(cron, zone)
    if not times.is_reboot and times.next_ms(0) is None:
        told.append("no date has these times, so it never runs")
    if re.search(r"(?<![&|>])&\s*$", entry.command):
        told.append("it leaves a process in the background, which is ended with the command: take the & away")
    if "anacron" in entry.command:
        told.append("it leaves the work to anacron where that is installed, and anacron goes on as before")
    return told


def _about(assignment: Assignment) -> str | None:
    """Says what becomes of a variable that means something to cron."""
    name, value = assignment.name, assignment.value
    if not value:
        return None
    if name in _MAIL:
        return f"{name}={value}: no mail is sent; what the commands print is kept with their jobs"
    if name == "CRON_TZ" and is_zone(value):
        return f"CRON_TZ={value} holds for the lines below; Debian's cron would pass over it"
    if name == "RANDOM_DELAY" and _minutes(value):
        return f"RANDOM_DELAY={value} becomes a jitter of the lines below; Debian's cron would pass over it"
    return None


def is_zone(name: str) -> bool:
    """Says whether there is a time zone of that name."""
    try:
        zone_info(name)
    except ValueError:
        return False
    return True
