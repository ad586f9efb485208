"""The list of what a backup holds: whose it is, how far each shard is, and the checksum of each file.

Decides the form of `manifest.json`, which is read strictly: a restore trusts nothing that it does not say. It must not
know how files are copied.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from ... import __version__
from .report import OperatorError

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
BYTES_MAX: Final = 1024 * 1024
ARCHIVE_SUFFIX: Final = ".tar"

_FILE_NAME = re.compile(r"identity\.json|tasks_[A-Za-z0-9_.-]+_shard_\d{1,4}\.db", re.ASCII)
_ID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ShardInBackup(NamedTuple):
    """How far a shard's copy is."""

    shard: int
    epoch: int
    applied: int
    stamp_ms: int
    next_sequence: int
    live: int
    finished: int
    leases: int
    """Runs that were under way and had a row."""


class FileInBackup(NamedTuple):
    """One file of a backup."""

    name: str
    bytes: int
    sha256: str
    shard: ShardInBackup | None = None
    """Of a shard's file."""


class Manifest(NamedTuple):
    """What a backup holds."""

    cluster: str
    node: str
    made_ms: int
    """When it was begun: what was acknowledged before is in it."""
    program: str
    schema: int
    files: list[FileInBackup]

    @property
    def shards(self) -> list[ShardInBackup]:
        """The shards, by number."""
        return sorted(file.shard for file in self.files if file.shard is not None)

    def encode(self) -> bytes:
        """Returns the text of the file."""
        files = [
            {"name": file.name, "bytes": file.bytes, "sha256": file.sha256}
            | (file.shard._asdict() if file.shard is not None else {})
            for file in self.files
        ]
        told = {"format": FORMAT, **self._asdict(), "files": files}
        return (json.dumps(told, indent=2) + "\n").encode()

    def as_dict(self) -> dict[str, Any]:
        """Returns it for programs."""
        return json.loads(self.encode())


def is_archive(path: Path) -> bool:
    """Says whether a backup under this name is one file."""
    return path.suffix == ARCHIVE_SUFFIX


def program() -> str:
    """Returns what made a backup."""
    return f"mainspring {__version__}"


def read_manifest(text: bytes, where: Path) -> Manifest:
    """Reads a manifest.

    Raises:
        OperatorError: it is none, or of a later version.
    """
    try:
        values: Any = json.loads(text) if len(text) <= BYTES_MAX else None
        if isinstance(values, dict) and cast("dict[str, Any]", values).get("format") not in (FORMAT, None):
            raise OperatorError(f"{where}: a later version has made this backup; upgrade mainspring on this machine")
        return _manifest(cast("dict[str, Any]", values))
    except (ValueError, KeyError, TypeError) as error:
        raise OperatorError(f"{where}: its {MANIFEST} is damaged, or is none ({error}); use another backup") from None


def _manifest(values: Mapping[str, Any]) -> Manifest:
    if values["format"] != FORMAT:
        raise ValueError("no format is named")
    files = [_file(file) for file in values["files"]]
    names = [file.name for file in files]
    numbers = [file.shard.shard for file in files if file.shard is not None]
    if len(set(names)) != len(names) or sorted(numbers) != list(range(len(numbers))) or not numbers:
        raise ValueError("its files are not one of each shard")
    if "identity.json" not in names:
        raise ValueError("it has no identity.json")
    return Manifest(
        _matching(_ID, values["cluster"]),
        _matching(_ID, values["node"]),
        _number(values["made_ms"]),
        str(values["program"])[:100],
        _number(values["schema"]),
        files,
    )


def _file(values: Mapping[str, Any]) -> FileInBackup:
    name = _matching(_FILE_NAME, values["name"])
    shard = None
    if name.endswith(".db"):
        shard = ShardInBackup(*(_number(values[column]) for column in ShardInBackup._fields))
        if not name.endswith(f"_shard_{shard.shard}.db"):
            raise ValueError(f"{name} is not shard {shard.shard}")
    return FileInBackup(name, _number(values["bytes"]), _matching(_SHA256, values["sha256"]), shard)


def _matching(pattern: "re.Pattern[str]", value: object) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{str(value)[:50]!r} is not what stands there")
    return value


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{str(value)[:50]!r} is no count")
    return value
