"""`mainspring processes`: which processes a node of this machine has, and how they are.

Decides the table. It asks the supervisor, so it works while the coordinator is away.
"""

import time
from typing import Final

from .control import DataDir, File, ask, control_path
from .formats import duration, iso_utc, one_line
from .output import Column, Json, show_list

_STYLES: Final = {"ready": "green", "starting": "cyan", "reloading": "yellow", "waiting": "bold red", "killed": "red"}


def _style(phase: object) -> str:
    return _STYLES.get(str(phase), "yellow")


COLUMNS: Final = (
    Column("process", "process"),
    Column("kind", "kind"),
    Column("pid", "pid", right=True),
    Column("phase", "phase", style=_style),
    Column("for", "for", right=True),
    Column("restarts", "restarts", right=True),
    Column("log_level", "log level"),
    Column("last", "last error"),
)


def command(file: File = None, data_dir: DataDir = None, json: Json = False) -> None:
    """List the processes of a node of this machine, and how they are.

    `for` is how long a process has been in its phase; `last error` why it ended, until it is ready again. Works without
    the coordinator.
    """
    rows = [row for row in ask(control_path(file, data_dir), {"do": "status"}) if row.pop("event", None) == "process"]
    now_ms = time.time_ns() // 1_000_000
    for row in rows:
        since_ms = row["since_ms"]
        if json:
            row["since_at"] = iso_utc(since_ms)
        else:
            row["for"] = duration(max(0, now_ms - since_ms))
            row["last"] = one_line(row["error"]) or None
    show_list(rows, COLUMNS, as_json=json)
