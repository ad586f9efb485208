"""One suite for copies of shards: files, and the simulator's rows in memory."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shard_entries import FIRST, a_submit, an_entry, history

from mainspring.actors import entries
from mainspring.actors.raft.snapshots import Made, SnapshotDamaged, Snapshots
from mainspring.actors.store import ReadListing
from mainspring.chaos.memory_snapshots import CopiedRows, MemorySnapshots
from mainspring.chaos.memory_store import MemoryStore
from mainspring.nodes.storage.shard.shard_file import ShardFile
from mainspring.nodes.storage.shard.snapshots import ShardSnapshots


class Pair:
    """A leader and a follower of one shard, each with its copies."""

    def __init__(self, kind: str, new: Callable[[], Path]) -> None:
        self.leader: Any
        self.follower: Any
        self.source: Any
        self.target: Any
        if kind == "file":
            self.leader, self.follower = ShardFile(new()), ShardFile(new())
            self.source, self.target = ShardSnapshots({1: self.leader}), ShardSnapshots({1: self.follower})
        else:
            copied = CopiedRows()
            self.leader, self.follower = MemoryStore(), MemoryStore()
            self.source = MemorySnapshots({1: self.leader}, copied)
            self.target = MemorySnapshots({1: self.follower}, copied)
        hold = an_entry([entries.HOLD, 9, []], a_submit(first_id=8_000_000, session=7), stamp_ms=2**42)
        assert self.leader.apply([FIRST, *history(20), (22, hold)])

    def made(self) -> Made:
        """Makes a copy of the leader's rows."""
        snapshots: Snapshots = self.source
        snapshots.make(1)
        if isinstance(snapshots, ShardSnapshots):
            snapshots.wait(1)
        made = snapshots.made(1)
        assert made is not None
        return made

    def send(self, made: Made) -> None:
        """Sends what is not there yet."""
        source: Snapshots = self.source
        target: Snapshots = self.target
        offset = target.begin(1, made.sha256, made.size_bytes)
        while offset < made.size_bytes:
            offset = target.add(1, made.sha256, offset, source.chunk(1, made.sha256, offset))


@pytest.fixture(params=["memory", "file"])
def pair(request: pytest.FixtureRequest, files: Callable[[], Path]):
    """A pair of one kind after the other."""
    pair = Pair(request.param, files)
    yield pair
    if request.param == "file":
        pair.source.close()
    pair.leader.close()
    pair.follower.close()


def test_the_follower_shows_what_the_leader_shows(pair: Pair) -> None:
    """All that a machine would start from is the same, durable, and both go on."""
    made = pair.made()
    assert made.index == 8, "the log is needed from the floor on"
    pair.send(made)
    assert pair.target.install(1, made.sha256) == pair.follower.applied == 22
    assert pair.follower.durable_applied() == 22
    assert pair.follower.floor == pair.leader.floor == 9
    assert pair.follower.restore() == pair.leader.restore()
    assert pair.follower.read(ReadListing("jobs", {})) == pair.leader.read(ReadListing("jobs", {}))


def test_a_copy_stays_as_it_was(pair: Pair) -> None:
    """What the leader applies afterwards is not in it, nor does a second `make` change it."""
    made = pair.made()
    later = an_entry(a_submit(first_id=8_000_001, session=8), stamp_ms=2**42)
    assert pair.leader.apply([(23, later)])
    assert pair.made() == made
    pair.send(made)
    assert pair.target.install(1, made.sha256) == 22
    assert pair.leader.applied == 23


def test_a_copy_that_is_gone_has_no_bytes(pair: Pair) -> None:
    """Who asks for another one, or for one that was dropped, gets none."""
    made = pair.made()
    assert pair.source.chunk(1, "0" * 64, 0) == b""
    assert pair.source.chunk(1, made.sha256, made.size_bytes) == b""
    pair.source.drop(1)
    pair.source.drop(1)
    assert pair.source.made(1) is None
    assert pair.source.chunk(1, made.sha256, 0) == b""


def test_only_a_whole_copy_is_installed(pair: Pair) -> None:
    """What has not arrived, or not all of it, takes nobody's place."""
    made = pair.made()
    with pytest.raises(SnapshotDamaged):
        pair.target.install(1, made.sha256)
    pair.target.begin(1, made.sha256, made.size_bytes)
    first = pair.source.chunk(1, made.sha256, 0)[:-1]
    assert pair.target.add(1, made.sha256, 0, first) == len(first)
    assert pair.target.add(1, made.sha256, 0, first) == len(first)
    assert pair.target.add(1, "0" * 64, 0, first) == 0
    with pytest.raises(SnapshotDamaged):
        pair.target.install(1, made.sha256)
    assert pair.follower.applied == 0
    pair.send(made)
    assert pair.target.install(1, made.sha256) == 22


def test_the_twin_loses_a_part_in_a_crash() -> None:
    """What has arrived stays in part; what is spoilt is noticed."""
    copied = CopiedRows()
    leader, follower = MemoryStore(), MemoryStore()
    assert leader.apply([FIRST, *history(3)])
    source, target = MemorySnapshots({1: leader}, copied), MemorySnapshots({1: follower}, copied)
    source.make(1)
    made = source.made(1)
    assert made is not None
    here: set[int] = set()
    for seed in range(20):
        target.begin(1, made.sha256, made.size_bytes)
        while target.begin(1, made.sha256, made.size_bytes) < made.size_bytes:
            at = target.begin(1, made.sha256, made.size_bytes)
            target.add(1, made.sha256, at, source.chunk(1, made.sha256, at))
        target.crash(random.Random(seed))
        here.add(target.begin(1, made.sha256, made.size_bytes))
    assert len(here) > 3
    while (at := target.begin(1, made.sha256, made.size_bytes)) < made.size_bytes:
        target.add(1, made.sha256, at, source.chunk(1, made.sha256, at))
    target.spoil(1)
    with pytest.raises(SnapshotDamaged, match="not the one that was sent"):
        target.install(1, made.sha256)
    source.crash()
    assert source.made(1) is None
