"""How a coordinator takes over a shard: the same steps for a real process and for the simulator.

Decides the order: become the log's writer, bring the store up to the log's end, find the open leases, build the
machine. With a quorum of one every entry in the log is committed; with more, that takes turns, and `lead` comes when it
is done. It must not know which engine or store it works on.
"""

from ..draws import Draws
from ..entries import Entry, entry_of
from ..log import LogDamaged, ReplicatedLog
from ..machine import Now
from ..store import ReadJobs, ShardStore
from ..turn import APPLY_ENTRIES_MAX, Member
from .recovery import open_leases
from .settings import ShardSettings
from .shard import ShardMachine


def take_over(
    shard: int, log: ReplicatedLog, store: ShardStore, settings: ShardSettings, draws: Draws, now: Now
) -> Member[ShardMachine]:
    """Becomes the writer of a shard whose log has a quorum of one, and returns its machine as a member of turns.

    Its group in the log is shard + 1 (group 0 is the cluster's own).

    Raises:
        LogDamaged: the log cannot be read, or has lost entries that the store still needs.
        BlockingIOError: somebody else holds the store's lock.
    """
    group = shard + 1
    epoch = log.campaign(group)
    last = log.last_index(group)
    if store.applied > last:
        raise LogDamaged(
            f"shard {shard} shows entry {store.applied}, but its log ends at entry {last}: the log was lost, or the "
            "two are not of one time; put both back from one backup, or see what `mainspring shards verify` says"
        )
    batch: list[tuple[int, Entry]] = []
    for record in log.read(group, store.applied + 1, last):
        batch.append((record.index, entry_of(record.epoch, record.blob)))
        if len(batch) == APPLY_ENTRIES_MAX:
            _apply(store, batch)
            batch = []
    _apply(store, batch)
    member: Member[ShardMachine] = Member(group, None, store)
    lead(member, epoch, log, settings, draws, now)
    return member


def lead(
    member: Member[ShardMachine], epoch: int, log: ReplicatedLog, settings: ShardSettings, draws: Draws, now: Now
) -> None:
    """Builds the machine of a shard that this process has been elected to lead, and hands it to the member.

    Every entry of the log must be committed and applied: the first one of the epoch has seen to the former.

    Raises:
        LogDamaged: the log cannot be read, or has lost entries that the store still needs.
    """
    group, store = member.group, member.store
    last = log.last_index(group)
    assert log.committed(group) == last, f"the log ends at {last}, {log.committed(group)} is committed"
    assert store.applied == last, f"the store is at entry {store.applied}, the log ends at {last}"
    restored = store.restore()
    first = max(restored.floor, 1)  # a log that begins later has lost leases, and reading it says so
    records = log.read(group, first, last)
    entries = ((record.index, entry_of(record.epoch, record.blob)) for record in records)
    leases = open_leases(restored, entries)
    leased = store.read(ReadJobs([row[0] for row in leases], "take_over")) if leases else []
    member.lead(ShardMachine(group - 1, epoch, settings, restored, leases, leased, draws, now))


def _apply(store: ShardStore, batch: list[tuple[int, Entry]]) -> None:
    if batch and not store.apply(batch):
        raise BlockingIOError(
            "the shard file is locked by another process; end it (a shell with an open transaction?) and start again"
        )


def keep_from(durable: int, floor: int) -> int:
    """Returns the first entry that the log must keep.

    Args:
        durable: the entry up to which the store's rows survive any crash.
        floor: the store's floor (see Restored) as of that entry, or as of an earlier one; never the machine's newest.
    """
    return min(durable + 1, floor)
