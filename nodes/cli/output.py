"""How commands print what they found: tables for people, JSON for programs.

Decides the form: with `--json` a list is one array and a thing is one object, on stdout alone; without it a list is a
table as wide as the terminal, or as wide as it needs where nobody looks. It must not know what is printed.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import typer

from .column_widths import Content, column_widths

WIDTH_OF_A_PIPE = 100_000
GAP, NARROW_GAP = 3, 2

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""The type of a command's `--json` option: `json: Json = False`."""


class Column(NamedTuple):
    """One column of a table."""

    key: str
    """Of the rows."""
    title: str
    right: bool = False
    """Aligned to the right, as numbers are."""
    style: Callable[[object], str] | None = None
    """How a terminal shows a value, as a style of rich; None for plain."""


def show_list(
    rows: Iterable[Mapping[str, object]], columns: Sequence[Column], *, as_json: bool, empty: str = ""
) -> None:
    """Prints a list.

    Args:
        rows: what was found; JSON has all of their keys, the table those of `columns`.
        columns: of the table.
        as_json: whether `--json` was given.
        empty: printed in place of a table without rows.
    """
    if as_json:
        show_json([dict(row) for row in rows])
        return
    found = list(rows)
    if not found and empty:
        sys.stdout.write(f"{empty}\n")
        return
    console = _console()
    if sys.stdout.isatty():
        console.print(table(found, columns))
        return
    with console.capture() as drawn:
        console.print(table(found, columns))
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in drawn.get().splitlines())


def table(rows: Iterable[Mapping[str, object]], columns: Sequence[Column]) -> Any:
    """Returns a list as a table of rich."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    found = list(rows)
    widths = _widths(found, columns)
    padding = (0, 1) if widths is None else (0, 1, 0, 0)
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=padding)
    for at, column in enumerate(columns):
        justify, width = "right" if column.right else "left", None if widths is None else widths[at]
        drawn.add_column(Text(column.title), justify=justify, overflow="fold", width=width)
    for row in found:
        values = [row.get(column.key) for column in columns]
        styles = [column.style(value) if column.style else "" for column, value in zip(columns, values, strict=True)]
        drawn.add_row(*(Text(cell(value), style=style) for value, style in zip(values, styles, strict=True)))
    return drawn


def _widths(rows: Sequence[Mapping[str, object]], columns: Sequence[Column]) -> list[int] | None:
    """Returns how wide the columns are on a terminal that is too narrow for them, else None."""
    if not sys.stdout.isatty():
        return None
    from rich.cells import cell_len

    contents = [Content(c.title, [cell(row.get(c.key)) for row in rows], c.right) for c in columns]
    gaps = len(columns) - 1
    room = shutil.get_terminal_size().columns
    if sum(column_widths(contents, sys.maxsize, cell_len)) + GAP * gaps <= room:
        return None
    return column_widths(contents, room - NARROW_GAP * gaps, cell_len)


def show_one(thing: Mapping[str, object], *, as_json: bool) -> None:
    """Prints one thing: its keys and values, a line each."""
    if as_json:
        show_json(dict(thing))
        return
    width = max(map(len, thing), default=0)
    for key, value in thing.items():
        lines = cell(value).split("\n")
        sys.stdout.write(f"{key:{width}}  {lines[0]}\n")
        sys.stdout.writelines(f"{'':{width}}  {line}\n" for line in lines[1:])


def show_json(value: object) -> None:
    """Prints a value as JSON; on a terminal indented."""
    sys.stdout.write(json_text(value, 2 if sys.stdout.isatty() else None) + "\n")


def json_text(value: object, indent: int | None = None) -> str:
    """Returns a value as JSON, in letters that can be written: half a surrogate pair exists as an escape alone."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=str)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent, default=str)
    return text


def cell(value: object) -> str:
    """Writes a value for people; what could steer the terminal is made visible."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple, dict)):
        text = json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = str(value)
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def _console() -> Any:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE, highlight=False)
