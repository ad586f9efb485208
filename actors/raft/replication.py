"""A leader and its followers' logs: what it sends them, and what their answers mean.

Decides when an Append leaves and what is in it. A turn's entries go to every live follower in one message, without
waiting for the answers to earlier ones; who refuses is probed; who needs what is gone gets a snapshot. Nothing of a
term leaves before the term itself is durable. Rule: Ongaro (2014), 3.5 and 10.2.
"""

from ...broker.wire.messages import Append, Appended
from ..machine import Now
from . import commit
from .members import LEADER_ENTRY, members_entry
from .progress import Flow, Progress
from .roles import Role
from .state import NS_PER_MS, GroupState, Leading

HEARTBEAT_EARLY_SHARE = 8
"""A heartbeat may leave by this part early, together with those of other groups."""


def lead(state: GroupState, now: Now) -> None:
    """A quorum has voted for this member: it leads, and its first entry says so."""
    state.move(Role.LEADER)
    if state.is_new:
        state.debt = 0  # a quorum holds nothing, so nothing was committed
        state.save()
    next_index = state.log.last + 1
    names = sorted(state.members.names - {state.name})
    followers = {name: Progress(next_index, now.elapsed_ns) for name in names}
    state.leading = Leading(next_index, followers, now.elapsed_ns)
    state.receiving = None
    state.attempts = 0
    state.round += 1  # an answer to a round of an earlier leadership confirms nothing now
    state.follow(state.name, now)
    if state.members.index:
        append(state, LEADER_ENTRY)
    else:  # so far they stand in the settings alone; a member that comes with an empty disk must learn of them, too
        state.change_members(append(state, members_entry(state.members.rows)), state.members.rows)


def append(state: GroupState, blob: bytes) -> int:
    """Puts an entry behind the leader's last one and returns its index."""
    assert state.leading is not None, f"campaign first: {state.name} does not lead group {state.group}"
    return state.log.put(state.term, blob)


def flush(state: GroupState, now: Now) -> None:
    """Sends each follower what it lacks, as far as it may be under way, or a heartbeat if it is time for one."""
    leading = state.leading
    if leading is None or state.is_unsaved:
        return
    if leading.is_round_wanted and state.members.is_quorum({state.name}):
        leading.is_round_wanted = False  # the others have been removed since it was wanted
        state.round += 1
        commit.confirm(state)
    due_ns = now.elapsed_ns - state.settings.heartbeat_ms * NS_PER_MS * (HEARTBEAT_EARLY_SHARE - 1) // (
        HEARTBEAT_EARLY_SHARE
    )
    last = state.log.last if leading.transfer is None else leading.transfer.last
    beat = state.round + 1
    has_sent = False
    for name, follower in leading.followers.items():
        if _send_entries(state, name, follower, last, beat):
            follower.sent_ns = now.elapsed_ns
            has_sent = True
        elif leading.is_round_wanted or follower.sent_ns is None or follower.sent_ns <= due_ns:
            _send_heartbeat(state, name, follower, beat)
            follower.sent_ns = now.elapsed_ns
            has_sent = True
    leading.is_round_wanted = False
    if has_sent:
        state.round = beat


def has_unsent(state: GroupState) -> bool:
    """Says whether something waits for the next flush alone."""
    leading = state.leading
    if leading is None:
        return False
    if leading.is_round_wanted:
        return True
    last = state.log.last if leading.transfer is None else leading.transfer.last
    return any(_may_send(state, follower, last) for follower in leading.followers.values())


def _may_send(state: GroupState, follower: Progress, last: int) -> bool:
    if follower.flow is Flow.LIVE:
        return follower.next <= last and follower.inflight_bytes < state.settings.inflight_bytes
    return follower.flow is Flow.PROBED and not follower.is_probe_sent and follower.next <= last


def _send_entries(state: GroupState, name: str, follower: Progress, last: int, beat: int) -> bool:
    """Sends one Append after the other; False if nothing could be sent."""
    has_sent = False
    while _may_send(state, follower, last):
        prev_term = state.log.term_at(follower.next - 1)
        if prev_term is None:
            follower.need_snapshot()
            break
        rows, sent_bytes = state.log.rows(follower.next, last, state.settings.append_bytes)
        assert rows, f"entries {follower.next} to {last} are not there"
        message = Append(
            state.group, state.term, follower.next - 1, prev_term, state.commit, beat, follower.match, rows
        )
        state.say(name, message)
        follower.sent(len(rows), sent_bytes)
        has_sent = True
    return has_sent


def _send_heartbeat(state: GroupState, name: str, follower: Progress, beat: int) -> None:
    log = state.log
    prev, prev_term = follower.next - 1, log.term_at(follower.next - 1)
    if prev_term is None and follower.flow is not Flow.SNAPSHOT:
        follower.need_snapshot()
    if follower.flow is Flow.SNAPSHOT or prev_term is None:
        prev, prev_term = log.base, log.base_term
    state.say(name, Append(state.group, state.term, prev, prev_term, state.commit, beat, follower.match, []))


def on_appended(state: GroupState, sender: str, message: Appended, now: Now) -> None:
    """A follower has answered in the present term."""
    leading = state.leading
    if leading is None or message.term != state.term or sender not in leading.followers:
        return
    follower = leading.followers[sender]
    follower.heard_ns = now.elapsed_ns
    if message.round > follower.round:
        follower.round = min(message.round, state.round)
        commit.confirm(state)
    if not message.is_ok:
        if follower.refused(message.index, message.round, state.round):
            follower.settled_ns = now.elapsed_ns
        return
    if message.index > (state.log.last if leading.transfer is None else leading.transfer.last):
        return  # no sound follower of this term holds more than it was sent
    is_news = follower.accepted(message.index, message.round, state.round)
    if follower.flow is Flow.SNAPSHOT and state.log.term_at(follower.match) is not None:
        follower.probe(follower.match + 1, state.round)
    if is_news and message.index > state.commit:
        commit.advance(state, now)
