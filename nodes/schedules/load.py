"""Decides how a file of schedules is read: into the rows that a node is asked to keep, under one revision.

It must not know the protocol, nor who applies the rows. The rule that every fault of a file is told at once, and that
a faulty file changes nothing, is promise P7.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple

from ...broker.tasks.exceptions import MainspringError
from ...broker.tasks.job import job
from ...broker.tasks.schedule import Schedule
from ...broker.wire.schedule_rows import schedule_fault
from ..settings.document import FileKind, parse, read_text
from ..settings.errors import Fault, KeyPath, SettingsError
from ..settings.faults import Place, fault_at
from ..settings.lines import key_lines
from ..settings.validation import valid_part
from .models import SchedulesFile, ScheduleTable

FILE: Final = FileKind(
    "a file of schedules",
    8 * 1024 * 1024,
    "make fewer schedules, or give large arguments by reference",
    "give arguments of fewer levels",
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_JOB: Final = frozenset({"cron", "task", "args", "kwargs"})
_OF_JOB: Final = frozenset({"tenant", "queue", "priority", "retries", "timeout"})
"""Options that are not the schedule's but its job's."""


class Declared(NamedTuple):
    """What a file of schedules says."""

    path: Path
    rows: list[list[Any]]
    """Rows of SCHEDULE_COLUMNS, in the order of the file."""
    revision: str
    """A short hash of the rows: what is written differently and means the same has the same."""
    lines: dict[str, int]
    """The line of each schedule, by its name."""

    @property
    def source(self) -> str:
        """What a node calls the origin of these schedules."""
        return f"file:{self.path.name}"


def load_schedules(path: Path | str) -> Declared:
    """Reads a file of schedules.

    Args:
        path: The file.

    Raises:
        SettingsError: The file cannot be read or used; the text lists all its faults.
    """
    where = str(path) or "."
    return read_schedules(where, read_text(where, FILE))


def read_schedules(where: str, text: str) -> Declared:
    """Reads the text of a file of schedules; `where` is the file's path.

    Raises:
        SettingsError: It cannot be used.
    """
    place: Place = (where, key_lines(text))
    tables = parse(where, text, FILE)
    part = valid_part(place, tables, SchedulesFile)
    faults = [fault for _, fault in part.faults]
    rows: list[list[Any]] = []
    for key, given, row in _rows(part.settings):
        if isinstance(row, list):
            rows.append(row)
        elif not part.touches([key, ("defaults", key[-1])]):
            faults.append(fault_at(place, key, given, row))
    if not faults and "schedules" not in tables:
        # A file that is just being written looks like this, too, and would remove every schedule.
        told = "names no schedule: write [schedules] if there is to be none"
        faults.append(Fault(where, None, None, "", None, told))
    if faults:
        raise SettingsError(sorted(faults, key=lambda fault: fault.line or 0))
    lines = {str(key[1]): line for key, line in place[1].items() if len(key) == 2 and key[0] == "schedules"}
    return Declared(Path(where), rows, revision_of(rows), lines)


def revision_of(rows: list[list[Any]]) -> str:
    """Returns a short hash of rows, whatever their order."""
    text = json.dumps(sorted(rows, key=lambda row: (row[1], row[0])), ensure_ascii=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _rows(file: SchedulesFile) -> Iterator[tuple[KeyPath, object, list[Any] | str]]:
    """Yields each schedule's row; or what is wrong with it, behind the key and the value to point at."""
    shared = {key: getattr(file.defaults, key) for key in file.defaults.model_fields_set}
    for name, table in file.schedules.items():
        key: KeyPath = ("schedules", name)
        given = shared | {field: getattr(table, field) for field in table.model_fields_set}
        start_ms, end_ms = given.get("start_ms"), given.get("end_ms")
        if start_ms is not None and end_ms is not None and end_ms < start_ms:
            is_own = "end_ms" in table.model_fields_set
            text = "end lies before start: exchange them, or leave one out"
            yield (*key, "end" if is_own else "start"), _instant(end_ms if is_own else start_ms), text
        else:
            try:
                row = _row(name, table, given)
            except MainspringError as error:
                yield (*key, _argument_key(table)), None, str(error)
            else:
                yield key, None, schedule_fault(row) or row


def _argument_key(table: ScheduleTable) -> str:
    """Says which of both keys holds an argument that cannot travel."""
    try:
        job(table.task, *table.args)
    except MainspringError:
        return "args"
    return "kwargs" if table.kwargs else "args"


def _row(name: str, table: ScheduleTable, given: dict[str, Any]) -> list[Any]:
    """Returns one schedule's row.

    Raises:
        MainspringError: The arguments cannot travel.
    """
    # Not the task's own queue: who is connected when the file is read must not decide what it means.
    of_job: dict[str, Any] = {"queue": "default", "priority": 0}
    options: dict[str, Any] = {}
    for field, value in given.items():
        option = ScheduleTable.model_fields[field].alias or field
        if option in _JOB:
            continue
        if field.endswith("_ms"):
            value = _instant(value) if option in ("start", "end") else timedelta(milliseconds=value)
        (of_job if option in _OF_JOB else options)[option] = value
    wanted = job(table.task, *table.args, **table.kwargs)
    return Schedule(table.expression, **options).row(wanted, name=name, **of_job)


def _instant(ms: int | None) -> datetime | None:
    return None if ms is None else _EPOCH + timedelta(milliseconds=ms)
