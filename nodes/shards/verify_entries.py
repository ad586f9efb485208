"""Compares a shard file with the log: how far both are, and what the log still knows of each job.

Decides what a shard file may lack (what the log brings back at the next start) and what it may not.
"""

from itertools import islice
from pathlib import Path
from typing import Any, Final

import apsw

from .fates import Fates, fault
from .reading import open_to_read
from .report import Progress, Report
from .verify_log import LogCheck
from .verify_shard import MEND, ShardMeta

_IDS_AT_ONCE: Final = 500
_LIVE: Final = "SELECT id, CAST(payload AS BLOB) FROM jobs WHERE id BETWEEN ? AND ?"
_DONE: Final = "SELECT id, state, CAST(payload AS BLOB), CAST(result AS BLOB) FROM finished WHERE id BETWEEN ? AND ?"


def compare_ends(path: Path, group: int, meta: ShardMeta, log: LogCheck, report: Report) -> None:
    """Checks that the log goes on where the shard file ends, and holds the leases that have no row."""
    first, tail = log.first.get(group), log.tails.get(group)
    where = f"{path}: meta"
    if tail is None or first is None:
        if meta.applied and log.is_whole:
            report.add(
                "ends", f"shows entry {meta.applied}, and the log has none of group {group}", where,
                means="the log is another node's, or was lost", mend="put both back from one backup",
            )  # fmt: skip
        return
    if meta.applied > tail.last and log.is_whole and group in log.members:
        report.add(
            "ends", f"shows entry {meta.applied}, the log ends at {tail.last}", where, level="doubt",
            means="a copy of the shard was put in place and the node ended before its log went on behind it, or the log"
            " has lost its end; the other members bring it", mend="nothing, if the other members run",
        )  # fmt: skip
    elif meta.applied > tail.last and log.is_whole:
        report.add(
            "ends", f"shows entry {meta.applied}, the log ends at {tail.last}", where,
            means="the log has lost its end, or the two files are not of one time",
            mend="put both back from one backup",
        )  # fmt: skip
    needed = min(meta.applied + 1, max(meta.floor, 1))
    if first > needed and first <= tail.last + 1:
        report.add(
            "ends", f"shows entry {meta.applied} and needs the log from entry {needed} on, which begins at {first}",
            where, means="the file is older than what the log was cut to: what lies between is lost to it",
            mend="`mainspring shards rebuild --from BACKUP` with a newer backup; else restore a backup",
        )  # fmt: skip


def compare_jobs(path: Path, fates: Fates, report: Report, progress: Progress, *, alone: bool) -> None:
    """Compares the rows of all jobs that the log knows of."""
    connection = open_to_read(path, alone=alone)
    try:
        connection.execute("BEGIN")
        applied = connection.execute("SELECT applied FROM meta").get
        if applied != fates.last:
            report.skip(f"{path}: its jobs against the log: the node has gone on meanwhile; stop it to have it checked")
            return
        ordered = sorted(fates.jobs)
        for at in range(0, len(ordered), _IDS_AT_ONCE):
            progress(f"{path.name}: jobs against the log", at, len(ordered))
            _compare(path, connection, fates, list(islice(ordered, at, at + _IDS_AT_ONCE)), report)
        report.count("jobs against the log", len(ordered))
    except (apsw.Error, UnicodeDecodeError) as error:
        report.add(
            "unreadable", f"jobs cannot be compared with the log ({error})", f"{path}: jobs, finished", mend=MEND,
            means="pages of these tables are damaged",
        )  # fmt: skip
    finally:
        connection.close(True)


def _compare(path: Path, connection: Any, fates: Fates, ids: list[int], report: Report) -> None:
    live = {row[0]: row[1:] for row in connection.execute(_LIVE, (ids[0], ids[-1]))}
    done = {row[0]: row[1:] for row in connection.execute(_DONE, (ids[0], ids[-1]))}
    for id in ids:
        fate = fates.jobs[id]
        what = fault(fate, live.get(id), done.get(id))
        if what is not None:
            report.add(
                "job", f"{what} (taken in entry {fate.entry})", f"{path}: job {id}", mend=MEND,
                means="a row is lost, or a bit in it has flipped where SQLite does not look",
            )  # fmt: skip
