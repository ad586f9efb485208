"""The one place where a send waits until what it rests on is durable.

Decides the order of a turn: handle all events, append one entry a shard, let go what promises nothing, sync once for
all shards, release what has become committed. The real loop and the simulator call the same function. It must not know
what any event, entry or message means. Rule: durable before visible (docs/design.md, "turn").
"""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

from .effects import Send
from .entries import ENGINE_MARK, Entry, encode_entry, entry_of
from .events import Answer, Applied, Passed, Wake
from .log import ReplicatedLog
from .machine import Machine, Now
from .store import Read, ReadJobs, ReadListing, ShardStore

ANSWER_CHARS_MAX = 8 * 1024 * 1024
"""Text that one call of `answer_reads` reads into memory, and the answer that it stopped at."""

M = TypeVar("M", bound=Machine)

APPLY_ENTRIES_MAX = 256
"""Most entries that one transaction applies: what comes in meanwhile should not wait for a long one."""


class Waiting(NamedTuple):
    """Sends of one turn, and what has to come before they leave."""

    index: int  # pyright: ignore[reportIncompatibleMethodOverride]  (nobody searches these tuples)
    """The entry that must be committed."""
    round: int
    """The round that must be confirmed: nobody else led when they were decided. 0 if the entry itself says so."""
    sends: list[Send]


class Member(Generic[M]):
    """One shard of a process: its rows, and its machine while this process leads it.

    With what past turns have left: sends not released, entries not applied, reads not answered.
    """

    __slots__ = ("acts", "group", "inbox", "machine", "reads", "store", "unapplied", "waiting")

    def __init__(self, group: int, machine: M | None, store: ShardStore) -> None:
        self.group = group
        self.machine = machine
        self.store = store
        self.inbox: list[Any] = []
        self.waiting: deque[Waiting] = deque()
        self.unapplied: deque[tuple[int, Entry]] = deque()
        self.reads: list[Read] = []
        self.acts: list[Any] = []

    def has_work(self, now: Now) -> bool:
        """Says whether a turn would do anything for this member."""
        if self.machine is None:
            return False
        if self.inbox:
            return True
        wake_ns = self.machine.wake_at()
        return wake_ns is not None and wake_ns <= now.elapsed_ns

    def lead(self, machine: M) -> None:
        """Has a machine decide from now on."""
        assert self.machine is None, "one machine at a time"
        assert not self.unapplied, "a machine starts from rows that hold every entry"
        self.machine = machine

    def step_down(self, committed: int) -> None:
        """Forgets the machine, and all that it has decided beyond what is committed: another leads now."""
        self.machine = None
        self.inbox.clear()
        self.waiting.clear()
        self.reads.clear()
        self.acts.clear()
        while self.unapplied and self.unapplied[-1][0] > committed:
            self.unapplied.pop()

    def passed(self, index: int, epoch: int) -> None:
        """The engine has put an entry of its own there, between two turns."""
        self.unapplied.append((index, entry_of(epoch, ENGINE_MARK)))
        self.inbox.insert(0, Passed(index))


def turn(
    members: Sequence[Member[Any]], now: Now, log: ReplicatedLog, early: Callable[[list[Send]], None] | None = None
) -> list[Send]:
    """Runs one turn and returns the sends that may leave now, in order.

    A failed sync raises, and the process must end: the machines' memory has run ahead of the disk. Unless the log says
    that all still waits in memory; then a sync may follow, and the next turn releases what this one has decided.

    Args:
        members: the shards of this process; the inboxes of those that have a machine are emptied.
        now: both clocks, read once.
        log: the engine under all of them; it has heard what other members had to say.
        early: takes the sends that rest on nothing this turn has decided, before the disk is waited for: a job that
            was leased ahead of its time starts on time, and entries are on their way to other members' disks while
            this one writes. Without it they are returned with the others.
    """
    released: list[Send] = []
    for member in members:
        if member.has_work(now):
            _handle(member, now, log, released)
    released.extend(log.outgoing())
    if early is not None and released:
        early(released)
        released = []
    log.sync()
    released.extend(log.answers())
    for member in members:
        if member.waiting:
            _release(member, log, released)
    return released


