"""How the demonstration prints its summary, and what it proposes to do next.

Decides the looks alone; what is right and what is not, `summary` says.
"""

import shlex
from pathlib import Path
from textwrap import indent
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...broker.net.discovery import DATA_FOLDER
from ..supervisor.data_dir import URL_FILE
from .node import DemoNode
from .summary import Section, Summary

NAME_WIDTH: Final = 38
SQL_INDENT: Final = "  "


def print_summary(console: Console, summary: Summary, data_dir: Path, log_path: Path) -> None:
    """Prints all sections, each with its statement, then where the files lie, then what is wrong if anything is."""
    print_tables(console, summary)
    lines = [
        ("any statement again", f'mainspring shards query{_data_option(data_dir)} "SELECT …"'),
        ("or with any SQLite", f'sqlite3 -readonly {shlex.quote(shown_path(summary.file))} "SELECT …"'),
        ("the node's files", f"{shown_path(data_dir)}/"),
        ("the node's log", shown_path(log_path)),
    ]
    for name, text in lines:
        console.print(Text.assemble((f"{name:24}", "dim"), text), soft_wrap=True)
    if summary.is_right:
        console.print(Text("\n✓ every count is what it must be", "bold green"))
        return
    console.print(Text("\n✗ not every count is what it must be:", "bold red"))
    for fault in summary.faults:
        console.print(Text(f"  {fault}", "red"), soft_wrap=True)


def print_tables(console: Console, summary: Summary, *, with_sql: bool = True) -> None:
    """Prints all sections, each with its statement unless it is left out."""
    console.print(Text.assemble("\nRead from ", (shown_path(summary.file), "bold"), " by SQL:\n"), soft_wrap=True)
    for section in summary.sections:
        console.print(_table(section))
        console.print(Text(f"{indent(section.sql, SQL_INDENT)}\n" if with_sql else "", "dim"), soft_wrap=True)


def print_next_steps(console: Console, node: DemoNode, queue: str) -> None:
    """Prints what can be tried on a node that was left running."""
    query = f"mainspring shards query{_data_option(node.data_dir)}"
    executor = f"pgrep -P {node.pid} -f processes.executor | head -n 1"
    steps = [
        ("what went wrong", f"mainspring jobs --queue {queue} --state dead"),
        ("one job, with all its attempts", "mainspring job ID"),
        ("one more job", "mainspring submit demo.remind tea --delay 3s --wait"),
        ("the schedules", "mainspring schedules"),
        ("the executors at work", "mainspring executors"),
        ("kill one and see it come back", f"kill -9 $({executor})"),
        ("any question", f'{query} "SELECT * FROM v_jobs LIMIT 5"'),  # noqa: S608  (it is printed, not run)
    ]
    console.print(Text.assemble(("\nThe node is left running. ", "bold"), "In another terminal:\n"))
    if _data_option(node.data_dir):
        console.print(f"  export MAINSPRING_URL=$(cat {shown_path(node.data_dir / URL_FILE)})", soft_wrap=True)
    for what, command in steps:
        console.print(Text.assemble("  ", (f"{what:32}", "dim"), command), soft_wrap=True)
    console.print("\nCtrl-C stops it.")


def _data_option(data_dir: Path) -> str:
    """Returns what a command needs to find a folder that it does not find by itself."""
    is_found = data_dir.absolute() == Path.cwd() / DATA_FOLDER
    return "" if is_found else f" --data {shlex.quote(shown_path(data_dir))}"


def shown_path(path: Path) -> str:
    """Writes a path as short as it can be named from here."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)


def _table(section: Section) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    table.add_column(Text(section.title, "bold"), min_width=NAME_WIDTH, no_wrap=True)
    for column in section.columns:
        table.add_column(Text(column), justify="right", min_width=10, no_wrap=True)
    table.add_column("", width=1)
    for row in section.rows:
        cells = [f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row.cells]
        mark = {True: Text("✓", "green"), False: Text("✗", "bold red"), None: Text("")}[row.is_right]
        table.add_row(*cells, mark)
    return table
