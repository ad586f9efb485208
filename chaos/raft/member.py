"""One simulated process: a RaftLog over its disk, a shard, and what the process around them does.

Decides the order of a turn as a coordinator's loop has it: hear, look at the time, act on the news, append, let go what
promises nothing; then the disk; then answers, acknowledgements and reads, and at last the shard. Between the two halves
a crash finds everything written and nothing durable. Rule: actors/turn.py.
"""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...actors.draws import Draws
from ...actors.effects import Send
from ...actors.entries import ENGINE_MARK
from ...actors.machine import Now
from ...actors.raft.engine import RaftLog
from ...actors.raft.members import RefusedChange
from ...actors.raft.news import Deposed, Elected
from ...actors.raft.settings import RaftSettings
from ...broker.wire.fields import Row
from ...broker.wire.messages import Message
from ...nodes.storage.log.errors import DiskFull
from .disk import Disk
from .shard import Copies, Shard
from .witness import Violation, Witness

APPLY_MAX = 16


class Reading(NamedTuple):
    """A read that waits: it was asked when `needed` was acknowledged."""

    shown: int
    round: int
    needed: int


class Member:
    """A process that may crash and start again; disk and shard stay."""

    def __init__(
        self, name: str, genesis: Sequence[Row], groups: Sequence[int], settings: RaftSettings, witness: Witness
    ) -> None:
        self.name = name
        self.disk = Disk(name, witness, segment_entries=4)
        self.shards = {group: Shard() for group in groups}
        self.inbox: list[tuple[str, Message]] = []
        self.is_writing = False
        """The first half of a turn is over, and the second is not."""
        self._genesis = genesis
        self._groups = groups
        self._settings = settings
        self._witness = witness
        self._log: RaftLog | None = None
        self._lives = 0

    # Life and death.

    @property
    def is_up(self) -> bool:
        """Says whether the process runs."""
        return self._log is not None

    @property
    def log(self) -> RaftLog:
        """The engine of the present life."""
        assert self._log is not None, f"{self.name} does not run"
        return self._log

    def start(self, now: Now, seed: int) -> None:
        """Begins a life on what the disk and the shard hold."""
        assert self._log is None, f"{self.name} runs already"
        self._lives += 1
        self.inbox = []
        self.is_writing = False
        self.copies = Copies(self.shards)
        self._seen = dict.fromkeys(self._groups, 0)
        self._led: dict[int, int] = {}
        self._ready: dict[int, int] = {}
        self._pending: dict[int, list[int]] = {group: [] for group in self._groups}
        self._readings: dict[int, list[Reading]] = {group: [] for group in self._groups}
        applied = {group: shard.applied for group, shard in self.shards.items()}
        draws = Draws(seed).child(self.name).child(self._lives)
        self._log = RaftLog(
            self.name, self.disk, self.copies, self._settings, self._groups, self._genesis, draws, now, applied
        )

    def crash(self, draw: random.Random) -> None:
        """Ends the life; of what was not synced, a part may be found afterwards."""
        self._log = None
        self.disk.crash(draw)
        for shard in self.shards.values():
            shard.crash()

    # A turn.

    def think(self, now: Now, *, wakes: bool = True) -> list[Send]:
        """The first half of a turn; returns what may leave before the disk is waited for.

        Args:
            now: its clocks.
            wakes: without it, no time is over for it in this turn.
        """
        assert not self.is_writing, "one turn after the other"
        log = self.log
        inbox, self.inbox = self.inbox, []
        for sender, message in inbox:
            fault = log.received(sender, message, now)
            if fault is not None:
                raise Violation(f"sound_members_are_heard: {self.name} drops what {sender} says: {fault}: {message}")
        if wakes:
            log.wake(now)
        for news in log.news():
            if isinstance(news, Elected):
                self._led[news.group] = news.epoch
                self._witness.elected(self, news.group, news.epoch)
            elif isinstance(news, Deposed):
                self._led.pop(news.group, None)
                self._pending[news.group].clear()
                self._readings[news.group].clear()
        for group, term in self._led.items():
            self._witness.counts_by(group, term, log.members(group))
        self.is_writing = True
        return self._leaving(log.outgoing())

    def write(self) -> list[Send]:
        """The second half; returns what rests on the disk."""
        assert self.is_writing, "there is something to write"
        self.is_writing = False
        log = self.log
        try:
            log.sync()
        except DiskFull:
            return []  # all still waits in memory, for a later turn
        return self._leaving(log.answers())

    def _leaving(self, sends: list[Send]) -> list[Send]:
        for send in sends:
            self._witness.leaves(self, send.peer.decode(), send.message)
        return sends

    def settle(self, disks: dict[str, Disk]) -> None:
        """After the second half: acknowledges, answers reads, applies, and lets the witness look."""
        log = self.log
        for group in self._groups:
            committed = log.committed(group)
            if committed > log.last_index(group):
                raise Violation(f"commit_is_in_the_log: {self.name}: {committed} of {log.last_index(group)}")
            if committed != self._seen[group]:
                self._witness.commits(self, group, self._seen[group], committed, disks)
                self._seen[group] = committed
            self._acknowledge(group, committed)
            self._apply(group, committed)

    def _acknowledge(self, group: int, committed: int) -> None:
        pending = self._pending[group]
        while pending and pending[0] <= committed:
            index = pending.pop(0)
            self._witness.acknowledged(self.name, group, index, self._led[group])
        confirmed = self.log.confirmed(group)
        readings = self._readings[group]
        while readings and readings[0].shown <= committed and readings[0].round <= confirmed:
            reading = readings.pop(0)
            self._witness.answered(self.name, reading.shown, reading.needed)

    def _apply(self, group: int, committed: int) -> None:
        shard = self.shards[group]
        last = min(committed, shard.applied + APPLY_MAX)
        if shard.applied < last:
            for record in self.log.read(group, shard.applied + 1, last):
                shard.apply(record.index, record.blob)
            self._witness.applied(self.name, group, shard.applied, shard.digest)

    def is_behind(self, group: int) -> bool:
        """Says whether it has lost entries and does not have them again."""
        picture: Any = self.log.snapshot()[str(group)]
        return picture["is_behind"]

    # What clients, operators and the process itself want. Between turns.

    def submit(self, group: int, blob: bytes) -> bool:
        """A client's entry; False if this process cannot take it."""
        if group not in self._led or not self.log.leads(group) or not self._is_ready(group):
            return False
        assert not blob.startswith(ENGINE_MARK), "the engine's own mark"
        self._pending[group].append(self.log.append(group, blob))
        return True

    def _is_ready(self, group: int) -> bool:
        """A machine decides once its shard shows the whole log; then it goes on until it is deposed."""
        if self._ready.get(group) != self._led[group]:
            log = self.log
            if log.committed(group) == log.last_index(group) == self.shards[group].applied:
                self._ready[group] = self._led[group]
        return self._ready.get(group) == self._led[group]

    def read(self, group: int) -> bool:
        """A client's read; False if this process cannot take it."""
        log = self.log
        if group not in self._led or not log.leads(group) or not self._is_ready(group):
            return False
        needed = self._witness.acked.get(group, 0)
        self._readings[group].append(Reading(log.last_index(group), log.begin_round(group), needed))
        return True

    def change(self, group: int, rows: Sequence[Row]) -> bool:
        """An operator changes the members; False if that is refused."""
        try:
            self.log.change_members(group, rows)
        except RefusedChange:
            return False
        return True

    def keep_house(self, group: int, draw: random.Random) -> None:
        """Makes the shard durable, lets the log go that it shows, and finishes a copy if one is wanted."""
        shard, log = self.shards[group], self.log
        shard.checkpoint()
        below = shard.durable[0] + 1 - draw.choice((0, 0, 1, 4))
        if 0 < below <= self.disk.synced(group) + 1:
            log.truncate(group, below)
        if group in self.copies.wanted:
            least = log.first_index(group) - 1
            if shard.applied >= least:
                self.copies.finish(group, max(least, shard.applied - draw.choice((0, 0, 2))))
