"""Measures the log on this disk: `python tests/bench/log.py [directory]`.

Prints, for entries of 1 to 256 jobs of about 120 bytes, what a commit takes and how many jobs a second that
makes, beside a bare fdatasync of as many bytes; then what upkeep, a restart over a 64 MiB log and the
deletion of a segment take.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from time import perf_counter_ns

from mainspring.nodes.storage.log.local_log import LocalLog

JOB_BYTES = 120
COMMITS = 400
LOG_BYTES = 64 * 1024 * 1024


def line(name: str, took_ns: list[int], note: str = "") -> None:
    """Prints the spread of some durations."""
    took_ns = sorted(took_ns)
    spread = [took_ns[min(len(took_ns) - 1, int(len(took_ns) * share))] / 1e6 for share in (0.5, 0.99, 1)]
    print(f"{name:34} p50 {spread[0]:7.3f}  p99 {spread[1]:7.3f}  max {spread[2]:7.3f} ms  {note}")


def bare(directory: Path, size: int) -> list[int]:
    """The floor: append `size` bytes to a file and fdatasync it."""
    took_ns: list[int] = []
    fd = os.open(directory / "bare", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    data = os.urandom(size)
    for _ in range(COMMITS):
        started = perf_counter_ns()
        os.write(fd, data)
        os.fdatasync(fd)
        took_ns.append(perf_counter_ns() - started)
    os.close(fd)
    return took_ns


def commits(directory: Path, jobs: int, groups: int) -> None:
    """One entry a group and commit; upkeep after each commit, as the loop does it."""
    log = LocalLog(directory / "log")
    for group in range(groups):
        log.campaign(group)
    blob = os.urandom(jobs * JOB_BYTES)
    took_ns: list[int] = []
    upkeep_ns: list[int] = []
    for _ in range(COMMITS):
        started = perf_counter_ns()
        for group in range(groups):
            log.append(group, blob)
        log.sync()
        done = perf_counter_ns()
        log.maintain()
        took_ns.append(done - started)
        upkeep_ns.append(perf_counter_ns() - done)
    log.close()
    shutil.rmtree(directory / "log")
    rate = jobs * groups * COMMITS / (sum(took_ns) + sum(upkeep_ns)) * 1e9
    line(f"commit {groups} x {jobs} jobs", took_ns, f"{rate:12,.0f} jobs/s with upkeep")
    line("  upkeep", upkeep_ns)
    line("  bare fdatasync of as many bytes", bare(directory, jobs * groups * JOB_BYTES))


def reopening(directory: Path) -> None:
    """A log of 64 MiB: start after a close and after a kill, read, campaign, deletion."""
    blob = os.urandom(256 * JOB_BYTES)
    log = LocalLog(directory / "log")
    log.campaign(1)
    while log.last_index(1) * len(blob) < LOG_BYTES - 10 * len(blob):
        log.append(1, blob)
        log.sync()
        log.maintain()
    shutil.copytree(directory / "log", directory / "killed")
    log.close()
    for name in ("log", "killed"):
        started = perf_counter_ns()
        log = LocalLog(directory / name)
        line(f"start, {name if name == 'killed' else 'closed'}", [perf_counter_ns() - started])
        started = perf_counter_ns()
        count = sum(1 for _ in log.read(1, 1, log.last_index(1)))
        line(f"read {count} entries", [perf_counter_ns() - started])
        started = perf_counter_ns()
        log.campaign(1)
        line("campaign", [perf_counter_ns() - started])
        if name == "killed":
            while log.first_index(1) == 1:
                log.append(1, blob)
                log.sync()
                started = perf_counter_ns()
                log.truncate(1, log.last_index(1))
                took_ns = perf_counter_ns() - started
            line("truncate that drops 64 MiB", [took_ns])
        started = perf_counter_ns()
        log.close()
        line("close", [perf_counter_ns() - started])


def main() -> None:
    """Runs everything in a directory of its own."""
    where = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(prefix="mainspring-bench-", dir=where) as directory:
        for jobs in (1, 10, 100, 256):
            commits(Path(directory), jobs, groups=1)
        commits(Path(directory), 64, groups=4)
        reopening(Path(directory))


if __name__ == "__main__":
    main()
