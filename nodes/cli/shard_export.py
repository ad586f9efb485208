"""`mainspring shards export`: writes the rows of a view as CSV, JSON or NDJSON.

Decides the three forms, and that a file appears whole or not at all. It must not know where rows come from
(nodes/shards/export.py).
"""

import csv
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final, TextIO

import typer

from ..shards.report import Progress
from .data_folder import Data, data_folder, shard_paths
from .errors import CommandError
from .moments import past_moment
from .output import Json, json_text, show_json
from .shard_sql import plain

FORMATS: Final = ("csv", "json", "ndjson")
TOLD_ROWS: Final = 10_000

Row = Mapping[str, Any]


def _format(text: str) -> str:
    if text not in FORMATS:
        raise typer.BadParameter(f"{text!r} is no format; there are {', '.join(FORMATS)}")
    return text


def command(
    view: Annotated[str, typer.Option(metavar="VIEW", help="Which view.")] = "v_jobs",
    where: Annotated[
        str | None, typer.Option(metavar="SQL", help="Only rows for which this holds.", show_default=False)
    ] = None,
    since: Annotated[
        int | None,
        typer.Option(
            metavar="TIME",
            help="Only rows from then on: so long ago (15m, 24h, 7d), yesterday, or ISO 8601.",
            parser=past_moment,
            show_default=False,
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"{', '.join(FORMATS)}; csv if none is given.",
            parser=_format,
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; else stdout.", show_default=False)
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Write the rows of a view: jobs, attempts, ticks and the rest, of all shards, whether the node runs or not.

    Views: v_jobs, v_executions, v_schedules, v_ticks, v_audit, v_queues, v_leases, v_lanes, v_tasks, v_executors,
    v_shard. --since looks at when a job was taken, an attempt or a tick ended, a schedule changed. Where there are
    several shards, the first column says which. CSV is that of RFC 4180, in UTF-8, with a line of names; NULL is an
    empty field. --format json is one array, ndjson an object a line. --json is ndjson on stdout; with --output it
    prints what was written as an object.

    Memory does not grow with the rows. A file is read as of one moment; meanwhile a running node cannot shorten its
    WAL.

    Example: mainspring shards export --where "state = 'dead'" --since 24h --output dead.csv
    """
    from ..shards.export import VIEWS, Export
    from .progress import progress_bar

    if view not in VIEWS:
        raise typer.BadParameter(f"there is no view {view!r}; there are {', '.join(VIEWS)}")
    form = form or ("ndjson" if json else "csv")
    export = Export(shard_paths(data_folder(data)), view, where, since)
    if output is None:
        _write(sys.stdout, form, export.columns(), export.rows())
        return
    if output.exists():
        raise CommandError(f"{output} is there already; an export overwrites nothing: name another file")
    with progress_bar() as progress:
        count = _write_file(output, form, export.columns(), _told(export.rows(), view, progress))
    if json:
        show_json({"path": str(output), "view": view, "format": form, "rows": count})
    else:
        sys.stdout.write(f"{count} rows of {view} written to {output}\n")


def _told(rows: Iterable[Row], view: str, progress: Progress) -> Iterable[Row]:
    for number, row in enumerate(rows):
        if number % TOLD_ROWS == 0:
            progress(f"{view}: {number} rows", 0, 0)
        yield row


def _write_file(path: Path, form: str, columns: Sequence[str], rows: Iterable[Row]) -> int:
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        with part.open("x", encoding="utf-8", newline="") as file:
            count = _write(file, form, columns, rows)
        part.rename(path)
        return count
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({error.strerror}); nothing is left of it") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _write(file: TextIO, form: str, columns: Sequence[str], rows: Iterable[Row]) -> int:
    count = 0
    found = iter(rows)
    first = next(found, None)  # a condition that is wrong must not leave a line of names
    every = map(_object, chain(() if first is None else (first,), found))
    if form == "csv":
        writer = csv.writer(file)  # RFC 4180: CRLF, quotes where they are needed
        writer.writerow(columns)
        for row in every:
            writer.writerow(row.values())
            count += 1
    elif form == "ndjson":
        for row in every:
            file.write(f"{json_text(row)}\n")
            count += 1
    else:
        file.write("[")
        for row in every:
            file.write(f"{',' if count else ''}\n{json_text(row)}")
            count += 1
        file.write("\n]\n")
    return count


def _object(row: Row) -> dict[str, Any]:
    return {name: plain(value) for name, value in row.items()}
