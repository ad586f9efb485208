"""One member of one group: the machine.

Decides which part hears which message, in which order terms are looked at (whom a member sticks to comes first, a later
term second), and when a leader looks at what is not urgent. The same messages at the same times give the same answers.
Rule: docs/design.md, "Replication and election".
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from ...broker.wire.messages import (
    Append,
    Appended,
    Message,
    PreVote,
    PreVoted,
    SnapshotChunk,
    SnapshotOffer,
    SnapshotTaken,
    TimeoutNow,
    Vote,
    Voted,
)
from ..machine import Now
from . import changes, commit, election, following, replication, snapshot_sending, snapshot_taking, transfer
from .roles import Role
from .sanity import fault
from .state import NS_PER_MS, GroupState

_HEARD: dict[type[Message], Callable[[GroupState, str, Any, Now], None]] = {
    Vote: election.on_vote,
    Voted: election.on_voted,
    Append: following.on_append,
    Appended: replication.on_appended,
    SnapshotOffer: snapshot_taking.on_offer,
    SnapshotChunk: snapshot_taking.on_chunk,
    SnapshotTaken: snapshot_sending.on_taken,
    TimeoutNow: transfer.on_timeout_now,
}


def received(state: GroupState, sender: str, message: Any, now: Now) -> str | None:
    """Hears what another member has to say about this group; returns why it does not, if it cannot be meant so."""
    found = fault(state, sender, message)
    if found is not None:
        state.dropped += 1
        return found
    _hear(state, sender, message, now)
    return None


def _hear(state: GroupState, sender: str, message: Any, now: Now) -> None:
    kind = cast("type[Message]", type(message))
    if kind is PreVote:
        election.on_pre_vote(state, sender, message, now)
        return
    if kind is PreVoted:
        election.on_pre_voted(state, sender, message, now)
        return
    if kind is Vote and not message.is_transfer and election.is_sticky(state, now):
        state.promise(sender, Voted(state.group, state.term, False))
        return
    if message.term > state.term:
        state.adopt_term(message.term, now)
    elif message.term < state.term and kind is not Vote:
        if kind is Append:
            following.refuse_stale(state, sender, message)
        elif kind is SnapshotOffer or kind is SnapshotChunk:
            snapshot_taking.refuse_stale(state, sender, message)
        return
    if state.lacks_rows and (kind is Append or kind is SnapshotOffer):
        snapshot_taking.begin_anew(state)
    _HEARD[kind](state, sender, message, now)


def disconnected(state: GroupState, name: str, now: Now) -> None:
    """The connection to another member is gone, and what was under way to it with it."""
    if state.leading is not None:
        follower = state.leading.followers.get(name)
        if follower is not None:
            follower.probe(follower.match + 1, state.round)
            follower.settled_ns = now.elapsed_ns
    elif state.leader == name:
        election.lose_leader(state, now)


def wake(state: GroupState, now: Now) -> None:
    """Looks at the time."""
    if state.log.synced >= state.owed:
        state.owed = 0  # what a new leader cuts off from now on was never committed
    if state.debt and state.log.synced >= state.debt:
        state.debt = 0
        state.save()
    if state.leading is None:
        election.wake(state, now)
    else:
        transfer.go_on(state, now)
        if now.elapsed_ns >= state.leading.chores_ns:
            _do_chores(state, now)


def _do_chores(state: GroupState, now: Now) -> None:
    leading = state.leading
    assert leading is not None, "only a leader has chores"
    leading.chores_ns = now.elapsed_ns + state.settings.heartbeat_ms * NS_PER_MS
    silent_ns = now.elapsed_ns - election.quorum_heard_ns(state, now)
    if silent_ns > state.settings.check_quorum_ms * NS_PER_MS:
        state.reason = "silence"
        state.step_down(now)
        return
    changes.forget_leavers(state, now)
    snapshot_sending.serve(state, now)
    changes.promote(state, now)
    transfer.rebalance(state, now)


def wake_at(state: GroupState) -> int | None:
    """Returns the elapsed ns at which it wants `wake`; None: not before the next message."""
    if state.early or state.news:
        return 0  # the last sync has brought something up
    leading = state.leading
    if leading is None:
        return election.wake_at(state)
    if not leading.followers:
        return None
    if state.is_unsaved:
        return leading.chores_ns  # nothing may leave before the sync; if there is no room for it, that takes a while
    if replication.has_unsent(state):
        return 0
    heartbeat_ns = state.settings.heartbeat_ms * NS_PER_MS
    due_ns = [
        0 if follower.sent_ns is None else follower.sent_ns + heartbeat_ns for follower in leading.followers.values()
    ]
    return min(leading.chores_ns, *due_ns)


def synced(state: GroupState, now: Now) -> None:
    """All that this member has saved and put is durable."""
    state.is_unsaved = False
    snapshot_taking.install(state)
    if state.members.forget_reverted():
        state.save()  # once more: when these entries are gone, nothing will say that they never counted
    if state.leading is not None and state.commit < state.log.last:
        commit.advance(state, now)


def committed(state: GroupState) -> int:
    """Returns what is committed and durable here: nobody applies what this disk could still lose.

    Without the rows that come before its log nothing of it can be applied either.
    """
    return 0 if state.lacks_rows else min(state.commit, state.log.synced)


def snapshot(state: GroupState) -> Mapping[str, object]:
    """A small picture, for inspection and tests."""
    return {
        "role": state.role.value,
        "term": state.term,
        "vote": state.vote,
        "leader": state.leader,
        "last": state.log.last,
        "synced": state.log.synced,
        "commit": state.commit,
        "debt": state.debt,
        "is_behind": state.is_behind,
        "dropped": state.dropped,
        "voters": sorted(state.members.voters),
    }


def check(state: GroupState) -> None:
    """Asserts every relation within the member; slow."""
    log, leading = state.log, state.leading
    log.check()
    state.members.check()
    assert state.term >= log.last_term, f"term {state.term} is before that of the last entry"
    assert log.base <= state.commit <= log.last, (log.base, state.commit, log.last)
    assert state.members.index <= log.last, "the members come from an entry that is not there"
    assert (state.role is Role.LEADER) == (leading is not None), "the role and what goes with it differ"
    assert state.told == (state.term, state.leader), "the shell knows of another leader"
    if state.role in (Role.CANDIDATE, Role.LEADER):
        assert state.vote == state.name, "whoever campaigns votes for itself"
    if leading is None:
        return
    assert state.leader == state.name, "a leader knows who leads"
    assert not state.is_behind, "who has lost entries leads nobody"
    assert log.term_at(leading.first) in (None, state.term), "the leader's first entry is of its term"
    assert set(state.members.names) - {state.name} <= set(leading.followers), "a member gets nothing"
    for name, follower in leading.followers.items():
        follower.check(log.last)
        is_member = name in state.members.names
        assert is_member == (follower.leaving_ns is None), f"{name} leaves and does not"
        assert leading.transfer is None or follower.match <= leading.transfer.last, f"{name} was sent what is held back"
