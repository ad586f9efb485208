"""Which cluster a data directory belongs to, and which node of it it is.

Decides the form of `identity.json`, whose ids are made once and never changed: a node that lost them would be another
one. Only a node that waits to be taken into a cluster learns the cluster's id later. The first members of a cluster
find its id each by itself, from who they are. The name is that of the last start, and a member keeps it. Rule:
docs/design.md, "Replication and election" (a hello compares the cluster id).
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from ...broker.wire.limits import NAME_CHARS_MAX

FILE_NAME = "identity.json"
FORMAT = 1
FILE_BYTES_MAX = 4096

LIFE_NAME = "incarnation"

_ID = re.compile(r"[0-9a-f]{32}")


class Identity(NamedTuple):
    """Who a data directory belongs to: two numbers of 128 bits, in hexadecimal, and the node's name.

    `cluster` is empty while the node waits to be taken into one, `name` where an older version has written the file.
    """

    cluster: str
    node: str
    name: str = ""


class IdentityDamaged(ValueError):
    """The identity file is there and cannot be used; nothing may be guessed in its place."""


def cluster_of(members: Sequence[Sequence[Any]], shards: int, *, is_joining: bool) -> str | None:
    """Returns the cluster id that a fresh data directory gets; None if it should be drawn.

    Args:
        members: the first members, rows of CLUSTER_MEMBER_COLUMNS; all of them find the same id.
        shards: how many shards the cluster has.
        is_joining: the node waits to be taken in.
    """
    if is_joining:
        return ""
    if len(members) < 2:
        return None  # whoever is alone may take others in later
    what = json.dumps([shards, sorted([row[0], row[1]] for row in members)])
    return hashlib.blake2b(what.encode(), digest_size=16).hexdigest()


def next_life(data_dir: Path) -> int:
    """Returns the incarnation of a life that begins: greater than any before, durable before it is used.

    Raises:
        OSError: the file cannot be read or written.
    """
    path = data_dir / LIFE_NAME
    try:
        before = int(path.read_text("ascii")[:20])
    except (FileNotFoundError, ValueError):
        before = 0  # the clock is enough, as long as it does not go back
    life = max(before + 1, time.time_ns() // 1_000_000)
    _write(path, f"{life}\n")
    return life


def save_cluster(data_dir: Path, cluster: str) -> None:
    """Notes the cluster that has taken this node in; it belongs there for ever.

    Raises:
        OSError: the file cannot be written.
    """
    identity = load_identity(data_dir)
    assert not identity.cluster, "a node belongs to one cluster for ever"
    _write(data_dir / FILE_NAME, _content(identity._replace(cluster=cluster)))


def keep_name(data_dir: Path, identity: Identity, name: str, *, is_member: bool) -> None:
    """Notes the name under which a node starts; that of a member stays, for under it it has voted and promised.

    Args:
        data_dir: the folder.
        identity: what it says of itself.
        name: what the settings say.
        is_member: whether the node has ever had a part in a cluster of several.

    Raises:
        ValueError: the data directory is another member's; nothing was changed.
        OSError: the file cannot be written.
    """
    if identity.name == name:
        return
    if is_member and identity.name:
        raise ValueError(
            f"{data_dir} is the data of member {identity.name}, and the settings say {name}: set name = "
            f'"{identity.name}" in [node] again, or give {name} an empty data directory and `join = true`, and have '
            "`mainspring cluster replace` take it in"
        )
    _write(data_dir / FILE_NAME, _content(identity._replace(name=name)))


def load_identity(data_dir: Path, fresh: str | None = None, name: str = "") -> Identity:
    """Reads the identity of a data directory; makes one where there is none.

    Args:
        data_dir: the folder, which must exist and be locked by the caller.
        fresh: the cluster id of one that is made now; None draws it.
        name: the node's name, for one that is made now.

    Raises:
        IdentityDamaged: the file is not what this version writes.
        OSError: the file cannot be read or written.
    """
    path = data_dir / FILE_NAME
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        identity = Identity(os.urandom(16).hex() if fresh is None else fresh, os.urandom(16).hex(), name)
        _write(path, _content(identity))
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
        if not isinstance(value, str) or not (_ID.fullmatch(value) or (key == "cluster" and not value)):
            raise IdentityDamaged(f"{path}: {key} is not 32 hexadecimal digits: {mend}")
        ids.append(value)
    name = known.get("name", "")
    if not isinstance(name, str) or len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise IdentityDamaged(f"{path}: name is not the name of a node: {mend}")
    return Identity(ids[0], ids[1], name)


def _content(identity: Identity) -> str:
    return json.dumps({"format": FORMAT, **identity._asdict()}, indent=2) + "\n"


def _write(path: Path, content: str) -> None:
    """Writes the file as a whole or not at all, and waits until it is on the disk."""
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
