"""Members and spares of one run, and the few acts on them that both drivers need.

Decides nothing about when; bag.py and timed.py do.
"""

import random
from collections import Counter

from ...actors.effects import Send
from ...actors.machine import Now
from ...actors.raft.hard_state import UNKNOWN_DEBT, decode_state
from ...broker.wire.fields import Row
from ..memory_entries import MemoryEntries
from .disk import Disk
from .member import Member
from .options import Options
from .shard import Dies
from .witness import Witness

WALL_MS = 1_800_000_000_000


def row_of(name: str, *, is_voter: bool) -> Row:
    """Returns a row of CLUSTER_MEMBER_COLUMNS."""
    return [name, f"{name}:1", f"{name}:2", int(is_voter)]


def _has_begun(disk: Disk, group: int) -> bool:
    hard = decode_state(disk.durable_state(group))
    return hard is not None and hard.debt != UNKNOWN_DEBT and disk.durable_last(group) > 0


class Cluster:
    """All processes of a run."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.draw = random.Random(f"run {options.seed}")
        self.witness = Witness()
        self.groups = tuple(range(1, options.groups + 1))
        names = [f"n{number}" for number in range(options.members)]
        spares = [f"s{number}" for number in range(options.spares)]
        self.genesis = genesis = [row_of(name, is_voter=True) for name in names]
        settings = options.settings()
        self.members = {name: Member(name, genesis, self.groups, settings, self.witness) for name in names}
        self.members.update({name: Member(name, [], self.groups, settings, self.witness) for name in spares})
        self.disks: dict[str, Disk] = {name: member.disk for name, member in self.members.items()}
        self.replaced = Counter[str]()
        """How often each name has got an empty disk."""
        self.submitted = 0
        self.damaged: set[str] = set()
        """Members whose disk has lost something that they do not have again yet."""

    def now_of(self, name: str) -> Now:
        """Returns a member's clocks."""
        raise NotImplementedError

    def carry(self, sender: str, sends: list[Send]) -> None:
        """Takes what a member has said."""
        raise NotImplementedError

    def think(self, member: Member) -> None:
        """The first half of a turn."""
        self.carry(member.name, member.think(self.now_of(member.name)))

    def write(self, member: Member) -> bool:
        """The second half of a turn; False if the process died in it."""
        try:
            answers = member.write()
        except Dies:
            self.crash(member)
            return False
        self.carry(member.name, answers)
        member.settle(self.disks)
        return True

    def crash(self, member: Member) -> None:
        """Ends a process."""
        member.crash(self.draw)

    def start(self, member: Member) -> None:
        """Starts a process."""
        member.start(self.now_of(member.name), self.options.seed)

    def lose(self, member: Member, group: int) -> None:
        """Has the disk of a process that is down lose its last entries, or all; one disk at a time."""
        self.damaged = {name for name in self.damaged if not self._is_whole(self.members[name])}
        disk: MemoryEntries = member.disk
        first, last = disk.first_index(group), disk.last_index(group)
        if self.damaged - {member.name} or last < first or not self._have_all_begun(member.name):
            return
        self.damaged.add(member.name)
        if self.draw.random() < 0.3:
            self.replace(member.name, joins=self.draw.random() < 0.5)
        else:
            disk.lose(group, self.draw.randint(max(first, last - 5), last))

    def _have_all_begun(self, name: str) -> bool:
        """Says whether all other first members hold something, and have been told that it is all.

        One that has not is as good as one that has lost its disk.
        """
        others = [self.disks[row[0]] for row in self.genesis if row[0] != name]
        return all(_has_begun(disk, group) for disk in others for group in self.groups)

    def _is_whole(self, member: Member) -> bool:
        return member.is_up and not any(member.is_behind(group) for group in self.groups)

    def replace(self, name: str, *, joins: bool = True) -> None:
        """Has a process that is down start with an empty disk the next time; what was on its way to it is lost.

        Args:
            name: of the process.
            joins: it waits to be taken in; else it starts with the settings of a first member, as it once did.
        """
        old = self.members[name].disk
        genesis = [] if joins else self.genesis
        member = Member(name, genesis, self.groups, self.options.settings(), self.witness)
        for group in self.groups:
            member.disk.remember_loss(old, group)
        self.members[name], self.disks[name] = member, member.disk
        self.replaced[name] += 1

    def submit(self, member: Member, group: int) -> None:
        """A client submits something to a member."""
        self.submitted += 1
        member.submit(group, b"%d" % self.submitted + b"." * self.draw.choice((0, 0, 30)))

    def change(self, member: Member, group: int) -> None:
        """An operator adds or removes a member, asking the leader."""
        if not member.log.leads(group):
            return
        rows = [list(row) for row in member.log.members(group)]
        named = {row[0] for row in rows}
        absent = sorted(self.members.keys() - named)
        voters = [row for row in rows if row[3]]
        if absent and (self.draw.random() < 0.6 or len(voters) <= 3):
            member.change(group, [*rows, row_of(self.draw.choice(absent), is_voter=False)])
        elif rows:
            leaver = self.draw.choice(rows)
            # Two voters cannot do without either disk.
            if len(voters) > 2 + self.options.loses_entries or not leaver[3]:
                member.change(group, [row for row in rows if row is not leaver])

    def hand_over(self, member: Member, group: int) -> None:
        """An operator, or the leader itself, hands a group over."""
        names = [*member.log.members(group), None]
        to = self.draw.choice(names)
        member.log.transfer(group, None if to is None else to[0])
