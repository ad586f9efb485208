"""Which files of a folder are shards.

Decides it by their names. It must not open them. Rule: docs/design.md, "Storage" (one file a shard).
"""

import re
from pathlib import Path
from typing import Final, NamedTuple

_NAME: Final = re.compile(r"tasks_.+_shard_(\d{1,4})\.db", re.ASCII)


class ShardPath(NamedTuple):
    """One shard's file."""

    shard: int
    path: Path


def number_of(path: Path) -> int | None:
    """Returns the number of the shard that a file is by its name; None if it is none."""
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else None


def shard_files(folder: Path) -> list[ShardPath]:
    """Returns the shards in a folder, by number. Raises OSError."""
    named = ((number_of(path), path) for path in folder.iterdir())
    return sorted(ShardPath(number, path) for number, path in named if number is not None)
