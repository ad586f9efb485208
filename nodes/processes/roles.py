"""Which shards this process leads, and what it does when that changes.

Decides the steps: whoever is elected first brings its rows up to the log's end, then gets a machine, then asks all
guests to say hello; whoever is deposed forgets its machine at once. Who leads, the engine decides. Rule:
docs/design.md, "Replication and election" (taking over).
"""

import gc
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from ...actors.coordinator.shard import ShardMachine
from ...actors.log import ReplicatedLog
from ...actors.machine import Now
from ...actors.raft.news import Deposed, Elected, LeaderChanged, MembersChanged, News, SnapshotInstalled
from ...actors.turn import Member
from ...broker.wire.cluster_messages import CLUSTER_MEMBER_COLUMNS
from ...broker.wire.messages import ClusterMap, HelloNeeded, Message
from .guests import Guests
from .members import Members
from .shard import Shard

log = logging.getLogger("mainspring.coordinator")

LEAVE_NS = 1_000_000_000
"""How long a process that is asked to stop tries to hand its shards over."""

SPARED_NS = 60_000_000_000
"""How often a node with a full disk hands its shards over: the others' disks may be no better."""

SLOW_NS = 2_000_000_000
"""Taking over should not take longer; if it does, the log says what it waits for."""

_NAME = CLUSTER_MEMBER_COLUMNS.index("name")
_CLIENT_ENDPOINT = CLUSTER_MEMBER_COLUMNS.index("client_endpoint")


class Engine(ReplicatedLog, Protocol):
    """What this process needs of an engine with other members, besides the log itself; see actors/raft/engine.py."""

    def received(self, sender: str, message: Message, now: Now) -> None:
        """Hears what a member has said."""
        ...

    def disconnected(self, name: str, now: Now) -> None:
        """Hears that the connection to a member has broken."""
        ...

    def wake(self, now: Now) -> None:
        """Does what time brings."""
        ...

    def wake_at(self) -> int | None:
        """Returns when it wants `wake`."""
        ...

    def news(self) -> Sequence[News]:
        """Returns, once, what has changed."""
        ...

    def leader(self, group: int) -> tuple[int, str | None]:
        """Returns the epoch, and who leads in it as far as this node knows."""
        ...

    def leads(self, group: int) -> bool:
        """Says whether this node leads."""
        ...

    def members(self, group: int) -> list[list[Any]]:
        """Returns rows of CLUSTER_MEMBER_COLUMNS."""
        ...

    def change_members(self, group: int, rows: list[list[Any]]) -> int:
        """Changes them."""
        ...

    def transfer(self, group: int, to: str | None) -> bool:
        """Begins to hand a group over."""
        ...

    def view(self, group: int, now: Now) -> dict[str, Any]:
        """Returns what is told of a group."""
        ...


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


