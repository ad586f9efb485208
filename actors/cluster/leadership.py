"""Which shards a member leads, and what it does when that changes: the same for a real process and for the simulator.

Decides the steps: whoever is elected first has its rows brought up to the log's end, then gets a machine, then asks all
guests to say hello; whoever is deposed forgets its machine at once. It hands over what it can take no further: a shard
whose rows stand still here, all of them before it ends or while it has no room. Who leads, the engine decides; it must
not know how a machine is made, nor how guests are reached. Rule: docs/design.md, "Taking over".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...broker.wire.messages import HelloNeeded, Message
from ..machine import Now
from ..raft.news import Deposed, Elected, LeaderChanged, MembersChanged, News, SnapshotInstalled
from ..turn import Member
from .directory import Directory
from .engine import Engine

LEAVE_NS = 1_000_000_000
"""How long a process that is asked to stop tries to hand its shards over."""

SPARED_NS = 60_000_000_000
"""How often a node with a full disk hands its shards over: the others' disks may be no better."""

SLOW_NS = 2_000_000_000
"""Taking over should not take longer; if it does, the log says what it waits for."""


class Leads(NamedTuple):
    """The shard has its machine; it was elected for it so long ago."""

    shard: int
    epoch: int
    why: str
    after_ns: int


class Waits(NamedTuple):
    """The shard waits for long: until its log is committed, or until its rows are applied."""

    shard: int
    is_committed: bool


class HandsOver(NamedTuple):
    """The shard goes to another member, for its rows stand still here."""

    shard: int


Happening = News | Leads | Waits | HandsOver
"""What `hear` returns: the engine's news, which has been obeyed, and what has come of it."""


class _Candidacy:
    """A shard that this node was elected for and does not serve yet."""

    __slots__ = ("applied", "epoch", "is_told", "look_ns", "since_ns", "why")

    def __init__(self, epoch: int, why: str, since_ns: int, applied: int) -> None:
        self.epoch = epoch
        self.why = why
        self.since_ns = since_ns
        self.look_ns = since_ns + SLOW_NS
        self.applied = applied  # when it was looked last
        self.is_told = False


