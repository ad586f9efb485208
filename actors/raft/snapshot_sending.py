"""How a leader brings a follower up that needs entries which are gone: it sends a copy of the shard.

Decides when a copy is made, whom it is offered, which chunk leaves when, and when it is thrown away. Heartbeats go on
meanwhile.
"""

from ...broker.wire.messages import SnapshotChunk, SnapshotOffer, SnapshotTaken
from ..machine import Now
from .progress import Flow, Progress
from .sending import Sending
from .snapshots import Made
from .state import NS_PER_MS, GroupState

STALL_TIMEOUTS = 2
"""After so many election timeouts without a step it is offered again: something was lost on the way."""


def serve(state: GroupState, now: Now) -> None:
    """Sees to all followers that need a snapshot."""
    leading = state.leading
    assert leading is not None, "only a leader sends snapshots"
    needy = [(name, follower) for name, follower in leading.followers.items() if follower.flow is Flow.SNAPSHOT]
    if not needy:
        return
    made = state.snapshots.made(state.group)
    if made is not None and state.log.term_at(made.index) is None:
        # The log has gone on since, and no longer begins where this copy ends.
        state.snapshots.drop(state.group)
        made = None
    if made is None:
        state.snapshots.make(state.group)
    stall_ns = STALL_TIMEOUTS * state.settings.election_ms * NS_PER_MS
    for name, follower in needy:
        sending = follower.sending
        if made is None:
            follower.sending = None
        elif sending is None or sending.made != made:
            follower.sending = Sending(made, now.elapsed_ns)
            _offer(state, name, made)
        elif now.elapsed_ns - sending.moved_ns >= stall_ns:
            sending.again(now.elapsed_ns)
            _offer(state, name, made)


def _offer(state: GroupState, name: str, made: Made) -> None:
    term = state.log.term_at(made.index)
    assert term is not None, f"the log does not reach back to entry {made.index}"
    members = state.members.at(made.index)
    state.say(
        name,
        SnapshotOffer(state.group, state.term, made.index, term, made.size_bytes, made.sha256, members),
    )


def on_taken(state: GroupState, sender: str, message: SnapshotTaken, now: Now) -> None:
    """A follower says how far it is."""
    leading = state.leading
    if leading is None or message.term != state.term or sender not in leading.followers:
        return
    follower = leading.followers[sender]
    follower.heard_ns = now.elapsed_ns
    sending = follower.sending
    if sending is None or sending.made.sha256 != message.sha256:
        return
    if message.state == "done":
        follower.accepted(sending.made.index, state.round, state.round)
        follower.probe(follower.match + 1, state.round)
        _drop_if_idle(state)
    elif message.state == "refused":
        follower.sending = None
        state.snapshots.drop(state.group)
    else:
        sending.wanted(min(message.offset, sending.made.size_bytes), now.elapsed_ns)
        _send_chunks(state, sender, follower, sending)


def _send_chunks(state: GroupState, name: str, follower: Progress, sending: Sending) -> None:
    while (offset := sending.offset_to_send()) is not None:
        data = state.snapshots.chunk(state.group, sending.made.sha256, offset)
        if not data:
            follower.sending = None  # that copy is gone; there will be another one
            return
        sending.sent_bytes += len(data)
        state.say(name, SnapshotChunk(state.group, state.term, sending.made.sha256, offset, data))


def _drop_if_idle(state: GroupState) -> None:
    assert state.leading is not None, "only a leader sends snapshots"
    if not any(follower.flow is Flow.SNAPSHOT for follower in state.leading.followers.values()):
        state.snapshots.drop(state.group)


def keep_from(state: GroupState, now: Now) -> int | None:
    """Returns the first entry that will be needed behind the snapshots under way; None if none is."""
    if state.leading is None:
        return None
    since_ns = now.elapsed_ns - state.settings.check_quorum_ms * NS_PER_MS
    needed = [
        state.log.base + 1 if follower.sending is None else follower.sending.made.index + 1
        for follower in state.leading.followers.values()
        if follower.flow is Flow.SNAPSHOT and follower.heard_ns >= since_ns
    ]
    return min(needed, default=None)
