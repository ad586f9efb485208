"""Any message at any moment in any order: a bag that members' messages fall into and are drawn from.

Decides the next step from the seed alone: deliver, lose or repeat a message, let a clock jump, crash, submit, read,
change members, hand over, truncate. There is no notion of real time here, so nothing is said about progress.
"""

from ...actors.effects import Send
from ...actors.machine import Now
from ...broker.wire.codec import decode, encode
from .cluster import WALL_MS, Cluster
from .member import Member
from .options import Options

BAG_MAX = 80
MS = 1_000_000
JUMPS_NS = [MS] * 30 + [20 * MS] * 14 + [60 * MS] * 14 + [300 * MS] * 5 + [3_500 * MS]


class Bag(Cluster):
    """One run."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._bag: list[tuple[str, str, bytes]] = []
        self._clocks = {name: 1_000_000 * at for at, name in enumerate(self.members, 1)}
        self._names = list(self.members)
        for member in self.members.values():
            self.start(member)
        acts = {
            self._deliver: 60,
            self._tick: 12,
            self._write: 25,
            self._submit: 8,
            self._read: 2,
            self._crash: 0.8,
            self._keep_house: 4,
            self._hand_over: 0.2,
            self._disconnect: 0.6,
            self._spoil: 0.2,
            self._fill: 0.5,
        }
        if options.changes_members:
            acts[self._change] = 0.5
        if options.loses_entries:
            acts[self._lose] = 0.3
        self._acts, self._weights = list(acts), list(acts.values())

    def now_of(self, name: str) -> Now:
        """Returns a member's clocks: each has its own."""
        return Now(self._clocks[name], WALL_MS + self._clocks[name] // 1_000_000)

    def carry(self, sender: str, sends: list[Send]) -> None:
        """Puts messages into the bag; what is in it too long falls out."""
        for send in sends:
            self._bag.append((sender, send.peer.decode(), encode(send.message)))
        while len(self._bag) > BAG_MAX:
            self._bag.pop(self.draw.randrange(len(self._bag)))

    def replace(self, name: str, *, joins: bool = True) -> None:
        """Has a process begin anew; connections end with a process, so nothing that was said before reaches it."""
        super().replace(name, joins=joins)
        self._bag = [item for item in self._bag if item[1] != name]

    def run(self, steps: int) -> None:
        """Takes so many steps.

        Raises:
            Violation: something happened that must never happen.
        """
        draw = self.draw
        for step in range(steps):
            act = draw.choices(self._acts, self._weights)[0]
            member = self.members[draw.choice(self._names)]
            act(member)
            if step % 32 == 0 and member.is_up:
                member.log.check()

    def _turn(self, member: Member) -> None:
        if not member.is_up:
            self.start(member)
        elif member.is_writing:
            self.write(member)
        else:
            self.think(member)

    def _deliver(self, member: Member) -> None:
        if not self._bag:
            self._tick(member)
            return
        at = self.draw.randrange(len(self._bag))
        sender, to, frame = self._bag[at]
        if self.draw.random() >= self.options.dup:
            self._bag[at] = self._bag[-1]
            self._bag.pop()
        hearer = self.members.get(to)
        if hearer is not None and hearer.is_up:
            hearer.inbox.append((sender, decode(frame)))
            if self.draw.random() < 0.8:
                self._turn(hearer)

    def _tick(self, member: Member) -> None:
        self._clocks[member.name] += self.draw.choice(JUMPS_NS)
        self._turn(member)

    def _write(self, member: Member) -> None:
        if member.is_up and member.is_writing:
            self.write(member)

    def _submit(self, _member: Member) -> None:
        group = self.draw.choice(self.groups)
        for leader in self._leaders(group):
            self.submit(leader, group)

    def _leaders(self, group: int) -> list[Member]:
        """Returns those that take themselves for the leader, and are between turns."""
        return [
            member
            for member in self.members.values()
            if member.is_up and not member.is_writing and member.log.leads(group)
        ]

    def _read(self, _member: Member) -> None:
        group = self.draw.choice(self.groups)
        for leader in self._leaders(group):
            leader.read(group)

    def _crash(self, member: Member) -> None:
        if member.is_up:
            self.crash(member)
            if self.options.loses_entries and self.draw.random() < 0.4:
                self.lose(member, self.draw.choice(self.groups))

    def _keep_house(self, member: Member) -> None:
        if member.is_up and not member.is_writing:
            member.keep_house(self.draw.choice(self.groups), self.draw)

    def _hand_over(self, _member: Member) -> None:
        group = self.draw.choice(self.groups)
        for leader in self._leaders(group):
            self.hand_over(leader, group)

    def _change(self, _member: Member) -> None:
        group = self.draw.choice(self.groups)
        for leader in self._leaders(group):
            self.change(leader, group)

    def _disconnect(self, member: Member) -> None:
        if member.is_up and not member.is_writing:
            member.log.disconnected(self.draw.choice(self._names), self.now_of(member.name))

    def _spoil(self, member: Member) -> None:
        if member.is_up:
            if self.draw.random() < 0.5:
                member.copies.damage(self.draw.choice(self.groups))
            else:
                member.copies.dies_before_reset = True

    def _fill(self, member: Member) -> None:
        member.disk.fill_disk(full=self.draw.random() < 0.3)

    def _lose(self, member: Member) -> None:
        if not member.is_up:
            self.lose(member, self.draw.choice(self.groups))
