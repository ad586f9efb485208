"""What the coordinators of a cluster say to each other: elections, the log's replication, snapshots.

Decides names, numbers and fields, as messages.py does, of which these are a part. `group` is shard + 1, `term` the
epoch of its leader. Each multipart between members begins with a MemberHello. Must not know when any of them is sent:
actors/raft decides that. Rule: Ongaro, "Consensus: Bridging Theory and Practice" (2014), with pre-vote (9.6) and
leader transfer (3.10).
"""

from typing import ClassVar

from .fields import Fields, Row

SNAPSHOT_CHUNK_BYTES = 256 * 1024
"""What one SnapshotChunk carries at the most."""

SNAPSHOT_CREDIT_CHUNKS = 8
"""Chunks that may be under way at once."""

MEMBER_FRAME_BYTES_MAX = 72 * 1024 * 1024
"""Largest frame between members: an entry is at most 64 MiB."""


def rows_fault(message: Fields) -> str | None:
    """Returns what is wrong with the rows inside a message, which the codec does not look into; None if nothing is."""
    match message:
        case Append(entries=entries):
            if any(len(row) != 2 or type(row[0]) is not int or type(row[1]) is not bytes for row in entries):
                return "entries are rows [term, blob]"
        case SnapshotOffer(members=members):
            if any(list(map(type, row)) != [str, str, str, int] for row in members):
                return "members are rows of name, two endpoints and whether it votes"
        case _:
            pass
    return None


class MemberHello(Fields):
    """Member to member: who speaks, first in every multipart. What comes with another cluster's is dropped.

    `cluster` is empty while a new member has not been taken in. `incarnation`: this life of the process.
    """

    KIND: ClassVar[int] = 40
    cluster: str
    name: str
    incarnation: int


class PreVote(Fields):
    """Member to member: would you vote for me in `term`? It changes nothing at either side."""

    KIND: ClassVar[int] = 41
    group: int
    term: int
    last_index: int
    last_term: int


class PreVoted(Fields):
    """Member to member: the answer for the asked `term`; `own_term` is the sender's."""

    KIND: ClassVar[int] = 42
    group: int
    term: int
    own_term: int
    is_granted: bool


class Vote(Fields):
    """Member to member: vote for me in `term`. `is_transfer`: the leader itself has asked for this election."""

    KIND: ClassVar[int] = 43
    group: int
    term: int
    last_index: int
    last_term: int
    is_transfer: bool


class Voted(Fields):
    """Member to member: the answer, durable before it left."""

    KIND: ClassVar[int] = 44
    group: int
    term: int
    is_granted: bool


class Append(Fields):
    """Member to member, leader to follower: entries behind (prev_index, prev_term); without any it is a heartbeat.

    `entries`: rows [term, blob]. `commit`: the last committed entry. `round` counts the leader's heartbeat rounds.
    `match`: what this follower is known to hold; one that holds less has lost entries that it had acknowledged.
    """

    KIND: ClassVar[int] = 45
    group: int
    term: int
    prev_index: int
    prev_term: int
    commit: int
    round: int
    match: int
    entries: list[Row]


class Appended(Fields):
    """Member to member, follower to leader: the answer to an Append of the same `round`, durable before it left.

    `is_ok`: `index` is the last entry that the Append spoke of; else the entry behind which the leader should try.
    """

    KIND: ClassVar[int] = 46
    group: int
    term: int
    round: int
    index: int
    is_ok: bool


class SnapshotOffer(Fields):
    """Member to member, leader to follower: the log that you need is gone; take a copy of the shard.

    The follower's log then begins behind (index, index_term), with `members`, the members as of that entry (rows of
    CLUSTER_MEMBER_COLUMNS); the copy itself may hold some entries more, for leases that have no row.
    """

    KIND: ClassVar[int] = 47
    group: int
    term: int
    index: int
    index_term: int
    size_bytes: int
    sha256: str
    members: list[Row]


class SnapshotChunk(Fields):
    """Member to member, leader to follower: the bytes from `offset` on of the snapshot whose hash that is."""

    KIND: ClassVar[int] = 48
    group: int
    term: int
    sha256: str
    offset: int
    data: bytes


class SnapshotTaken(Fields):
    """Member to member, follower to leader: how much of it is here.

    `state`: wanted (go on from `offset`), done (it is in place, durable) or refused (begin again with a new one).
    """

    KIND: ClassVar[int] = 49
    group: int
    term: int
    sha256: str
    offset: int
    state: str


class TimeoutNow(Fields):
    """Member to member, leader to follower: you hold all that I hold; have yourself elected at once."""

    KIND: ClassVar[int] = 50
    group: int
    term: int
