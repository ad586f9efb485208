"""Who is elected: asking first (pre-vote), votes, and whom a member sticks to.

Decides when a member asks for an election and what it answers to those who do. Whoever heard a live leader lately
refuses others and does not even take note of their term; so a member that was cut off for a while disturbs nobody.
Votes are sets of names, one a term, durable before they leave. Rule: Ongaro (2014), 3.4, 4.2.3, 9.6.
"""

from ...broker.wire.messages import PreVote, PreVoted, Vote, Voted
from ..machine import Now
from .news import Elected
from .replication import lead
from .roles import Role
from .state import NS_PER_MS, GroupState

FIRST_ASK_SHARE = 4
"""The preferred member of a group first asks after up to half of the election timeout, no sooner than this part."""
DISCONNECTED_FIRST_MS = 5
"""The others notice the end of a leader's connection within this, or a little later."""
DISCONNECTED_STEP_MS = 40
"""Followers that lose their leader's connection at the same time ask one after the other: at the second's turn the
first is elected.
"""


def preferred(state: GroupState) -> str | None:
    """Returns the voter that should lead this group when all are well, so that leaders are spread."""
    voters = [row[0] for row in state.members.rows if row[0] in state.members.voters]
    return voters[state.group % len(voters)] if voters else None


def begin_to_wait(state: GroupState, now: Now) -> None:
    """Starts: the preferred member waits less than the others."""
    election_ns = state.settings.election_ms * NS_PER_MS
    state.clock_ns = now.elapsed_ns
    state.is_hasty = True
    if preferred(state) == state.name:
        part_ns = election_ns // FIRST_ASK_SHARE
        state.patience_ns = part_ns + state.draws.below(max(part_ns, 1))
    else:
        state.patience_ns = 2 * election_ns + state.draws.below(election_ns)


def is_sticky(state: GroupState, now: Now) -> bool:
    """Says whether somebody leads, as far as this member has heard lately. Liveness only: no read rests on it."""
    since_ns = now.elapsed_ns - state.settings.election_ms * NS_PER_MS
    if state.leading is not None:
        return quorum_heard_ns(state, now) > since_ns
    return state.heard_ns is not None and state.heard_ns > since_ns


def quorum_heard_ns(state: GroupState, now: Now) -> int:
    """Returns the time since which a leader has been answered by a quorum."""
    assert state.leading is not None, "only a leader is answered"
    followers = state.leading.followers
    return state.members.agreed(lambda name: followers[name].heard_ns if name in followers else now.elapsed_ns)


def hear_leader(state: GroupState, sender: str, now: Now) -> None:
    """A message of this term's leader has come."""
    assert state.role is not Role.LEADER, f"{sender} leads in term {state.term} as well"
    if state.role is not Role.FOLLOWER:
        state.move(Role.FOLLOWER)
    if state.leader != sender:
        state.follow(sender, now)
    state.heard_ns = state.clock_ns = now.elapsed_ns
    state.reason = "silence"
    if state.attempts or state.is_hasty:
        state.attempts = 0
        state.wait_anew(now)


def _rank(state: GroupState, lost: str | None) -> int:
    """Returns which turn is this member's among the voters that are left, counted from the preferred one."""
    voters = [row[0] for row in state.members.rows if row[0] in state.members.voters]
    first = state.group % len(voters) if voters else 0
    left = [name for name in voters[first:] + voters[:first] if name != lost]
    return left.index(state.name) if state.name in left else len(left)


def lose_leader(state: GroupState, now: Now) -> None:
    """The connection to the leader is gone: nobody to stick to, and no reason to wait."""
    lost = state.leader
    state.heard_ns = None
    if state.role is Role.FOLLOWER:
        state.clock_ns = now.elapsed_ns
        state.is_hasty = True
        patience_ms = DISCONNECTED_FIRST_MS + _rank(state, lost) * DISCONNECTED_STEP_MS
        state.patience_ns = patience_ms * NS_PER_MS + state.draws.below(DISCONNECTED_FIRST_MS * NS_PER_MS)
        state.reason = "disconnected"


def may_campaign(state: GroupState) -> bool:
    """Says whether this member may lead at all."""
    return state.members.may_lead(state.name, state.commit) and (state.is_new or not state.is_behind)


def wake_at(state: GroupState) -> int:
    """Returns when waiting is over."""
    return state.clock_ns + state.patience_ns


