"""One member's view of a group, for operators.

Decides the words for how a follower is doing. Must not know how they are shown.
"""

from typing import Any

from ...broker.wire.fields import Row
from ..machine import Now
from .hard_state import UNKNOWN_DEBT
from .progress import Flow, Progress
from .roles import Role
from .state import NS_PER_MS, GroupState
from .transfer import LIVE_TIMEOUTS


def view(state: GroupState, now: Now) -> dict[str, Any]:
    """Returns GROUP_COLUMNS but for `applied`, which the engine does not know."""
    log = state.log
    followers = [] if state.leading is None else sorted(state.leading.followers.items())
    return {
        "shard": state.group - 1,
        "role": _role(state),
        "epoch": state.term,
        "leader": state.leader,
        "last": log.last,
        "synced": log.synced,
        "committed": min(state.commit, log.synced),
        "elected_ms": state.elected_ms,
        "election": state.election,
        "members": state.members.rows,
        "followers": [_follower(state, name, follower, now) for name, follower in followers],
    }


def _role(state: GroupState) -> str:
    # Who has only just come lacks nothing, nor does anybody while the group begins.
    if state.is_behind and not state.is_new and (state.is_voter or state.debt != UNKNOWN_DEBT):
        return "behind"
    return Role.CANDIDATE.value if state.role is Role.ASKING else state.role.value


def _follower(state: GroupState, name: str, follower: Progress, now: Now) -> Row:
    """Returns a row of FOLLOWER_COLUMNS."""
    silent_ms = max(0, now.elapsed_ns - follower.heard_ns) // NS_PER_MS
    if silent_ms > LIVE_TIMEOUTS * state.settings.election_ms:
        flow = "silent"
    elif follower.flow is Flow.LIVE and follower.match + 1 < min(state.log.tail_first, state.commit):
        flow = "behind"
    else:
        flow = follower.flow.value
    return [name, follower.match, silent_ms, flow]
