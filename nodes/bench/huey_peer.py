"""The peer that pip alone installs: huey on SQLite, its enqueue, drain and start latency, in the same run.

Decides fair settings: two worker processes, as our two executors; results kept; the consumer waits 100 ms at the most
when it finds nothing, its documented first wait. Each of its commits is fsynced, as ours are. The drain's clock runs
from the first result that is seen to the last. It must not know the peer's insides beyond the table of results.
"""

import importlib.util
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..cli.errors import CommandError
from .sizes import Sizes

APP = "mainspring.nodes.bench.huey_app"
FILE_VARIABLE = "MAINSPRING_BENCH_HUEY"
WORKERS = 2
IDLE_WAIT_S = 0.1
LOOK_EVERY_S = 0.02
PATIENCE_S = 120.0
STALLED_S = 10.0


def absent() -> str | None:
    """Returns why the peer cannot be measured, None if it can."""
    if importlib.util.find_spec("huey") is None:
        return "huey is not installed; pip install 'mainspring[dev]' brings it"
    return None


def measure(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns jobs a second of enqueue and drain, and the start latency in ms."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "huey.db"
    figures = _client(file, "enqueue", sizes.huey_jobs)
    with _consumer(file):
        figures["huey_drain"] = _drained(file, sizes.huey_jobs + 1)
        figures.update(_client(file, "latency", sizes.huey_paced_jobs))
    return figures


def _environment(file: Path) -> dict[str, str]:
    return {**os.environ, FILE_VARIABLE: str(file)}


def _client(file: Path, what: str, count: int) -> dict[str, float]:
    # Not with -m: huey would name the tasks after __main__, and the consumer would not know them.
    words = [sys.executable, "-c", f"from {APP} import main; main(['{what}', '{count}'])"]
    done = subprocess.run(
        words, env=_environment(file), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    if done.returncode:
        raise CommandError(f"huey's client failed: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)


@contextmanager
def _consumer(file: Path) -> Generator[None]:
    """Runs huey's consumer; its workers are in its process group, which is ended with it."""
    words = [sys.executable, "-m", "huey.bin.huey_consumer", f"{APP}.huey", "-w", str(WORKERS), "-k", "process"]
    with file.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [*words, "-m", str(IDLE_WAIT_S), "-q"],
            env=_environment(file),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _drained(file: Path, jobs: int) -> float:
    """Waits until every job has a result, or none has come for a while; returns jobs a second up to the last one.

    A job or two can be missing: the peer's own commits may meet a lock, and then it drops what it was at.
    """
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)
    first: tuple[float, int] | None = None
    last = time.perf_counter(), 0
    try:
        while last[1] < jobs:
            now, done = time.perf_counter(), connection.execute("SELECT count(*) FROM kv").fetchone()[0]
            if done > last[1]:
                last = now, done
                first = first or last
            elif now - last[0] > STALLED_S:
                break
            time.sleep(LOOK_EVERY_S)
    finally:
        connection.close()
    if first is None or last[1] < 0.95 * jobs:
        raise CommandError(f"huey has done only {last[1]} of {jobs} jobs, and has stopped")
    return (last[1] - first[1]) / max(last[0] - first[0], LOOK_EVERY_S)
