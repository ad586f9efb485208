"""One member's state of one group, and the few things that every part of the machine does with it.

Decides how the term changes and how a role is left: whoever learns of a later term forgets its vote, its leadership and
whatever it was about to say, and has that saved. The parts (election, following, replication, ...) are functions over
this state; it must not know them.
"""

from ...broker.wire.fields import Row
from ...broker.wire.messages import Message
from ..draws import Draws
from ..effects import Send
from ..log import EntryStore
from ..machine import Now
from .group_log import GroupLog
from .hard_state import UNKNOWN_DEBT, Config, HardState, encode_state
from .members import Members
from .news import Deposed, LeaderChanged, News
from .progress import Progress
from .receiving import Receiving
from .roles import Role, checked_move
from .settings import RaftSettings
from .snapshots import Snapshots

NS_PER_MS = 1_000_000
BACKOFF_DOUBLINGS_MAX = 3

HASTY_MS = 50
HASTY_TRIES = 3
"""When the connection to a leader has broken, nobody has to wait for signs of its life: after a split vote the next try
comes after HASTY_MS and up to as much again, so many times.
"""


class Transfer:
    """A leader is handing over to a follower: entries behind `last` are held back until that is decided."""

    __slots__ = ("last", "name", "told_ns", "until_ns")

    def __init__(self, name: str, last: int, until_ns: int) -> None:
        self.name = name
        self.last = last
        self.until_ns = until_ns
        self.told_ns: int | None = None


class Leading:
    """What only a leader has."""

    __slots__ = ("calm_ns", "chores_ns", "first", "followers", "is_round_wanted", "transfer")

    def __init__(self, first: int, followers: dict[str, Progress], now_ns: int) -> None:
        self.first = first
        """Its first entry: what stands before it is committed with it."""
        self.followers = followers
        self.calm_ns = now_ns
        """Since when it has led, or has last tried to hand over."""
        self.chores_ns = now_ns
        """When it next looks at what is not urgent."""
        self.is_round_wanted = False
        self.transfer: Transfer | None = None


