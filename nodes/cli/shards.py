"""`mainspring shards`: figures of the shards, SQL over their files, and what an operator does to them.

Decides the list of its commands, and of `stat` and `query` which source is asked: a running node, or files. It must not
know how either answers (shard_stat.py, shard_sql.py).
"""

import csv
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from . import shard_backup, shard_export, shard_rebuild, shard_restore, shard_verify
from .connection import Url, connected
from .data_folder import Data, data_folder, shard_paths
from .errors import CommandError
from .formats import size
from .output import Column, Json, json_text, show_list

LIMIT_DEFAULT: Final = 1000
LIMIT_MAX: Final = 1_000_000
TIMEOUT_S: Final = 30.0
TIMEOUT_MAX_S: Final = 86_400.0

STAT_COLUMNS: Final = (
    Column("shard", "shard", right=True),
    Column("epoch", "epoch", right=True),
    Column("log_index", "log index", right=True),
    Column("applied", "applied", right=True),
    Column("jobs", "live jobs", right=True),
    Column("finished", "finished", right=True),
    Column("executions", "executions", right=True),
    Column("schedules", "schedules", right=True),
    Column("ticks", "ticks", right=True),
    Column("leases", "leases", right=True),
    Column("bytes", "file", right=True),
    Column("wal", "WAL", right=True),
    Column("log", "log", right=True),
)

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Look into the shard files; check, back up, restore, rebuild and export them.",
)


@app.command(short_help="Show figures of each shard.")
def stat(
    url: Url = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Read the files of this data folder, and ask no node.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Show figures of each shard: how far it is, how many rows it has, how large its files are.

    A running node is asked; with --data the files are read, whether the node runs or not. The log is one for all shards
    of a node; its size is known where its folder is. `log index` is the last entry of a shard's log, `applied` the last
    one that its file shows.
    """
    if data is not None and url is not None:
        raise typer.BadParameter("--url asks a node and --data reads files; give one of them")
    from . import shard_stat

    folder: Path | None
    if data is not None:
        folder = data_folder(data)
        rows = shard_stat.offline(folder, shard_paths(folder))
    else:
        rows = _asked(url)
        folder = _folder_of(url)
    log = shard_stat.log_size(folder) if folder is not None else None
    if json:
        show_list([{**row, "log": log} for row in rows], STAT_COLUMNS, as_json=True)
    else:
        show_list([_figures(row, log) for row in rows], STAT_COLUMNS, as_json=False)


def _asked(url: str | None) -> list[dict[str, Any]]:
    from ...broker.net.exceptions import Unreachable
    from .shard_stat import online

    with connected(url) as client:
        try:
            return online(client.query("stat"))
        except Unreachable as error:
            raise CommandError(f"{error}; --data DIR reads the files of a stopped node") from None


def _figures(row: dict[str, Any], log: dict[str, Any] | None) -> dict[str, Any]:
    """Returns what the table shows of a shard."""
    return {
        **row,
        **{name: row["rows"].get(name) for name in ("jobs", "finished", "executions", "schedules", "ticks")},
        "leases": row.get("memory", row["rows"]).get("leases"),
        "bytes": size(row["file"].get("bytes")),
        "wal": size(row["file"].get("wal_bytes")),
        "log": size(log["bytes"] if log else None),
    }


def _folder_of(url: str | None) -> Path | None:
    """Returns the data folder of a node that is reached by the socket in it."""
    from ...broker.net.discovery import SOCKET_NAME, find_endpoints

    path = Path(find_endpoints(url)[0].removeprefix("ipc://"))
    return path.parent if path.name == SOCKET_NAME else None


@app.command(short_help="Run read-only SQL over all shard files.")
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One statement; `-` reads it from stdin.")],
    data: Data = None,
    limit: Annotated[
        int, typer.Option(min=1, max=LIMIT_MAX, metavar="N", help="How many rows at most.")
    ] = LIMIT_DEFAULT,
    timeout: Annotated[
        float, typer.Option(min=0.001, max=TIMEOUT_MAX_S, metavar="SECONDS", help="How long it may take.")
    ] = TIMEOUT_S,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with a line of names.")] = False,
    as_lines: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
) -> None:
    """Run read-only SQL over all shard files of a data folder, whether the node runs or not.

    Made to be asked: v_jobs, v_executions, v_schedules, v_ticks, v_audit, v_queues, v_leases, v_lanes, v_tasks,
    v_executors, v_shard. Where there are several shards, each is asked, and the first column says which. So ORDER BY,
    LIMIT and sums are those of each shard.

    Example: mainspring shards query "SELECT job, task, error FROM v_jobs WHERE state = 'dead' ORDER BY id DESC"
    """
    if as_csv and as_lines:
        raise typer.BadParameter("--csv and --json are both given; give one of them")
    from .shard_sql import plain, run

    statement = sys.stdin.read() if sql == "-" else sql
    answer = run(shard_paths(data_folder(data)), statement, limit=limit, timeout_s=timeout)
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.columns)
        writer.writerows([plain(value) for value in row] for row in answer.rows)
    elif as_lines:
        for row in answer.rows:
            told = dict(zip(answer.columns, map(plain, row), strict=True))
            sys.stdout.write(f"{json_text(told)}\n")
    else:
        columns = [Column(name, name, right=_is_number(answer.rows, at)) for at, name in enumerate(answer.columns)]
        rows = [dict(zip(answer.columns, map(plain, row), strict=True)) for row in answer.rows]
        show_list(rows, columns, as_json=False, empty="no rows")
    if answer.more:
        sys.stderr.write(f"only the first {limit} rows are shown; --limit N gives more\n")


app.command("verify", short_help="Check what is stored: pages, log entries, relations.")(shard_verify.command)
app.command("backup", short_help="Back up a node.")(shard_backup.command)
app.command("restore", short_help="Make a data folder from a backup.")(shard_restore.command)
app.command("rebuild", short_help="Make shard files of a stopped node again from its log.")(shard_rebuild.command)
app.command("export", short_help="Write the rows of a view to a file or to stdout.")(shard_export.command)


def _is_number(rows: list[tuple[Any, ...]], at: int) -> bool:
    return bool(rows) and all(isinstance(row[at], int | float | None) for row in rows)
