"""What of a log is kept beyond what this node itself needs: entries that other members may ask for.

Decides that a live follower finds what it lacks up to a bound, that nothing goes which a snapshot under way needs
behind it, and that the tail in memory stays, since this member may lead next. A follower beyond that gets a snapshot.
"""

from ..machine import Now
from .progress import Flow
from .snapshot_sending import keep_from
from .state import GroupState
from .transfer import is_well


def lowered(state: GroupState, below: int, now: Now) -> int:
    """Returns how far the log may be truncated, at most `below`."""
    log = state.log
    assert state.is_behind or below <= log.synced + 1, "an entry that is not durable cannot have been used"
    # The shard may show more than this life knows to be committed, or than a damaged disk still holds.
    below = min(below, state.commit + 1, log.synced + 1)
    if len(state.members.names) <= 1:
        return below
    below = min(below, log.tail_first)
    needed = keep_from(state, now)
    if needed is not None:
        below = min(below, needed)
    if state.leading is not None:
        settings = state.settings
        oldest = max(log.last - settings.retain_entries + 1, log.oldest_within(settings.retain_bytes), 1)
        for follower in state.leading.followers.values():
            is_here = follower.flow is Flow.PROBED and follower.match > log.base
            if is_here or is_well(state, follower, now):
                below = min(below, max(follower.match + 1, oldest))
    return below


def look(state: GroupState) -> None:
    """Sees what truncation has taken away."""
    state.log.look_at_base()
    state.members.forget_before(state.log.base)