class GroupState:
    """One group at one member."""

    def __init__(
        self,
        group: int,
        name: str,
        log: GroupLog,
        store: EntryStore,
        snapshots: Snapshots,
        settings: RaftSettings,
        hard: HardState,
        members: Members,
        draws: Draws,
        applied: int,
    ) -> None:
        self.group = group
        self.name = name
        self.store = store
        self.snapshots = snapshots
        self.settings = settings
        self.draws = draws
        self.log = log
        self.members = members
        self.term = max(hard.term, store.epoch(group))
        self.vote = hard.vote if hard.term == self.term else None
        self.debt = hard.debt
        self.shown = hard.shown
        self.owed = max(applied if applied > hard.shown else 0, store.acknowledged(group))
        """Beside the debt: the entry up to which this node's own files say that the log was here."""
        self.is_unsaved = False
        """The state has changed since the store's last sync."""
        self.role = Role.FOLLOWER
        self.leader: str | None = None
        # A shard ahead of its log may be a copy that was taken just before a crash: it says nothing of this log.
        self.commit = max(self.log.base, applied if applied <= self.log.last else 0)
        self.lacks_rows = applied < self.log.base and not members.is_quorum({name})
        """Its shard shows less than what stood before its log: it needs a copy, or the log from the first entry on."""
        self.leading: Leading | None = None
        self.round = 0
        """Heartbeat rounds that this member has begun as a leader; never reset."""
        self.confirmed = 0
        self.receiving: Receiving | None = None
        # Election: what a follower or candidate has in hand.
        self.clock_ns = 0
        """When it began to wait for a leader, or for votes."""
        self.patience_ns = 0
        self.is_hasty = False
        """Its patience is for once another than what the settings say."""
        self.heard_ns: int | None = None
        """When it last heard its leader; None: there is no reason to stick to one."""
        self.attempts = 0
        """Times that it asked for an election since it last heard a leader."""
        self.reason = "start"
        self.asked_term = 0
        self.seen_term = 0
        """A later term that somebody has mentioned in a pre-vote; adopted only by asking for one above it."""
        self.promised: set[str] = set()
        """Who would vote for this member in `asked_term`."""
        self.votes: set[str] = set()
        """Who has voted for this member in `term`."""
        self.is_transfer = False
        """The leader itself has asked this member to campaign."""
        self.dropped = 0
        """Messages that no sound member would send, and that were not heard."""
        # For the shell.
        self.early: list[Send] = []
        self.late: list[Send] = []
        self.news: list[News] = []
        self.told: tuple[int, str | None] = (self.term, None)
        """The epoch and leader that the shell knows of."""
        self.elected_ms = 0
        self.election = ""

    # What may leave.

    def say(self, name: str, message: Message) -> None:
        """Says what promises nothing: it may leave before the disk is waited for."""
        self.early.append(Send(name.encode(), message))

    def promise(self, name: str, message: Message) -> None:
        """Says what rests on the state or the entries as they are now: it leaves when they are durable."""
        self.late.append(Send(name.encode(), message))

    # The durable state.

    def save(self, *coming: Config) -> None:
        """Has the store keep term, vote, debt and members; `coming`: what a snapshot is about to bring."""
        configs = [*self.members.to_save(), *coming]
        self.store.save_state(self.group, encode_state(HardState(self.term, self.vote, self.debt, self.shown, configs)))
        self.is_unsaved = True

    @property
    def is_behind(self) -> bool:
        """Says whether this member has lost entries that it once held: it has no vote before it has them again."""
        return self.lacks_rows or self.log.synced < max(self.owed, self.debt)

    @property
    def is_new(self) -> bool:
        """Says whether a first member has never heard anything: the group begins, or this disk replaces another one."""
        return self.debt == UNKNOWN_DEBT and not self.log.last and not self.owed and bool(self.members.voters)

    @property
    def is_voter(self) -> bool:
        """Says whether it votes, as far as its log knows."""
        return self.name in self.members.voters

    # Terms, roles and leaders.

    def move(self, role: Role) -> None:
        """Takes another role."""
        self.role = checked_move(self.role, role)

    def adopt_term(self, term: int, now: Now) -> None:
        """Learns of a later term: no vote in it yet, and whatever it led is over."""
        assert term > self.term, f"term {term} is not later than {self.term}"
        if self.role is Role.LEADER:
            self.step_down(now)
        elif self.role is not Role.FOLLOWER:
            self.move(Role.FOLLOWER)
        self.early.clear()
        self.late.clear()
        self.term = term
        self.vote = None
        self.votes = set()
        self.heard_ns = None
        self.save()
        self.follow(None, now)

    def step_down(self, now: Now) -> None:
        """Ceases to lead, in the same term."""
        assert self.leading is not None, "only a leader steps down"
        transfer = self.leading.transfer
        if transfer is not None and self.log.last > transfer.last and not self.members.is_quorum({self.name}):
            # Nobody else ever got these, so they are not committed, and they must not outvote the next leader.
            self.log.cut(transfer.last + 1)
        self.move(Role.FOLLOWER)
        self.leading = None
        self.reason = "silence"
        self.votes = set()  # an epoch is led once: votes that come late must not elect it again
        self.early.clear()
        self.late.clear()
        self.snapshots.drop(self.group)
        self.news.append(Deposed(self.group, self.term))
        self.heard_ns = None
        self.wait_anew(now)
        self.follow(None, now)

    def follow(self, leader: str | None, now: Now) -> None:
        """Knows who leads in this term, or that nobody is known to."""
        assert leader is None or self.leader in (None, leader) or self.told[0] != self.term, "two lead in one term"
        if (self.term, leader) == self.told:
            return
        if self.term != self.told[0]:
            self.elected_ms = now.wall_ms
            self.election = ""
        self.leader = leader
        self.told = (self.term, leader)
        self.news.append(LeaderChanged(self.group, self.term, leader))

    def wait_anew(self, now: Now) -> None:
        """Begins to wait for a leader or for votes, the longer at random the more often that was in vain."""
        election_ms = self.settings.election_ms
        spread_ms = election_ms << min(max(self.attempts - 1, 0), BACKOFF_DOUBLINGS_MAX)
        self.clock_ns = now.elapsed_ns
        self.is_hasty = self.reason == "disconnected" and 0 < self.attempts <= HASTY_TRIES and election_ms > HASTY_MS
        if self.is_hasty:
            self.patience_ns = HASTY_MS * NS_PER_MS + self.draws.below(HASTY_MS * NS_PER_MS)
        else:
            self.patience_ns = election_ms * NS_PER_MS + self.draws.below(spread_ms * NS_PER_MS)

    def change_members(self, index: int, rows: list[Row]) -> None:
        """An entry about the members stands in the log."""
        term = self.log.term_at(index)
        assert term is not None, f"entry {index} is not in the log"
        self.members.adopt(index, term, rows)
        self.save()
