"""How a follower takes a copy of the shard that its leader offers.

Decides whether it needs the copy, in which order the pieces come, and when the copy takes the place of shard and log:
after the members that it brings are durable, and what the log holds instead of the copy's last entry is gone, in the
same sync. So a crash in between leaves a shard that is ahead of its log; then this member is behind, and the leader
offers a copy again.

A member whose shard was lost, or is from a time before its log begins, gives the log up as well: see `begin_anew`.
"""

from ...broker.wire.messages import SnapshotChunk, SnapshotOffer, SnapshotTaken
from ..machine import Now
from .election import hear_leader
from .following import cut
from .hard_state import UNKNOWN_DEBT
from .news import MembersChanged, SnapshotInstalled
from .receiving import Receiving
from .snapshots import SnapshotDamaged
from .state import GroupState


def on_offer(state: GroupState, sender: str, message: SnapshotOffer, now: Now) -> None:
    """The leader of the present term offers a copy."""
    assert message.term == state.term, (message.term, state.term)
    hear_leader(state, sender, now)
    if _has(state, message.index, message.index_term):
        state.receiving = None
        state.commit = max(state.commit, message.index)
        _answer(state, sender, message.sha256, message.size_bytes, "done")
        return
    here_bytes = state.snapshots.begin(state.group, message.sha256, message.size_bytes)
    state.receiving = Receiving(
        sender,
        message.index,
        message.index_term,
        message.size_bytes,
        message.sha256,
        message.members,
        here_bytes,
    )
    _go_on(state, state.receiving)


def on_chunk(state: GroupState, sender: str, message: SnapshotChunk, now: Now) -> None:
    """A piece of it has come."""
    assert message.term == state.term, (message.term, state.term)
    hear_leader(state, sender, now)
    receiving = state.receiving
    if receiving is None or receiving.sha256 != message.sha256 or receiving.is_whole:
        return
    if message.offset == receiving.here_bytes:
        here_bytes = state.snapshots.add(state.group, message.sha256, message.offset, message.data)
        receiving = state.receiving = receiving._replace(leader=sender, here_bytes=here_bytes)
    _go_on(state, receiving)


def _has(state: GroupState, index: int, term: int) -> bool:
    return index <= state.commit or state.log.term_at(index) == term


def _go_on(state: GroupState, receiving: Receiving) -> None:
    if not receiving.is_whole:
        _answer(state, receiving.leader, receiving.sha256, receiving.here_bytes, "wanted")
        return
    if receiving.index <= state.log.last and not _has(state, receiving.index, receiving.index_term):
        # Else, if it crashes with the new shard and the old log, nothing says that the two do not belong together.
        cut(state, receiving.index)
    # Members first: what is saved now is durable when `install` is called, after the sync.
    state.save((receiving.index, receiving.index_term, receiving.members))


def _answer(state: GroupState, leader: str, sha256: str, offset: int, what: str) -> None:
    state.promise(leader, SnapshotTaken(state.group, state.term, sha256, offset, what))


def install(state: GroupState) -> None:
    """Puts a copy that is whole in the place of shard and log; called when the state is durable."""
    receiving = state.receiving
    if receiving is None or not receiving.is_whole:
        return
    assert not state.is_unsaved, "the members that it brings must be durable first"
    state.receiving = None
    if _has(state, receiving.index, receiving.index_term):
        state.save()  # entries have come in the meantime
        return
    assert state.log.last < receiving.index, "the log holds something else in the place of a committed entry"
    try:
        applied = state.snapshots.install(state.group, receiving.sha256)
    except SnapshotDamaged:
        state.save()
        _answer(state, receiving.leader, receiving.sha256, 0, "refused")
        return
    # Its rows may be those of entries that this log is yet to get: nobody was ever told that it holds them.
    state.shown = applied
    state.save((receiving.index, receiving.index_term, receiving.members))  # durable with the reset, before it
    state.lacks_rows = False
    state.log.reset(receiving.index, receiving.index_term)
    state.members.begin_at(receiving.index, receiving.index_term, receiving.members)
    state.save()
    state.commit = receiving.index
    state.news.append(SnapshotInstalled(state.group, receiving.index))
    state.news.append(MembersChanged(state.group, receiving.members, 0))
    _answer(state, receiving.leader, receiving.sha256, receiving.size_bytes, "done")


def begin_anew(state: GroupState) -> None:
    """Gives the log up, for the shard lacks rows that come before it, and the leader of the present term has spoken.

    This member then needs everything, and its leader sends all entries or a copy. Not before somebody leads: without
    these entries a cluster whose shards are all lost could not be mended by hand. What it held is its debt: it has no
    vote before it holds as much again. A debt that is not known yet is found out first, with the help of the log; an
    empty log with such a debt would look like a group that begins.
    """
    assert state.lacks_rows, "a log is not given up without need"
    assert state.leading is None, "a leader has its rows"
    if state.debt == UNKNOWN_DEBT:
        return
    state.debt = max(state.debt, state.log.last)
    # Durable with the reset, before it: after a crash in between the log is there, and is given up again.
    state.members.begin_at(0, 0, state.members.rows)
    state.save()
    state.log.reset(0, 0)
    state.commit = 0
    state.receiving = None
    state.lacks_rows = False


def refuse_stale(state: GroupState, sender: str, message: SnapshotOffer | SnapshotChunk) -> None:
    """Tells the leader of an earlier term that it is deposed."""
    assert message.term < state.term, (message.term, state.term)
    _answer(state, sender, message.sha256, 0, "refused")