def _handle(member: Member[Any], now: Now, log: ReplicatedLog, released: list[Send]) -> None:
    """Feeds a member its events."""
    machine, events = member.machine, member.inbox
    assert machine is not None, "only a leader has work in a turn"
    member.inbox = []
    events.append(Wake())
    committed = log.committed(member.group)
    sends: list[Send] = []
    entry: Entry | None = None
    for event in events:
        effects = machine.handle(event, now)
        assert entry is None, "only the last event of a turn may seal an entry"
        entry = effects.entry
        released.extend(effects.urgent)
        for send in effects.sends:
            if send.index is not None and send.index <= committed:
                released.append(send)
            else:
                sends.append(send)
        member.reads.extend(effects.reads)
        member.acts.extend(effects.acts)
    if entry is not None:
        index = log.append(member.group, encode_entry(entry))
        member.unapplied.append((index, entry))
    if sends:
        sure_at = 0 if entry is not None else log.begin_round(member.group)
        member.waiting.append(Waiting(log.last_index(member.group), sure_at, sends))


def _release(member: Member[Any], log: ReplicatedLog, released: list[Send]) -> None:
    committed, confirmed = log.committed(member.group), log.confirmed(member.group)
    waiting = member.waiting
    while waiting and waiting[0].index <= committed and waiting[0].round <= confirmed:
        released.extend(waiting.popleft().sends)


def follow(member: Member[Any], log: ReplicatedLog) -> None:
    """Hands a member without a machine what others have decided and a quorum has committed, to be applied."""
    assert member.machine is None, "a leader applies what it has decided"
    first = (member.unapplied[-1][0] if member.unapplied else member.store.applied) + 1
    last = min(log.committed(member.group), first + APPLY_ENTRIES_MAX - len(member.unapplied) - 1)
    if first <= last:
        records = log.read(member.group, first, last)
        member.unapplied.extend((record.index, entry_of(record.epoch, record.blob)) for record in records)


def catch_up(member: Member[Any], log: ReplicatedLog, rows_max: int | None = None) -> bool:
    """Applies what is committed to the member's store; False if the store is locked by somebody else for now.

    Called after the release, so that no answer waits for SQL. The news goes to the member's inbox. One call applies
    APPLY_ENTRIES_MAX entries at the most, and about `rows_max` rows, where other members wait for a sign of life;
    `unapplied` says whether another call has something to do.
    """
    committed = log.committed(member.group)
    batch: list[tuple[int, Entry]] = []
    for index, entry in islice(member.unapplied, APPLY_ENTRIES_MAX):
        if index > committed:
            break
        batch.append((index, entry))
        if rows_max is not None:
            rows_max -= _rows(entry)
            if rows_max <= 0:
                break
    if not batch:
        return True
    if not member.store.apply(batch):
        return False
    for _ in batch:
        member.unapplied.popleft()
    if member.machine is not None:
        member.inbox.append(Applied(batch[-1][0], member.store.finished_count))
    return True


def _rows(entry: Entry) -> int:
    """Returns about how many rows an entry changes."""
    values: list[Any] = [value for op in entry.ops for value in op if type(value) is list]
    return 1 + sum(map(len, values))


def answer_reads(member: Member[Any]) -> None:
    """Answers the member's reads from its store; the answers go to its inbox, behind the news of what was applied.

    Large answers come in portions: what is left over is answered when this is called again, after the next turn.
    """
    room = ANSWER_CHARS_MAX
    while member.reads and room > 0:
        read = member.reads.pop(0)
        try:
            rows = member.store.read(read)
        except ValueError as error:
            rows = [str(error)]  # a listing that asked for what does not exist
        room -= _chars(read, rows)
        member.inbox.append(Answer(read, rows, member.store.applied))


def _chars(read: Read, rows: list[Any]) -> int:
    """Returns how much text an answer holds that may be large: what clients ask for, with its payloads and results."""
    if isinstance(read, ReadListing):
        rows = rows[1] if len(rows) > 1 else []
    elif not isinstance(read, ReadJobs):
        return 0
    return sum(len(value) for row in rows for value in row if type(value) is str)