class Roles:
    """The shards of a process that is a member of a cluster, and who leads them.

    Attributes:
        elections: how often this node was elected, by shard.
    """

    def __init__(
        self,
        node: str,
        shards: Mapping[int, Shard],
        engine: Engine,
        members: Members,
        guests: Guests,
        lead: Callable[[Member[ShardMachine], int, Now], None],
    ) -> None:
        """Prepares it.

        Args:
            node: the name of this member.
            shards: all of them, by number.
            engine: the log under them, which elects.
            members: the way to the other members.
            guests: who wants to know.
            lead: gives a member of the turn its machine, for an epoch.
        """
        self.node = node
        self.engine = engine
        self.members = members
        self.elections = dict.fromkeys(shards, 0)
        self._shards = shards
        self._guests = guests
        self._lead = lead
        self._elected: dict[int, _Candidacy] = {}
        self._leaving: list[int] = []
        self._leave_ns: int | None = None
        self._spared_ns = 0
        self._is_changed = False
        self._connect()

    # --- once an iteration ---

    def take(self, now: Now) -> None:
        """Hears the other members, lets the engine do what is due, and obeys its news."""
        engine, members = self.engine, self.members
        for name, message in members.take(now.elapsed_ns):
            engine.received(name, message, now)
        for name in members.lost():  # after what it has said last
            log.info("connection to a member is lost member=%s", name)
            engine.disconnected(name, now)
        engine.wake(now)
        self.hear(now)

    def hear(self, now: Now) -> None:
        """Obeys the engine's news; call it also after a turn, before the loop may sleep."""
        for news in self.engine.news():
            self._obey(news, now)
        for shard, candidacy in list(self._elected.items()):
            self._take_over(shard, candidacy, now)
        if self._is_changed:
            self._is_changed = False
            self._guests.tell([self.map()])

    def _obey(self, news: News, now: Now) -> None:
        shard = news.group - 1
        member = self._shards[shard].member
        match news:
            case Elected(_, epoch, why):
                self.elections[shard] += 1
                self._elected[shard] = _Candidacy(epoch, why, now.elapsed_ns, member.store.applied)
                log.info("elected shard=%d epoch=%d why=%s", shard, epoch, why)
            case Deposed(_, epoch):
                self._elected.pop(shard, None)
                member.step_down(self.engine.committed(news.group))
                gc.unfreeze()  # the machine's memory may go
                self._is_changed = True
                log.info("leads no more shard=%d epoch=%d", shard, epoch)
            case LeaderChanged(_, epoch, name):
                self._is_changed |= name is not None
                level = logging.DEBUG if name is None else logging.INFO
                log.log(level, "leader shard=%d epoch=%d name=%s", shard, epoch, name or "nobody")
            case MembersChanged(_, rows, passed):
                if passed and member.machine is not None:
                    member.passed(passed, self.engine.leader(news.group)[0])
                self._connect()
                self._is_changed = True
                names = ",".join(row[_NAME] if row[-1] else f"{row[_NAME]}(learns)" for row in rows)
                log.info("members shard=%d names=%s", shard, names)
            case SnapshotInstalled(_, entry):
                member.unapplied.clear()
                log.info("a copy of the shard is in place shard=%d entry=%d", shard, entry)

    def _connect(self) -> None:
        """Connects to whoever is a member of any shard's group."""
        rows = {row[_NAME]: row for group in self._groups() for row in self.engine.members(group)}
        self.members.set_members(list(rows.values()))

    def _groups(self) -> Iterable[int]:
        return (shard.member.group for shard in self._shards.values())

    # --- taking over and handing over ---

    @property
    def is_taking_over(self) -> bool:
        """Whether a shard waits for its rows before it can be led; they are applied at once then."""
        return bool(self._elected)

    def _take_over(self, shard: int, candidacy: _Candidacy, now: Now) -> None:
        """Serves a shard once all of its log is committed and applied."""
        member, engine = self._shards[shard].member, self.engine
        last = engine.last_index(member.group)
        if engine.committed(member.group) < last or member.store.applied < last:
            if now.elapsed_ns > candidacy.look_ns:
                candidacy.look_ns = now.elapsed_ns + SLOW_NS
                self._look_at_slow(shard, candidacy)
            return
        del self._elected[shard]
        self._lead(member, candidacy.epoch, now)
        gc.freeze()  # as at a start: what lives now lives for long
        log.info(
            "leads shard=%d epoch=%d why=%s after_ms=%d", shard, candidacy.epoch, candidacy.why,
            (now.elapsed_ns - candidacy.since_ns) // 1_000_000,
        )  # fmt: skip
        self._is_changed = False
        self._guests.tell([self.map(), HelloNeeded(shard, candidacy.epoch)])

    def _look_at_slow(self, shard: int, candidacy: _Candidacy) -> None:
        """Says what a shard waits for; where its rows stand still, another member may have the file for itself."""
        member, engine = self._shards[shard].member, self.engine
        is_committed = engine.committed(member.group) == engine.last_index(member.group)
        if not candidacy.is_told:
            candidacy.is_told = True
            what = (
                "its rows are not applied: does somebody hold the shard file's lock?"
                if is_committed
                else "its log is not committed: too few members answer"
            )
            log.warning("shard waits for its new leader shard=%d because %s", shard, what)
        applied, candidacy.applied = candidacy.applied, member.store.applied
        if is_committed and applied == member.store.applied and engine.transfer(member.group, None):
            log.warning("hands a shard over whose rows stand still here shard=%d", shard)

    def has_left(self, now: Now) -> bool:
        """Hands all shards over, and says whether that is done, or has taken as long as it may."""
        engine = self.engine
        if self._leave_ns is None:
            self._leave_ns = now.elapsed_ns + LEAVE_NS
            self._leaving = [shard for shard in self._shards if engine.leads(shard + 1)]
            if self._leaving:
                log.info("hands its shards over shards=%s", ",".join(map(str, self._leaving)))
        for shard in self._leaving[:]:
            if engine.leads(shard + 1):
                engine.transfer(shard + 1, None)  # again and again: somebody may catch up, or come back
            elif engine.leader(shard + 1)[1] is not None:
                self._leaving.remove(shard)
        return not self._leaving or not self.members.connected() or now.elapsed_ns >= self._leave_ns

    def spare(self, now: Now) -> None:
        """Hands its shards over because this node cannot take new jobs, and another one may."""
        if now.elapsed_ns < self._spared_ns:
            return
        handed = [shard for shard in self._shards if self.engine.leads(shard + 1)]
        handed = [shard for shard in handed if self.engine.transfer(shard + 1, None)]
        if handed:
            self._spared_ns = now.elapsed_ns + SPARED_NS
            log.info("hands its shards over, for there is no room shards=%s", ",".join(map(str, handed)))

    @property
    def leave_ns(self) -> int | None:
        """When `has_left` says yes at the latest; None before it was asked."""
        return self._leave_ns

    def wake_ns(self) -> int | None:
        """Returns when `take` wants to be called, in elapsed ns, even if nothing comes."""
        wakes = [wake for wake in (self.engine.wake_at(), self._leave_ns) if wake is not None]
        return min(wakes, default=None)

    # --- what is told ---

    def map(self) -> ClusterMap:
        """Returns who is a member and who leads, as far as this node knows."""
        rows = [row for group in self._groups() for row in self.engine.members(group)]
        endpoints = {row[_NAME]: row[_CLIENT_ENDPOINT] for row in rows}
        leaders = [[shard, *self.engine.leader(shard + 1)] for shard in self._shards]
        return ClusterMap(
            self.node, self.members.cluster, len(self._shards), [list(pair) for pair in endpoints.items()], leaders
        )

    def where(self, shard: int) -> str:
        """Says in words where a shard is led that is not served here."""
        _, name = self.engine.leader(shard + 1)
        if name == self.node:
            return f"shard {shard} is being taken over here"
        return f"shard {shard} is led by {name}" if name else f"shard {shard} has no leader at the moment"
