"""The peer's side: an application for huey on SQLite, and a client of it, each in a process of its own.

Decides the peer's settings: its defaults for SQLite (WAL, and as SQLite's own default an fsync a commit), results
stored, the file where `MAINSPRING_BENCH_HUEY` says. huey's consumer imports this module, and so does the client that
huey_peer.py starts; nobody else may, for huey is a development tool here.
"""

import json
import os
import sys
import time
from typing import Any

import huey as library  # pyright: ignore[reportMissingTypeStubs]  (it ships none)

from .pace import paced
from .start_latency import JOBS_A_SECOND, WARM_JOBS
from .statistics import percentile

FILE_VARIABLE = "MAINSPRING_BENCH_HUEY"
PATIENCE_S = 30.0

_LIBRARY: Any = library
huey: Any = _LIBRARY.SqliteHuey("bench", filename=os.environ[FILE_VARIABLE], store_none=True)


@huey.task()
def noop() -> None:
    """Does nothing."""


@huey.task()
def stamp() -> int:
    """Returns the wall clock at its call, in ns."""
    return time.time_ns()


def enqueue(count: int) -> dict[str, float]:
    """Returns jobs a second, enqueued one by one."""
    submit: Any = noop
    submit()
    begun = time.perf_counter()
    for _ in range(count):
        submit()
    return {"huey_enqueue": count / (time.perf_counter() - begun)}


def latency(count: int) -> dict[str, float]:
    """Returns p50 and p99 of the start latency at 50 jobs a second, in ms, as N5 defines it."""
    submit: Any = stamp
    for _ in range(WARM_JOBS):
        submit().get(blocking=True, timeout=PATIENCE_S, backoff=1.0, max_delay=0.05)
    submitted_ns: list[int] = []
    results: list[Any] = []

    def tick(_: int) -> None:
        submitted_ns.append(time.time_ns())
        results.append(submit())

    paced(count, 1 / JOBS_A_SECOND, tick)
    started_ns: list[int] = [result.get(blocking=True, timeout=PATIENCE_S) for result in results]
    took_ms = [(started - asked) / 1e6 for started, asked in zip(started_ns, submitted_ns, strict=True)]
    return {"huey_p50": percentile(took_ms, 0.5), "huey_p99": percentile(took_ms, 0.99)}


def main(words: list[str]) -> None:
    """Does what the words say and prints the figures as JSON."""
    figures = {"enqueue": enqueue, "latency": latency}[words[0]](int(words[1]))
    sys.stdout.write(json.dumps(figures) + "\n")