def wake(state: GroupState, now: Now) -> None:
    """Asks for an election if waiting is over."""
    if state.members.is_quorum({state.name}) and may_campaign(state) and not is_sticky(state, now):
        state.reason = "alone"
        campaign(state, state.term + 1, now)
        return
    if now.elapsed_ns < wake_at(state):
        return
    if not may_campaign(state):
        if state.role is not Role.FOLLOWER:
            state.move(Role.FOLLOWER)
        state.follow(None, now)
        state.wait_anew(now)
        return
    state.attempts += 1
    ask(state, now)


def ask(state: GroupState, now: Now) -> None:
    """Asks the others whether they would vote for this member. Changes nothing that is kept, here or there."""
    term = max(state.term, state.seen_term) + 1
    if state.role is not Role.ASKING or term != state.asked_term:
        state.asked_term = term
        state.promised = {state.name}
    if state.role is not Role.ASKING:
        state.move(Role.ASKING)
    state.follow(None, now)
    state.wait_anew(now)
    for name in sorted(state.members.voters - {state.name}):
        state.say(name, PreVote(state.group, term, state.log.last, state.log.last_term))


def campaign(state: GroupState, term: int, now: Now, *, is_transfer: bool = False) -> None:
    """Votes for itself in a new term and asks the others to."""
    assert may_campaign(state), f"{state.name} may not lead group {state.group}"
    assert term > state.term, f"a campaign for term {term} in term {state.term}"
    state.move(Role.CANDIDATE)
    state.early.clear()
    state.late.clear()
    state.term = term
    state.vote = state.name
    state.votes = {state.name}
    state.heard_ns = None
    state.save()
    state.follow(None, now)
    state.wait_anew(now)
    for name in sorted(state.members.voters - {state.name}):
        state.promise(name, Vote(state.group, term, state.log.last, state.log.last_term, is_transfer))
    _count(state, now)


def _count(state: GroupState, now: Now) -> None:
    if state.members.is_quorum(state.votes):
        state.election = state.reason
        state.news.append(Elected(state.group, state.term, state.reason))
        lead(state, now)


def is_up_to_date(state: GroupState, last_term: int, last_index: int) -> bool:
    """Says whether a candidate's log holds all that this member's may have helped to commit."""
    return (last_term, last_index) >= (state.log.last_term, state.log.last)


def _may_vote(state: GroupState, last_index: int) -> bool:
    """Says whether this member's vote counts.

    A disk on which nothing was ever kept may have taken another one's place, and then it does not know what that one
    helped to commit. It may still elect whoever holds nothing, either: in a quorum of such, nobody holds anything.
    """
    return not state.is_behind or (state.is_new and last_index == 0)


def on_pre_vote(state: GroupState, sender: str, message: PreVote, now: Now) -> None:
    """Somebody asks whether it would get this member's vote."""
    is_granted = (
        message.term > state.term
        and _may_vote(state, message.last_index)
        and not is_sticky(state, now)
        and is_up_to_date(state, message.last_term, message.last_index)
    )
    state.say(sender, PreVoted(state.group, message.term, state.term, is_granted))


def on_pre_voted(state: GroupState, sender: str, message: PreVoted, now: Now) -> None:
    """Somebody would vote for this member, or not."""
    if state.role is not Role.ASKING or message.term != state.asked_term:
        return
    if message.is_granted:
        state.promised.add(sender)
        if state.members.is_quorum(state.promised) and may_campaign(state):
            campaign(state, state.asked_term, now)
    elif message.own_term >= state.asked_term:
        state.seen_term = message.own_term
        ask(state, now)


def on_vote(state: GroupState, sender: str, message: Vote, now: Now) -> None:
    """Somebody asks for this member's vote in the present term; a later one has been adopted before."""
    is_granted = (
        message.term == state.term
        and state.vote in (None, sender)
        and state.role is not Role.LEADER
        and _may_vote(state, message.last_index)
        and is_up_to_date(state, message.last_term, message.last_index)
    )
    if is_granted:
        assert state.role is not Role.CANDIDATE, "a candidate has voted for itself"
        if state.vote is None:
            state.vote = sender
            state.save()
        if state.role is not Role.FOLLOWER:
            state.move(Role.FOLLOWER)
        state.wait_anew(now)
    state.promise(sender, Voted(state.group, state.term, is_granted))


def on_voted(state: GroupState, sender: str, message: Voted, now: Now) -> None:
    """Somebody has voted; one that comes late counts as long as nobody else leads in that term."""
    if message.term != state.term or not message.is_granted:
        return
    if state.role in (Role.CANDIDATE, Role.ASKING) and state.vote == state.name and state.votes:
        state.votes.add(sender)
        _count(state, now)
