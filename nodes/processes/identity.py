"""Which cluster a data directory belongs to, and which node of it it is.

Decides the form of `identity.json`, which is made once and never changed: a node that lost it would be another
one. It must not know what the ids are used for. Rule: docs/design.md, "Replication and election" (a hello
compares the cluster id).
"""

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple, cast

FILE_NAME = "identity.json"
FORMAT = 1
FILE_BYTES_MAX = 4096

_ID = re.compile(r"[0-9a-f]{32}")


class Identity(NamedTuple):
    """Who a data directory belongs to: two random numbers of 128 bits, in hexadecimal."""

    cluster: str
    node: str


class IdentityDamaged(ValueError):
    """The identity file is there and cannot be used; nothing may be guessed in its place."""


def load_identity(data_dir: Path) -> Identity:
    """Reads the identity of a data directory; makes one where there is none.

    Args:
        data_dir: the folder, which must exist and be locked by the caller.

    Raises:
        IdentityDamaged: the file is not what this version writes.
        OSError: the file cannot be read or written.
    """
    path = data_dir / FILE_NAME
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        identity = Identity(os.urandom(16).hex(), os.urandom(16).hex())
        _write(path, identity)
        return identity
    return _parsed(path, content)


def _parsed(path: Path, content: bytes) -> Identity:
    mend = "put it back from a backup of the data directory"
    try:
        values: Any = json.loads(content) if len(content) <= FILE_BYTES_MAX else None
    except ValueError:  # not UTF-8 included
        values = None
    if not isinstance(values, dict):
        raise IdentityDamaged(f"{path}: is no JSON object: {mend}")
    known = cast("dict[str, object]", values)
    if known.get("format") != FORMAT:
        told = json.dumps(known.get("format"))[:20]
        raise IdentityDamaged(f"{path}: has the format {told}, not {FORMAT}: use the version that wrote it, or {mend}")
    ids: list[str] = []
    for key in ("cluster", "node"):
        value = known.get(key)
        if not isinstance(value, str) or not _ID.fullmatch(value):
            raise IdentityDamaged(f"{path}: {key} is not 32 hexadecimal digits: {mend}")
        ids.append(value)
    return Identity(*ids)


def _write(path: Path, identity: Identity) -> None:
    """Writes the file as a whole or not at all, and waits until it is on the disk."""
    content = json.dumps({"format": FORMAT, **identity._asdict()}, indent=2) + "\n"
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="ascii") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
