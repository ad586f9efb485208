"""Members in time: delays, loss, cuts in one direction, pauses, slow disks and drifting clocks; then fair weather.

Decides what happens when, from the seed alone. Safety is watched all along; once the weather is fair again every group
must have a leader soon, and take entries that reach every member.
"""

from collections.abc import Callable
from heapq import heappop, heappush

from ...actors.effects import Send
from ...actors.machine import Now
from ...broker.wire.codec import decode, encode
from .cluster import WALL_MS, Cluster
from .member import Member
from .options import Options
from .weather import CALM, FAR, MS, SECOND, WEATHERS, Weather
from .witness import Violation

BAD_S = 15
REST_WITHIN_S = 30
CLIENT_EVERY_NS = 25 * MS
FAULT_EVERY_NS = 600 * MS
FAR_LEADER_WITHIN_S = 15
FAR_STAYS_S = 30


class Timed(Cluster):
    """One run."""

    def __init__(self, options: Options, weather: Weather | None = None) -> None:
        super().__init__(options)
        draw = self.draw
        self.weather = weather or draw.choice(WEATHERS)
        self.at_ns = SECOND
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._rates = {name: 1 + draw.uniform(-0.04, 0.04) for name in self.members}
        self._turn_at: dict[str, int | None] = dict.fromkeys(self.members)
        self._paused_until = dict.fromkeys(self.members, 0)
        self._lives = dict.fromkeys(self.members, 0)
        self._cuts: set[tuple[str, str]] = set()
        self.is_bad = True
        self.is_busy = True
        """Clients ask for something."""
        for member in self.members.values():
            self._begin(member)
        self._later(CLIENT_EVERY_NS, self._clients)
        self._later(FAULT_EVERY_NS, self._fault)

    # Time.

    def now_of(self, name: str) -> Now:
        """Returns a member's clocks: each runs at a rate of its own."""
        elapsed_ns = int(self.at_ns * self._rates[name])
        return Now(elapsed_ns, WALL_MS + elapsed_ns // MS)

    def _later(self, delay_ns: int, act: Callable[[], None]) -> None:
        self._count += 1
        heappush(self._events, (self.at_ns + delay_ns, self._count, act))

    def pass_time(self, until_ns: int) -> None:
        """Lets everything happen up to an instant.

        Raises:
            Violation: something happened that must never happen.
        """
        while self._events and self._events[0][0] <= until_ns:
            self.at_ns, _, act = heappop(self._events)
            act()
        self.at_ns = until_ns

    # Members' turns.

    def carry(self, sender: str, sends: list[Send]) -> None:
        """Sends messages on their way."""
        for send in sends:
            to, frame = send.peer.decode(), encode(send.message)
            if (sender, to) in self._cuts:
                continue
            for delay_ns in self.weather.delays_ns(self.draw):
                disks = self.replaced[to]
                self._later(delay_ns, lambda to=to, frame=frame, disks=disks: self._arrive(sender, to, frame, disks))

    def _arrive(self, sender: str, to: str, frame: bytes, disks: int) -> None:
        member = self.members.get(to)
        if member is not None and member.is_up and disks == self.replaced[to]:
            member.inbox.append((sender, decode(frame)))
            self._want_turn(member, self.at_ns)

    def _want_turn(self, member: Member, at_ns: int) -> None:
        name = member.name
        at_ns = max(at_ns, self.at_ns, self._paused_until[name])
        known = self._turn_at[name]
        if member.is_writing or (known is not None and known <= at_ns):
            return
        self._turn_at[name] = at_ns
        life = self._lives[name]
        self._later(at_ns - self.at_ns, lambda: self._turn(member, at_ns, life))

    def _turn(self, member: Member, at_ns: int, life: int) -> None:
        name = member.name
        if life != self._lives[name] or self._turn_at[name] != at_ns or not member.is_up:
            return
        self._turn_at[name] = None
        if self._paused_until[name] > at_ns:
            self._want_turn(member, at_ns)
            return
        self.think(member)
        self._later(self.weather.write_ns(self.draw), lambda: self._wrote(member, life))

    def _wrote(self, member: Member, life: int) -> None:
        name = member.name
        if life != self._lives[name] or not member.is_up:
            return
        if self._paused_until[name] > self.at_ns:
            self._later(self._paused_until[name] - self.at_ns, lambda: self._wrote(member, life))
            return
        if not self.write(member):
            self._later(200 * MS, lambda: self._begin(self.members[name]))
            return
        wake_ns = member.log.wake_at()
        if member.inbox:
            self._want_turn(member, self.at_ns)
        elif wake_ns is not None:
            self._want_turn(member, max(int(wake_ns / self._rates[name]) + 1, self.at_ns + 50_000))

    def _begin(self, member: Member) -> None:
        if not member.is_up:
            self._lives[member.name] += 1
            self._turn_at[member.name] = None
            self.start(member)
            self._want_turn(member, self.at_ns)

    # Clients and faults.

    def leaders(self, group: int) -> list[Member]:
        """Returns those that take themselves for the leader."""
        return [member for member in self.members.values() if member.is_up and member.log.leads(group)]

    def _clients(self) -> None:
        self._later(CLIENT_EVERY_NS, self._clients)
        for group in self.groups:
            for leader in self.leaders(group):
                if not leader.is_writing and self.is_busy:
                    self.submit(leader, group)
                    leader.read(group)
                    self._want_turn(leader, self.at_ns)
            if self.draw.random() < 0.1:
                member = self.members[self.draw.choice(list(self.members))]
                if member.is_up and not member.is_writing:
                    member.keep_house(group, self.draw)

    def _fault(self) -> None:
        if not self.is_bad:
            return
        self._later(FAULT_EVERY_NS, self._fault)
        draw = self.draw
        member = self.members[draw.choice(list(self.members))]
        group = draw.choice(self.groups)
        faults = [self._crash, self._crash, self._pause, self._cut, self._cut_off, self._hand_over]
        if self.options.changes_members:
            faults.append(self._change)
        draw.choice(faults)(member, group)

    def _crash(self, member: Member, group: int) -> None:
        if not member.is_up:
            return
        self.crash(member)
        if self.options.loses_entries and self.draw.random() < 0.3:
            self.lose(member, group)
        self._later(int(self.draw.random() * 1_500 * MS), lambda: self._begin(self.members[member.name]))
        for other in self.members.values():
            if other is not member and other.is_up and not other.is_writing and self.draw.random() < 0.7:
                other.log.disconnected(member.name, self.now_of(other.name))
                self._want_turn(other, self.at_ns)

    def _pause(self, member: Member, _group: int) -> None:
        self._paused_until[member.name] = self.at_ns + int(self.draw.random() * 2 * SECOND)

    def _cut(self, member: Member, _group: int) -> None:
        other = self.draw.choice(list(self.members))
        cut = (member.name, other)
        self._cuts.add(cut)
        self._later(int(self.draw.random() * 4 * SECOND), lambda: self._cuts.discard(cut))

    def cut(self, one: str, other: str) -> None:
        """Cuts the link between two members, in both directions."""
        self._cuts |= {(one, other), (other, one)}

    def _cut_off(self, member: Member, _group: int) -> None:
        cuts = {(member.name, other) for other in self.members} | {(other, member.name) for other in self.members}
        self._cuts |= cuts
        self._later(int(self.draw.random() * 3 * SECOND), lambda: self._cuts.difference_update(cuts))

    def _hand_over(self, _member: Member, group: int) -> None:
        for leader in self.leaders(group):
            if not leader.is_writing:
                self.hand_over(leader, group)

    def _change(self, _member: Member, group: int) -> None:
        for leader in self.leaders(group):
            if not leader.is_writing:
                self.change(leader, group)

    # The two phases.

    def run(self) -> None:
        """Runs the whole of it.

        Raises:
            Violation: something happened that must never happen, or nothing happened that should.
        """
        self.pass_time(BAD_S * SECOND)
        self.heal(CALM)
        for group in self.groups:
            self._come_to_rest(group)
        for member in self.members.values():
            if member.is_up:
                member.log.check()

    def heal(self, weather: Weather) -> None:
        """Ends all faults."""
        self.is_bad = False
        self.weather = weather
        self._cuts.clear()
        for member in self.members.values():
            self._paused_until[member.name] = 0
            self._begin(member)

    def _come_to_rest(self, group: int) -> None:
        """Waits until a new entry has reached every member of the group."""
        until_ns = self.at_ns + REST_WITHIN_S * SECOND
        wanted = len(self.witness.committed.get(group, ())) + 5
        while self.at_ns < until_ns:
            self.pass_time(self.at_ns + 100 * MS)
            leaders = self.leaders(group)
            if len(leaders) == 1:
                names = [row[0] for row in leaders[0].log.members(group)]
                if all(self.members[name].log.committed(group) >= wanted for name in names):
                    return
        pictures = {name: member.log.snapshot() for name, member in self.members.items() if member.is_up}
        raise Violation(
            f"groups_recover: group {group} has not come to rest {REST_WITHIN_S} s after it all: {pictures}"
        )

    def run_far(self) -> None:
        """Every message takes half a second: there is a leader before long, and it stays.

        Raises:
            Violation: there is none, or it does not stay.
        """
        self.heal(FAR)
        while not self.leaders(1):
            self.pass_time(self.at_ns + 100 * MS)
            if self.at_ns > FAR_LEADER_WITHIN_S * SECOND:
                raise Violation(f"far_members_elect: nobody leads after {FAR_LEADER_WITHIN_S} s")
        elected_ns = self.at_ns
        while self.at_ns < FAR_LEADER_WITHIN_S * SECOND:
            self.pass_time(self.at_ns + SECOND)
        elections, acks = self.witness.elections, self.witness.acks
        self.pass_time(self.at_ns + FAR_STAYS_S * SECOND)
        if self.witness.elections > elections:
            raise Violation(f"far_leaders_stay: elected at {elected_ns / SECOND:.1f} s, and others after it")
        if self.witness.acks - acks < FAR_STAYS_S:
            raise Violation(f"far_leaders_commit: {self.witness.acks - acks} entries in {FAR_STAYS_S} s")
