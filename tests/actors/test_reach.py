"""Which members are connected to, and which are let go."""

import pytest
from cluster_maps import a_map

from mainspring.actors.reach import MEMBERS_MAX, Moves, Reach, map_fault

A, B, C, D = b"tcp://a:1", b"tcp://b:1", b"tcp://c:1", b"tcp://d:1"


def told(reach: Reach, peer: bytes, node: str, members: str, *, is_settled: bool = True) -> Moves:
    """Has a node name these members, each by its letter."""
    moves = reach.learn(peer, a_map(node, {0: (1, "a")}, _members(members)), is_settled=is_settled)
    reach.check()
    return moves


def _members(names: str) -> dict[str, str]:
    return {name: f"tcp://{name}:1" for name in names}


def test_one_endpoint_teaches_the_others() -> None:
    """What was given stays, the rest is connected to once."""
    reach = Reach([A])
    assert told(reach, A, "a", "abc") == Moves([B, C], [])
    assert told(reach, B, "b", "abc") == Moves([], [])
    assert reach.taught == {B: "b", C: "c"}


def test_a_member_comes_and_another_goes() -> None:
    """As soon as nobody who counts names it any more; one that was given is never let go."""
    reach = Reach([A])
    told(reach, A, "a", "abc")
    told(reach, B, "b", "abc")
    assert told(reach, A, "a", "abd") == Moves([D], []), "b names c still"
    assert told(reach, B, "b", "abd") == Moves([], [C])
    assert told(reach, B, "b", "bd") == Moves([], [])


def test_those_that_were_removed_do_not_keep_each_other() -> None:
    """Each of them has named the other, and nobody else does."""
    reach = Reach([A])
    told(reach, A, "a", "abcd")
    told(reach, C, "c", "abcd")
    told(reach, D, "d", "abcd")
    told(reach, B, "b", "ab")
    assert told(reach, A, "a", "ab") == Moves([], [C, D])


def test_a_node_that_is_reached_already_is_not_reached_twice() -> None:
    """Its socket was given, and its map says that it is the member."""
    reach = Reach([b"ipc:///a.sock"])
    assert told(reach, b"ipc:///a.sock", "a", "ab") == Moves([B], [])


def test_others_wait_until_all_that_were_given_have_answered() -> None:
    """For one of them may be the member; if it is not, it is connected to afterwards."""
    reach = Reach([b"ipc:///a.sock", B])
    assert told(reach, B, "b", "abc", is_settled=False) == Moves([], [])
    assert told(reach, b"ipc:///a.sock", "a", "abc") == Moves([C], [])


def test_a_second_way_that_was_opened_is_closed() -> None:
    """A node that was slow to answer turns out to be the member."""
    reach = Reach([b"ipc:///a.sock", B])
    assert told(reach, B, "b", "ab") == Moves([A], [])
    assert told(reach, b"ipc:///a.sock", "a", "ab") == Moves([], [A])


def test_a_member_may_move() -> None:
    """Its new endpoint is opened, and the old one closed."""
    reach = Reach([A])
    told(reach, A, "a", "ab")
    assert reach.learn(A, a_map("a", {0: (1, "a")}, {"b": "tcp://new:1"}), is_settled=True) == Moves(
        [b"tcp://new:1"], [B]
    )


def test_a_map_cannot_make_connections_without_end() -> None:
    """Nor name one without an endpoint."""
    reach = Reach([A])
    many = {f"n{number}": f"tcp://n:{number}" for number in range(MEMBERS_MAX + 10)}
    assert len(reach.learn(A, a_map("a", {0: (1, "a")}, many), is_settled=True).opened) == MEMBERS_MAX
    assert told(Reach([A]), A, "a", "") == Moves([], [])


@pytest.mark.parametrize(
    ("cluster", "shards", "fault"),
    [
        ("test", 2, None),
        (None, 0, None),
        ("other", 2, "of cluster 'test', not of 'other'"),
        ("test", 3, "knows 2 shards, the cluster has 3"),
    ],
)
def test_a_map_of_another_cluster_is_not_used(cluster: str | None, shards: int, fault: str | None) -> None:
    """Nor one of another number of shards: that never changes."""
    found = map_fault(a_map("a", {0: (1, "a"), 1: (0, None)}), cluster, shards)
    assert found is None if fault is None else found is not None and fault in found


@pytest.mark.parametrize("what", ["members", "leaders", "node", "shard", "shards"])
def test_a_malformed_map_is_not_used(what: str) -> None:
    """Rows of other shapes, a name that is none, and shards that do not exist."""
    message = a_map("a", {0: (1, "a")})
    match what:
        case "members":
            message.members = [["a", 5]]
        case "leaders":
            message.leaders = [[0, "a", 1]]
        case "node":
            message.node = ""
        case "shard":
            message.leaders = [[1, 1, "a"]]
        case _:
            message.shards = 0
    assert map_fault(message, None, 0) is not None
