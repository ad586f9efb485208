"""How a member starts in a group: from what its disk has kept.

Decides which of the saved members still count (those whose entry the log has); that a member which alone makes a quorum
must not start with less than it once held, for there is nobody to fetch it from; and that one with an empty disk may
have been a member before, on a disk that is gone, and so has no vote yet, but in a group that begins.
"""

from collections.abc import Sequence

from ...broker.wire.fields import Row
from ..draws import Draws
from ..log import EntryStore, LogDamaged
from ..machine import Now
from .election import begin_to_wait
from .group_log import GroupLog
from .hard_state import UNKNOWN_DEBT, Config, HardState, decode_state
from .members import Members, voters_of
from .settings import RaftSettings
from .snapshots import Snapshots
from .state import GroupState


def start(
    group: int,
    name: str,
    store: EntryStore,
    snapshots: Snapshots,
    settings: RaftSettings,
    genesis: Sequence[Row],
    draws: Draws,
    applied: int,
    now: Now,
) -> GroupState:
    """Returns a member's state of a group as it stands after a start.

    Raises:
        LogDamaged: what the disk holds cannot be trusted.
    """
    hard = decode_state(store.state(group))
    log = GroupLog(group, store, settings.tail_bytes)
    configs = [] if hard is None else _still_in(log, hard.configs)
    if not any(rows for _, _, rows in configs):
        configs = [(0, 0, [list(row) for row in genesis])]
    if hard is None:
        # Entries without a state are those of a node that was alone; nobody else's vote rests on what it held.
        is_fresh = not genesis or (log.last == 0 and len(voters_of(genesis)) > 1)
        hard = HardState(0, None, UNKNOWN_DEBT if is_fresh else 0, 0, configs)
    state = GroupState(group, name, log, store, snapshots, settings, hard, Members(configs), draws, applied)
    state.save()
    if state.is_behind and state.members.is_quorum({name}):
        raise LogDamaged(
            f"the log of group {group} ends at entry {log.last}, but this node held it up to entry "
            f"{max(state.owed, state.debt)}, and no other one has it; put log and shard files back from one backup, "
            "or see what `mainspring shards verify` says"
        )
    begin_to_wait(state, now)
    return state


def _still_in(log: GroupLog, configs: Sequence[Config]) -> list[Config]:
    """Returns the members that the log still speaks of: a crash may have come between a cut and what followed it."""
    kept = [config for config in configs if config[0] < log.base or log.term_at(config[0]) == config[1]]
    return sorted(kept, key=lambda config: config[:2])
