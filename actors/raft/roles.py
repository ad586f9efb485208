"""The roles of a member in a group, and the moves between them.

Decides the table; every change of role goes through `checked_move`. That a member is `behind` (it has lost entries and
has no vote before it has them again) and that it is a learner are no roles: both are followers that may not campaign.
"""

from enum import Enum


class Role(Enum):
    """What a member does in a group."""

    FOLLOWER = "follower"
    ASKING = "asking"
    """It asks whether it would be elected, and has changed nothing yet (pre-vote)."""
    CANDIDATE = "candidate"
    LEADER = "leader"


MOVES: frozenset[tuple[Role, Role]] = frozenset(
    {
        (Role.FOLLOWER, Role.ASKING),  # nobody leads, as far as it has heard
        (Role.FOLLOWER, Role.CANDIDATE),  # it is alone, or its leader has asked it to
        (Role.ASKING, Role.FOLLOWER),  # somebody leads after all, or gets its vote, or has a later term
        (Role.ASKING, Role.CANDIDATE),  # a quorum would vote for it
        (Role.ASKING, Role.LEADER),  # votes of its last candidacy came late, and its term is still the same
        (Role.CANDIDATE, Role.FOLLOWER),  # somebody else was elected, or has a later term
        (Role.CANDIDATE, Role.ASKING),  # nobody was elected in time
        (Role.CANDIDATE, Role.LEADER),  # a quorum has voted for it
        (Role.LEADER, Role.FOLLOWER),  # a later term, no quorum for too long, or it has been removed
    }
)


def checked_move(before: Role, after: Role) -> Role:
    """Returns the role after a move that the table has."""
    assert (before, after) in MOVES, f"no member goes from {before.value} to {after.value}"
    return after
