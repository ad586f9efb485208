"""What a node may tune of its groups; the same for all groups of a process.

Decides the defaults: a heartbeat that a busy member can keep, an election timeout of several heartbeats, and bounds on
what is under way or held in memory.
"""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RaftSettings:
    """Times and bounds of replication."""

    heartbeat_ms: int = 50
    """A leader that has had nothing to say to a follower for so long says so."""
    election_ms: int = 250
    """A follower that heard nothing for this and a random part of as much again asks whether it should lead."""
    check_quorum_ms: int = 3000
    """A leader that no quorum has answered for so long steps down; it must exceed the worst round trip."""
    rebalance_ms: int = 60_000
    """The member that a group prefers gets it after so long in good order; 0: never."""
    transfer_ms: int = 1000
    """A leader that was asked to hand over gives up after so long."""
    append_bytes: int = MEBIBYTE
    """Entries in one Append, unless a single one is larger."""
    inflight_bytes: int = 8 * MEBIBYTE
    """Entries sent to one follower and not answered yet."""
    tail_bytes: int = 8 * MEBIBYTE
    """The newest entries of a group, held in memory, so that nothing is read from disk for live followers."""
    retain_bytes: int = 64 * MEBIBYTE
    """Entries kept for a live follower that lags; beyond it the follower gets a snapshot."""
    retain_entries: int = 20_000
    promote_lag_entries: int = 64
    """A learner that lacks no more than this becomes a voter."""

    def __post_init__(self) -> None:
        assert 1 <= self.heartbeat_ms < self.election_ms, (self.heartbeat_ms, self.election_ms)
        assert self.election_ms < self.check_quorum_ms, (self.election_ms, self.check_quorum_ms)
        assert self.rebalance_ms >= 0, self.rebalance_ms
        assert self.append_bytes > 0, self.append_bytes
        assert self.inflight_bytes >= self.append_bytes, (self.inflight_bytes, self.append_bytes)
