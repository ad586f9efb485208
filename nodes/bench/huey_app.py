"""The peer's application: no-op and stamping tasks for huey on SQLite, its results kept.

Decides the peer's settings: its defaults for SQLite (WAL), results stored, the file where `MAINSPRING_BENCH_HUEY`
says. Imported by huey's own consumer and by the measure; nobody else may, for huey is a development tool here.
"""

import os
import time
from typing import Any

from huey import SqliteHuey  # pyright: ignore[reportMissingTypeStubs]  (it ships none)

FILE_VARIABLE = "MAINSPRING_BENCH_HUEY"

_Huey: Any = SqliteHuey
huey: Any = _Huey("bench", filename=os.environ[FILE_VARIABLE], store_none=True)


def noop() -> None:
    """Does nothing."""


def stamp() -> int:
    """Returns the wall clock at its call, in ns."""
    return time.time_ns()


noop_task: Any = huey.task()(noop)
stamp_task: Any = huey.task()(stamp)
