"""How a coordinator takes over a shard: the same steps for a real process and for the simulator.

Decides the order: become the log's writer, bring the store up to the log's end, find the open leases, build the
machine. With a quorum of one every entry in the log is committed. It must not know which engine or store it works on.
"""

from ..draws import Draws
from ..entries import Entry, decode_entry
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
    """Returns the shard's machine as a member of turns.

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
        batch.append((record.index, decode_entry(record.blob)))
        if len(batch) == APPLY_ENTRIES_MAX:
            _apply(store, batch)
            batch = []
    _apply(store, batch)
    assert store.applied == last, f"the store is at entry {store.applied}, the log ends at {last}"
    restored = store.restore()
    first = max(restored.floor, 1)  # a log that begins later has lost leases, and reading it says so
    entries = ((record.index, decode_entry(record.blob)) for record in log.read(group, first, last))
    leases = open_leases(restored, entries)
    leased = store.read(ReadJobs([row[0] for row in leases], "take_over")) if leases else []
    machine = ShardMachine(shard, epoch, settings, restored, leases, leased, draws, now)
    return Member(group, machine, store)


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
