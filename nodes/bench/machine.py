"""Where figures come from: the machine, the interpreter, the commit, the day.

Decides what a reader must know to compare figures. Nothing here names a person or a place.
"""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import apsw
import zmq

ROOT = Path(__file__).parents[2]


def describe(disk: Path) -> dict[str, str]:
    """Returns name -> value, texts that a table can show.

    Args:
        disk: a folder on the disk that was written to.
    """
    load = os.getloadavg()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": commit(),
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "kernel": platform.release(),
        "disk": _filesystem(disk),
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "zeromq": zmq.zmq_version(),
        "huey": _version("huey"),
        "load average": " ".join(f"{value:.1f}" for value in load),
    }


def commit() -> str:
    """Returns the checkout's commit, marked if files differ from it."""
    try:
        head = _git("rev-parse", "--short=10", "HEAD")
        return f"{head}, with changes" if _git("status", "--porcelain", "--untracked-files=no") else head
    except (OSError, subprocess.CalledProcessError):
        return "not a checkout"


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _filesystem(folder: Path) -> str:
    """Returns the kind of file system that holds a folder."""
    best = ("", "unknown")
    whole = str(folder.resolve())
    for line in Path("/proc/self/mounts").read_text().splitlines():
        point, kind = line.split()[1:3]
        if whole.startswith(point) and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
