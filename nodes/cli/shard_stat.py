"""The figures of each shard: how far it is, what stands in it, how large its files are.

Decides one form for two sources: what a running node answers, and what the files themselves say. It must not know how
they are printed.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from ...actors.log import LogDamaged
from ..shards.layout import ShardPath
from ..storage.log.files import OsFiles
from ..storage.log.synced_file import SyncedFile
from ..storage.shard.migration import ShardFileError
from ..storage.shard.offline import open_offline
from .errors import CommandError

LOG_FOLDER: Final = "log"

_COUNTED: Final = ("lanes", "executors", "tasks", "leases", "sessions", "keys", "tick_jobs")
# The counts of what may be long are kept in the file, so nobody counts rows.
_META: Final = """SELECT applied, epoch, finished, executions,
    (SELECT total(scheduled + ready + retrying) FROM lanes) AS jobs, ticks,
    (SELECT count(*) FROM schedules WHERE removed_ms IS NULL) AS schedules,
    coalesce(next_audit - (SELECT min(id) FROM audit), 0) AS audit FROM meta"""

Row = dict[str, Any]


def online(listed: Iterable[Row]) -> list[Row]:
    """Returns one row a shard from the listing `stat`: figures by name, shard after shard."""
    shards: list[Row] = []
    for row in listed:
        if not shards or row["name"] in shards[-1]:
            shards.append({})
        shards[-1][row["name"]] = row["value"]
    return sorted(map(_told, shards), key=lambda told: told["shard"])


def _told(figures: Row) -> Row:
    """Gives the figures that both sources have their common form, and leaves the machine's own as `memory`."""
    told: Row = {"shard": figures.pop("shard", 0), "epoch": figures.pop("epoch", None)}
    told |= {"applied": figures.pop("applied", None), "log_index": figures.pop("index", None)}
    told |= {"rows": {}, "file": {}, "memory": {}}
    for name, value in figures.items():
        kind, _, rest = name.rpartition(".")
        told[kind if kind in ("rows", "file") else "memory"][rest if kind in ("rows", "file") else name] = value
    return told


def offline(folder: Path, shards: Iterable[ShardPath]) -> list[Row]:
    """Returns one row a shard from the files.

    Raises:
        CommandError: a file cannot be read.
    """
    durable = _durable(folder / LOG_FOLDER)
    return [_read(place, durable.get(place.shard + 1)) for place in shards]  # group 0 is the cluster's own


def _read(place: ShardPath, log_index: int | None) -> Row:
    try:
        connection = open_offline(place.path)
    except ShardFileError as error:
        raise CommandError(str(error)) from None
    try:
        meta = connection.execute(_META).fetchone()
        rows = {"jobs": int(meta["jobs"]), "finished": meta["finished"], "executions": meta["executions"]}
        rows |= {name: meta[name] for name in ("schedules", "ticks", "audit")}
        for name in _COUNTED:
            rows[name] = connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608  (names from constants)
        pragmas = ("page_size", "page_count", "freelist_count", "user_version")
        file: Row = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas}
    except sqlite3.Error as error:
        raise CommandError(f"{place.path} cannot be read: {error}; try again, or check the disk") from None
    finally:
        connection.close()
    file["bytes"], file["wal_bytes"] = bytes_of(place.path), bytes_of(place.path.with_name(f"{place.path.name}-wal"))
    return {
        "shard": place.shard,
        "epoch": meta["epoch"],
        "applied": meta["applied"],
        "log_index": log_index,
        "rows": rows,
        "file": file,
    }


def _durable(folder: Path) -> dict[int, int]:
    """Returns the last entry of each group's log that is known to be on disk, as its side file says."""
    try:
        side = SyncedFile(folder, OsFiles())
    except (OSError, LogDamaged):
        return {}
    side.close()
    return {group: synced.last for group, synced in side.noted.items()}


def log_size(folder: Path) -> Row | None:
    """Returns how large the log of a data folder is, all shards together; None if it cannot be seen."""
    try:
        names = [path for path in (folder / LOG_FOLDER).iterdir() if path.name.startswith("log-")]
    except OSError:
        return None
    segments = sum(path.suffix == ".db" for path in names)
    return {"segments": segments, "bytes": sum(map(bytes_of, names))}


def bytes_of(path: Path) -> int:
    """Returns a file's size; 0 if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
