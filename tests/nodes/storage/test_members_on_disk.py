"""Three members over real logs and real shard files, killed, cut off and left behind: in the end all show the same."""

import random
import shutil
from pathlib import Path
from typing import Any

import apsw
import pytest
from shard_entries import LANES, a_submit, an_entry

from mainspring.actors import entries
from mainspring.actors.coordinator.takeover import keep_from
from mainspring.actors.draws import Draws
from mainspring.actors.entries import encode_entry
from mainspring.actors.machine import Now
from mainspring.actors.raft.engine import RaftLog
from mainspring.actors.raft.news import SnapshotInstalled
from mainspring.actors.raft.settings import RaftSettings
from mainspring.actors.turn import Member, catch_up, follow, turn
from mainspring.broker.wire.codec import decode, encode
from mainspring.nodes.storage.log.local_log import LocalLog
from mainspring.nodes.storage.shard.shard_file import ShardFile
from mainspring.nodes.storage.shard.snapshots import ShardSnapshots

GROUP = 1
NAMES = ("a", "b", "c")
SETTINGS = RaftSettings(retain_bytes=20_000, retain_entries=30, tail_bytes=5_000, append_bytes=4_000)
START_MS = 1_700_000_000_000


class StoredMember:
    """One member with its disk."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.life = 0
        self.installed = 0
        self.folder.mkdir(parents=True)
        self.open()

    @property
    def folder(self) -> Path:
        """Where its files are in this life."""
        return self.world.folder / f"{self.name}-{self.life}"

    def open(self) -> None:
        """Begins a life on what the folder holds."""
        self.log = LocalLog(
            self.folder / "log",
            segment_bytes=16_000,
            synchronous="off",
            ballast_bytes=0,
            elapsed_ns=lambda: self.world.now.elapsed_ns,
            tolerate_lost=True,
        )
        self.file = ShardFile(self.folder / "tasks_default_shard_0.db", checkpoint_pages=20)
        self.snapshots = ShardSnapshots({GROUP: self.file})
        genesis: list[list[Any]] = [[name, f"ipc://{name}", f"ipc://{name}-clients", 1] for name in NAMES]
        draws = Draws(self.world.draw.randrange(2**32))
        self.engine = RaftLog(
            self.name, self.log, self.snapshots, SETTINGS, [GROUP], genesis, draws, self.world.now,
            {GROUP: self.file.applied},
        )  # fmt: skip
        self.member: Member[Any] = Member(GROUP, None, self.file)

    @property
    def is_behind(self) -> bool:
        """Whether it has no vote before it has got something back."""
        picture: Any = self.engine.snapshot()[str(GROUP)]
        return picture["is_behind"]

    def kill(self, *, loses_rows: bool = False) -> None:
        """Ends this life where it stands, and begins another one on what the kernel has, or on the log of it alone."""
        before = self.folder
        self.life += 1
        shutil.copytree(before, self.folder, ignore=shutil.ignore_patterns("tasks_*") if loses_rows else None)
        self.close()
        shutil.rmtree(before)
        self.open()

    def close(self) -> None:
        """Ends this life."""
        self.snapshots.close()
        self.log.close()
        self.file.close()

    def turn(self) -> None:
        """One turn: what a coordinator's loop does."""
        now, engine = self.world.now, self.engine
        engine.wake(now)
        self.installed += sum(isinstance(news, SnapshotInstalled) for news in engine.news())
        if engine.leads(GROUP):
            self.snapshots.wait(GROUP)
            if not self.world.is_over:
                self.decide()
        for send in turn([self.member], now, engine):
            self.world.wire.append((self.name, send.peer.decode(), encode(send.message)))
        follow(self.member, engine)
        catch_up(self.member, engine)
        self.log.maintain()
        if self.world.draw.random() < 0.05:
            engine.truncate(GROUP, keep_from(self.file.make_durable(), max(self.file.floor, 1)))

    def decide(self) -> None:
        """A leader takes jobs; without a machine it does so only when all before is applied."""
        engine, world = self.engine, self.world
        if engine.committed(GROUP) != engine.last_index(GROUP) or self.file.applied != engine.committed(GROUP):
            return
        world.taken += 1
        stamp_ms = START_MS + world.now.elapsed_ns // 1_000_000
        op = a_submit(first_id=world.taken, session=world.taken, payload=f'"{"x" * 300}"')
        ops = [op, [entries.HOLD, max(self.file.applied - 5, 1), []]] if self.file.applied > 1 else [LANES]
        epoch, _ = engine.leader(GROUP)
        engine.append(GROUP, encode_entry(an_entry(*ops, stamp_ms=stamp_ms, epoch=epoch)))


class World:
    """Three members, a wire and a clock."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.draw = random.Random(seed)
        self.now = Now(10**9, START_MS)
        self.wire: list[tuple[str, str, bytes]] = []
        self.taken = 0
        self.is_over = False
        """Nobody submits any more."""
        self.cut_off: str | None = None
        self.members = {name: StoredMember(self, name) for name in NAMES}

    def step(self, ms: int = 10) -> None:
        """Lets time pass; most of what is on the wire arrives."""
        self.now = Now(self.now.elapsed_ns + ms * 1_000_000, self.now.wall_ms + ms)
        wire, self.wire = self.wire, []
        for sender, to, frame in wire:
            if self.cut_off not in (sender, to) and (self.cut_off is None or self.draw.random() < 0.97):
                self.members[to].engine.received(sender, decode(frame), self.now)
        for member in self.members.values():
            member.turn()


def rows(path: Path) -> dict[str, list[Any]]:
    """All rows of all tables."""
    connection: Any = apsw.Connection(str(path))
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = {table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr) for table in tables}
    connection.close()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_all_show_the_same_in_the_end(tmp_path: Path, seed: int) -> None:
    """Kills, losses, lost rows, cut-off members; who lags gets copies; logs are cut, begin anew and are shortened."""
    world = World(tmp_path, seed)
    lost = 0
    for turns in range(1200):
        if turns % 150 == 0:
            world.cut_off = world.draw.choice([*NAMES, None])
        if world.draw.random() < 0.01:
            world.members[world.draw.choice(NAMES)].kill()
        if turns % 100 == 99 and not any(member.is_behind for member in world.members.values()):
            world.members[world.draw.choice(NAMES)].kill(loses_rows=True)
            lost += 1
        world.step()
    world.cut_off = None
    world.is_over = True
    for _ in range(3000):
        world.step()
        if len({(member.file.applied, member.engine.last_index(GROUP)) for member in world.members.values()}) == 1:
            break
    assert world.taken > 100
    assert lost > 0
    assert sum(member.installed for member in world.members.values()) > 0
    for member in world.members.values():
        member.close()
    first, *others = [rows(member.file.path) for member in world.members.values()]
    assert len(first["jobs"]) > 100
    for other in others:
        assert other == first
