"""Copies of a shard on their way from one shard file to another, piece by piece.

It decides nothing: the copies are the real ones.
"""

from pathlib import Path

from shard_entries import FIRST, history

from mainspring.actors.raft.snapshots import Made
from mainspring.broker.wire.member_messages import SNAPSHOT_CHUNK_BYTES
from mainspring.nodes.storage.shard.shard_file import ShardFile
from mainspring.nodes.storage.shard.snapshots import ShardSnapshots

NAME = "tasks_default_shard_0.db"


def a_shard(folder: Path, count: int) -> ShardFile:
    """A shard file in a folder of its own, with entries."""
    folder.mkdir(exist_ok=True)
    store = ShardFile(folder / NAME, checkpoint_pages=50)
    assert store.apply([FIRST, *history(count)])
    return store


def copied(snapshots: ShardSnapshots) -> Made:
    """Makes a copy and waits for it."""
    snapshots.make(1)
    snapshots.wait(1)
    made = snapshots.made(1)
    assert made is not None
    return made


def send(source: ShardSnapshots, target: ShardSnapshots, made: Made, until: int | None = None) -> int:
    """Sends chunk after chunk and returns how much is there."""
    offset = target.begin(1, made.sha256, made.size_bytes)
    while offset < (made.size_bytes if until is None else until):
        data = source.chunk(1, made.sha256, offset)
        assert 0 < len(data) <= SNAPSHOT_CHUNK_BYTES
        offset = target.add(1, made.sha256, offset, data)
    return offset


def put(source: ShardSnapshots, folder: Path, made: Made) -> None:
    """Leaves all of a copy in a follower's folder, as an earlier life would."""
    chunks = (source.chunk(1, made.sha256, at) for at in range(0, made.size_bytes, SNAPSHOT_CHUNK_BYTES))
    (folder / f".{NAME}.part-{made.sha256}").write_bytes(b"".join(chunks))