class Leadership:
    """The shards of a process that is a member of a cluster, and which of them it leads.

    Attributes:
        directory: what is told of that.
        elections: how often this node was elected, by shard.
        leave_ns: when `has_left` says yes at the latest; None before `leave`.
    """

    def __init__(
        self,
        directory: Directory,
        members: Mapping[int, Member[Any]],
        engine: Engine,
        lead: Callable[[Member[Any], int, Now], None],
        tell: Callable[[Sequence[Message]], None],
    ) -> None:
        """Prepares it.

        Args:
            directory: what is told of who leads.
            members: all shards, by number.
            engine: the log under them, which elects.
            lead: gives a member of the turn its machine, for an epoch.
            tell: says something to all guests.
        """
        self.directory = directory
        self.engine = engine
        self.elections = dict.fromkeys(members, 0)
        self.leave_ns: int | None = None
        self._members = members
        self._lead = lead
        self._tell = tell
        self._elected: dict[int, _Candidacy] = {}
        self._leaving: list[int] = []
        self._spared_ns = 0
        self._is_changed = False

    def hear(self, now: Now) -> list[Happening]:
        """Obeys the engine's news and takes over what can be; before each turn, and after it, too, if it may sleep."""
        happened: list[Happening] = list(self.engine.news())
        for news in happened[:]:
            self._obey(news, now)
        for shard, candidacy in list(self._elected.items()):
            happened.extend(self._take_over(shard, candidacy, now))
        if self._is_changed:
            self._is_changed = False
            self._tell([self.directory.map()])
        return happened

    def _obey(self, news: Happening, now: Now) -> None:
        match news:
            case Elected(group, epoch, why):
                shard, member = self._member(group)
                assert member.machine is None, f"shard {shard} has the machine of an epoch before {epoch}"
                self.elections[shard] += 1
                self._elected[shard] = _Candidacy(epoch, why, now.elapsed_ns, member.store.applied)
            case Deposed(group):
                shard, member = self._member(group)
                self._elected.pop(shard, None)
                member.step_down(self.engine.committed(group))
                self._is_changed = True
            case LeaderChanged(_, _, name):
                self._is_changed |= name is not None
            case MembersChanged(group, _, passed):
                _, member = self._member(group)
                if passed and member.machine is not None:
                    member.passed(passed, self.engine.leader(group)[0])
                self._is_changed = True
            case SnapshotInstalled(group):
                self._member(group)[1].unapplied.clear()
            case _:
                raise AssertionError(f"{news} is no news of the engine")

    def _member(self, group: int) -> tuple[int, Member[Any]]:
        return group - 1, self._members[group - 1]

    # Taking over.

    @property
    def is_taking_over(self) -> bool:
        """Whether a shard waits for its rows before it can be led; they are applied at once then."""
        return bool(self._elected)

    def _take_over(self, shard: int, candidacy: _Candidacy, now: Now) -> Iterator[Happening]:
        """Serves a shard once all of its log is committed and applied."""
        member, engine = self._members[shard], self.engine
        last = engine.last_index(member.group)
        if engine.committed(member.group) < last or member.store.applied < last:
            if now.elapsed_ns > candidacy.look_ns:
                candidacy.look_ns = now.elapsed_ns + SLOW_NS
                yield from self._look_at_slow(shard, candidacy)
            return
        del self._elected[shard]
        self._lead(member, candidacy.epoch, now)
        assert member.machine is not None, "who leads has a machine"
        self._is_changed = False
        self._tell([self.directory.map(), HelloNeeded(shard, candidacy.epoch)])
        yield Leads(shard, candidacy.epoch, candidacy.why, now.elapsed_ns - candidacy.since_ns)

    def _look_at_slow(self, shard: int, candidacy: _Candidacy) -> Iterator[Happening]:
        """Says what a shard waits for; where its rows stand still, another member may have the file for itself."""
        member, engine = self._members[shard], self.engine
        is_committed = engine.committed(member.group) == engine.last_index(member.group)
        if not candidacy.is_told:
            candidacy.is_told = True
            yield Waits(shard, is_committed)
        applied, candidacy.applied = candidacy.applied, member.store.applied
        if is_committed and applied == member.store.applied and engine.transfer(member.group, None):
            yield HandsOver(shard)

    # Handing over.

    def leave(self, now: Now) -> list[int]:
        """Begins to hand all shards over; returns which."""
        assert self.leave_ns is None, "a process leaves once"
        self.leave_ns = now.elapsed_ns + LEAVE_NS
        self._leaving = self._led()
        return self._leaving[:]

    def has_left(self, now: Now, *, is_alone: bool) -> bool:
        """Says whether that is done, or has taken as long as it may.

        Args:
            now: both clocks.
            is_alone: nobody is connected who could take over.
        """
        assert self.leave_ns is not None, "`leave` comes first"
        engine = self.engine
        for shard in self._leaving[:]:
            if engine.leads(shard + 1):
                engine.transfer(shard + 1, None)  # again and again: somebody may catch up, or come back
            elif engine.leader(shard + 1)[1] is not None:
                self._leaving.remove(shard)
        return not self._leaving or is_alone or now.elapsed_ns >= self.leave_ns

    def spare(self, now: Now) -> list[int]:
        """Hands shards over because this node cannot take new jobs, and another one may; returns which."""
        if now.elapsed_ns < self._spared_ns:
            return []
        handed = [shard for shard in self._led() if self.engine.transfer(shard + 1, None)]
        if handed:
            self._spared_ns = now.elapsed_ns + SPARED_NS
        return handed

    def _led(self) -> list[int]:
        return [shard for shard in self._members if self.engine.leads(shard + 1)]

    def wake_ns(self) -> int | None:
        """Returns when `hear` wants to be called, in elapsed ns, even if nothing comes."""
        wakes = [wake for wake in (self.engine.wake_at(), self.leave_ns) if wake is not None]
        return min(wakes, default=None)
