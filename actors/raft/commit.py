"""What is committed, and which rounds are confirmed: both by counting voters.

Decides that a leader counts only entries of its own term (older ones are committed with them), and itself only up to
what its disk holds; and what becomes of a leader that has committed its own removal. Rule: Ongaro (2014), 3.6.2 and
6.4.
"""

from ...broker.wire.messages import TimeoutNow
from ..machine import Now
from .progress import Flow
from .state import GroupState


def advance(state: GroupState, now: Now) -> None:
    """Moves the leader's commit to what a quorum holds by now."""
    leading = state.leading
    assert leading is not None, "only a leader commits by counting"
    synced = state.log.synced
    followers = leading.followers
    held = state.members.agreed(lambda name: followers[name].match if name in followers else synced)
    if held <= state.commit or held < leading.first:
        return
    assert state.log.term_at(held) == state.term, "an entry of an older term is never committed by count"
    if state.commit < leading.first and followers:
        leading.is_round_wanted = True  # told at once: until it hears of it, an empty disk helps to elect nobody
    state.commit = held
    if not state.is_voter and state.members.index <= held:
        _hand_over_and_leave(state, now)


def _hand_over_and_leave(state: GroupState, now: Now) -> None:
    """It has ceased to vote, and a quorum knows: somebody who does vote should lead."""
    assert state.leading is not None, "only a leader leaves its place"
    followers = state.leading.followers
    fit = [(followers[name].match, name) for name in state.members.voters if followers[name].flow is Flow.LIVE]
    group, term = state.group, state.term
    state.step_down(now)
    if fit:
        state.say(max(fit)[1], TimeoutNow(group, term))


def confirm(state: GroupState) -> None:
    """Moves the last round that a quorum has answered."""
    leading = state.leading
    assert leading is not None, "only a leader has rounds"
    followers = leading.followers
    answered = state.members.agreed(lambda name: followers[name].round if name in followers else state.round)
    state.confirmed = max(state.confirmed, answered)


def begin_round(state: GroupState) -> int:
    """Returns the round that says, once confirmed, that this member still led when this was called."""
    leading = state.leading
    if leading is None:
        return state.round + 1  # it will not be confirmed in this leadership, which is over
    if state.members.is_quorum({state.name}):
        return state.confirmed
    leading.is_round_wanted = True
    return state.round + 1
