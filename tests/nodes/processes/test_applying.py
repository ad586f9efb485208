"""Rows follow the log: when there is time, when too much has come together, and at once where somebody waits."""

from pathlib import Path
from typing import Any

import pytest
from cluster_bench import MS, ClusterBench

from mainspring.actors.entries import NOOP, Entry, encode_entry
from mainspring.chaos.memory_store import MemoryStore
from mainspring.nodes.processes.applying import (
    APPLY_AFTER_NS,
    APPLY_WITHIN_NS,
    LOCKED_RETRY_NS,
    UNAPPLIED_BUSY_MAX,
    Applying,
)  # fmt: skip
from mainspring.nodes.processes.shard import Shard


class File:
    """A shard file that nobody pins."""

    path = Path("tasks.db")

    def wal_live_bytes(self) -> int:
        """Small."""
        return 0


class Disk:
    """Room for everything."""

    is_full = False

    def __init__(self, bench: ClusterBench) -> None:
        self.bench = bench
        self.portions: list[int | None] = []

    def apply(self, member: Any, _now: Any, rows_max: int | None = None) -> bool:
        """As it comes."""
        self.portions.append(rows_max)
        return self.bench.apply(member)


class Stage:
    """Applying over a bench."""

    def __init__(self, *, is_member: bool = True) -> None:
        self.bench = ClusterBench()
        self.disk = Disk(self.bench)
        shards: Any = {0: Shard(self.bench.members[0], File())}  # type: ignore[arg-type]  # a stand-in
        disk: Any = self.disk
        self.applying = Applying(shards, self.bench.engine, disk, wal_bytes_max=1, is_member=is_member)

    def due(self, *, is_clear: bool = True, is_urgent: bool = False) -> bool:
        """Asks."""
        return self.applying.due(self.bench.now, is_clear=is_clear, is_urgent=is_urgent)

    @property
    def store(self) -> MemoryStore:
        """The rows."""
        return self.bench.stores[0]


def test_a_follower_applies_what_is_committed() -> None:
    """A moment later, in portions; then there is nothing more to wait for."""
    stage = Stage()
    assert not stage.due()
    assert stage.applying.wake_ns() is None
    stage.bench.log(1, 3)
    assert not stage.due()
    assert stage.applying.wake_ns() == stage.bench.now.elapsed_ns + APPLY_AFTER_NS
    stage.bench.later(2)
    assert not stage.due(is_clear=False)
    assert stage.due()
    stage.applying.apply(stage.bench.now)
    assert stage.store.applied == 3
    assert stage.disk.portions[0] is not None
    assert not stage.due()
    assert stage.applying.wake_ns() is None


def test_what_is_not_committed_is_not_waited_for() -> None:
    """The loop sleeps, and takes in what comes, until others have answered."""
    stage = Stage()
    bench = stage.bench
    bench.engine.campaign(1)
    (member,) = bench.members
    member.machine = object()  # type: ignore[assignment]  # nobody asks it
    bench.engine.hold_commits()
    for _ in range(UNAPPLIED_BUSY_MAX):
        entry = Entry(1, 0, [[NOOP]])
        member.unapplied.append((bench.engine.append(1, encode_entry(entry)), entry))
    bench.engine.sync()
    assert not stage.due()
    assert stage.applying.wake_ns() is None
    assert not stage.applying.is_far_behind(bench.now)
    bench.engine.release_commits()
    assert stage.due(is_clear=False)
    assert stage.applying.is_far_behind(bench.now)
    alone = Stage(is_member=False)
    alone.bench.log(1, UNAPPLIED_BUSY_MAX)
    assert not alone.applying.is_far_behind(bench.now)


def test_who_is_to_lead_does_not_wait() -> None:
    """Rows come at once, however busy the loop is."""
    stage = Stage()
    stage.bench.log(1)
    assert not stage.due(is_clear=False)
    assert stage.due(is_clear=False, is_urgent=True)
    busy = Stage()
    busy.bench.log(1)
    assert not busy.due(is_clear=False)
    busy.bench.later((APPLY_AFTER_NS + APPLY_WITHIN_NS) // MS)
    assert busy.due(is_clear=False)


def test_a_file_that_somebody_holds_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """After a while, without holding up what comes in; the log says it once."""
    stage = Stage()
    stage.bench.log(1, UNAPPLIED_BUSY_MAX)
    stage.store.locked = True
    for _ in range(2):
        stage.applying.apply(stage.bench.now)
        assert stage.applying._retry_ns == stage.bench.now.elapsed_ns + LOCKED_RETRY_NS
        assert not stage.applying.is_far_behind(stage.bench.now)
        stage.bench.later(LOCKED_RETRY_NS // MS)
    assert len([text for text in caplog.messages if "held by another process" in text]) == 1
    stage.store.locked = False
    stage.applying.apply(stage.bench.now)
    assert stage.store.applied == UNAPPLIED_BUSY_MAX
