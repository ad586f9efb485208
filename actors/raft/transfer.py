"""How a leader hands its group over, asked to or because another member should lead it.

Decides whom it takes, and that entries are held back meanwhile: the one who is told to campaign must hold all that any
follower holds, or those that hold more refuse it. What is appended in that time waits in the leader's own log. Rule:
Ongaro (2014), 3.10.
"""

from ...broker.wire.messages import TimeoutNow
from ..machine import Now
from . import election
from .progress import Flow, Progress
from .state import NS_PER_MS, GroupState, Transfer

LIVE_TIMEOUTS = 2
"""A follower that was silent for so many election timeouts is not handed anything."""


def is_well(state: GroupState, follower: Progress, now: Now) -> bool:
    """Says whether a follower takes entries as they come."""
    silent_ns = now.elapsed_ns - follower.heard_ns
    return follower.flow is Flow.LIVE and silent_ns <= LIVE_TIMEOUTS * state.settings.election_ms * NS_PER_MS


def begin(state: GroupState, to: str | None, now: Now) -> bool:
    """Begins to hand over; False if there is nobody fit for it. To begin again with the same one changes nothing."""
    leading = state.leading
    if leading is None:
        return False
    if leading.transfer is not None:
        return to in (None, leading.transfer.name)
    fit = {
        name: follower.match
        for name, follower in leading.followers.items()
        if name in state.members.voters and is_well(state, follower, now)
    }
    if to is None and fit:
        first = election.preferred(state)
        to = max(fit, key=lambda name: (fit[name], name == first, name))
    if to is None or to not in fit:
        return False
    until_ns = now.elapsed_ns + state.settings.transfer_ms * NS_PER_MS
    leading.transfer = Transfer(to, state.log.last, until_ns)
    go_on(state, now)
    return True


def go_on(state: GroupState, now: Now) -> None:
    """Tells the next leader once it holds everything, again if nothing comes of it, and gives up in the end."""
    leading = state.leading
    if leading is None or leading.transfer is None:
        return
    transfer = leading.transfer
    follower = leading.followers.get(transfer.name)
    if follower is None or now.elapsed_ns >= transfer.until_ns:
        leading.transfer = None
        return
    if follower.match < transfer.last:
        return
    again_ns = state.settings.election_ms * NS_PER_MS
    if transfer.told_ns is None or transfer.told_ns + again_ns <= now.elapsed_ns:
        transfer.told_ns = now.elapsed_ns
        state.say(transfer.name, TimeoutNow(state.group, state.term))


def on_timeout_now(state: GroupState, sender: str, message: TimeoutNow, now: Now) -> None:
    """The leader wants this member to lead: it campaigns at once, and nobody sticks to the old one."""
    assert message.term == state.term, (message.term, state.term)
    if sender == state.leader and state.leading is None and election.may_campaign(state):
        state.reason = "transfer"
        election.campaign(state, state.term + 1, now, is_transfer=True)


def rebalance(state: GroupState, now: Now) -> None:
    """Hands over to the member that the group prefers, once that one has been in good order for long enough."""
    leading = state.leading
    assert leading is not None, "only a leader hands over"
    for follower in leading.followers.values():
        is_near = state.commit - follower.match <= state.settings.promote_lag_entries
        if not is_near or not is_well(state, follower, now):
            follower.settled_ns = now.elapsed_ns
    name = election.preferred(state)
    if not state.settings.rebalance_ms or name is None or name == state.name or leading.transfer is not None:
        return
    settled_ns = max(leading.calm_ns, leading.followers[name].settled_ns)
    if now.elapsed_ns - settled_ns >= state.settings.rebalance_ms * NS_PER_MS and begin(state, name, now):
        leading.calm_ns = now.elapsed_ns  # if it comes to nothing, the next try waits as long
