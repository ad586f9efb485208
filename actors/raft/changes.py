"""How a leader changes the members of its group.

Decides when a change may begin (the last one is committed, and so is the leader's own first entry: else two leaders
could each hold a majority of their own), whom the leader sends entries to, and when a learner may vote. Rule: Ongaro
(2014), 4.1 and 4.2.1, and the correction of 2015 about the first entry.
"""

from collections.abc import Sequence

from ...broker.wire.fields import Row
from ..machine import Now
from . import commit
from .members import IS_VOTER, NAME, RefusedChange, check_change, members_entry
from .news import MembersChanged
from .progress import Flow, Progress
from .replication import append
from .state import NS_PER_MS, GroupState


def change(state: GroupState, rows: Sequence[Row], now: Now) -> int:
    """Puts an entry about the members into the log and returns its index; it counts at once.

    Raises:
        RefusedChange: this member does not lead, a change is under way, or this one is not allowed.
    """
    leading = state.leading
    if leading is None:
        raise RefusedChange("this node does not lead the shard; ask the one that does")
    check_change(state.members.rows, rows)
    if state.commit < leading.first:
        raise RefusedChange("the leader has only just been elected; ask again in a moment")
    if state.members.index > state.commit:
        raise RefusedChange("a change of the members is under way; ask again in a moment")
    if leading.transfer is not None:
        raise RefusedChange("the leader is handing over; ask the next one")
    kept = [list(row) for row in rows]
    index = append(state, members_entry(kept))
    state.change_members(index, kept)
    _know_followers(state, now)
    commit.confirm(state)  # a smaller quorum may have answered already
    state.news.append(MembersChanged(state.group, kept, index))
    return index


def _know_followers(state: GroupState, now: Now) -> None:
    """Begins to send to new members; whoever has been removed should still learn that."""
    leading = state.leading
    assert leading is not None, "only a leader has followers"
    for name in sorted(state.members.names - {state.name}):
        follower = leading.followers.get(name)
        if follower is None:
            leading.followers[name] = Progress(state.log.last + 1, now.elapsed_ns)
        else:
            follower.leaving_ns = None
    for name, follower in leading.followers.items():
        if name not in state.members.names and follower.leaving_ns is None:
            follower.leaving_ns = now.elapsed_ns + state.settings.check_quorum_ms * NS_PER_MS


def forget_leavers(state: GroupState, now: Now) -> None:
    """Stops sending to removed members that have had time to learn it."""
    leading = state.leading
    assert leading is not None, "only a leader has followers"
    gone = [
        name
        for name, follower in leading.followers.items()
        if follower.leaving_ns is not None and follower.leaving_ns <= now.elapsed_ns
    ]
    for name in gone:
        del leading.followers[name]


def promote(state: GroupState, now: Now) -> None:
    """Makes a voter of a learner that has caught up."""
    leading = state.leading
    assert leading is not None, "only a leader promotes"
    learners = state.members.names - state.members.voters
    if not learners or state.name not in state.members.voters:
        return
    if leading.transfer is not None or state.members.index > state.commit or state.commit < leading.first:
        return
    for name in sorted(learners):
        follower = leading.followers[name]
        if follower.flow is Flow.LIVE and state.commit - follower.match <= state.settings.promote_lag_entries:
            rows = [[*row[:IS_VOTER], 1] if row[NAME] == name else row for row in state.members.rows]
            change(state, rows, now)
            return
