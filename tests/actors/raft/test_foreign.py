"""Whatever another member says ends nothing: what no sound one would say is dropped, and counted."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raft_member import Played, append
from raft_net import GROUP, member

from mainspring.actors.entries import ENGINE_MARK
from mainspring.actors.raft.hard_state import UNKNOWN_DEBT
from mainspring.actors.raft.members import LEADER_ENTRY, members_entry
from mainspring.actors.raft.sanity import INDEX_MAX, TERMS_AHEAD_MAX
from mainspring.broker.wire.codec import decode, encode
from mainspring.broker.wire.messages import (
    Append,
    Appended,
    PreVote,
    PreVoted,
    SnapshotChunk,
    SnapshotOffer,
    SnapshotTaken,
    TimeoutNow,
    Vote,
    Voted,
)
from mainspring.broker.wire.packing import pack

HUGE = 2**63 - 1
SHA = "ab" * 32
ROWS = [member(name) for name in "abc"]

NUMBERS = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, -1, HUGE, UNKNOWN_DEBT, TERMS_AHEAD_MAX])
SMALL = st.integers(0, 7)
TERMS = st.one_of(st.integers(1, 6), NUMBERS)
ANY = st.one_of(SMALL, SMALL, SMALL, NUMBERS)
BLOBS = st.sampled_from(
    [
        b"x", b"y", b"", LEADER_ENTRY, members_entry(ROWS), members_entry([*ROWS, member("d", 0)]), members_entry([]),
        members_entry([["a"]]), ENGINE_MARK, ENGINE_MARK + b"\xc1", ENGINE_MARK + pack([]), ENGINE_MARK + pack(7),
        ENGINE_MARK + pack(["members"]), ENGINE_MARK + pack(["members", 3]), ENGINE_MARK + pack(["members", [7]]),
        members_entry([ROWS[0], ROWS[0]]), members_entry([member("b", 0)]), members_entry([["", "", "", 1]]),
    ]
)  # fmt: skip
ENTRIES = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 3), st.sampled_from([b"x", b"y", LEADER_ENTRY])).map(list),
        st.tuples(ANY, BLOBS).map(list),
        st.sampled_from([[], [1], [1, "x"], [1, b"x", 2], ["1", b"x"]]),
    ),
    max_size=4,
)
BOOLS = st.booleans()
MESSAGES = st.one_of(
    st.builds(Append, st.just(GROUP), TERMS, ANY, ANY, ANY, ANY, ANY, st.just([])),
    st.builds(Append, st.just(GROUP), TERMS, ANY, ANY, ANY, ANY, ANY, ENTRIES),
    st.builds(Append, st.just(GROUP), st.integers(1, 4), SMALL, st.integers(0, 3), SMALL, SMALL, SMALL, ENTRIES),
    st.builds(Appended, st.just(GROUP), TERMS, ANY, ANY, BOOLS),
    st.builds(PreVote, st.just(GROUP), TERMS, ANY, ANY),
    st.builds(PreVoted, st.just(GROUP), TERMS, ANY, BOOLS),
    st.builds(Vote, st.just(GROUP), TERMS, ANY, ANY, BOOLS),
    st.builds(Voted, st.just(GROUP), TERMS, BOOLS),
    st.builds(
        SnapshotOffer, st.just(GROUP), TERMS, ANY, ANY, st.sampled_from([0, 3, HUGE, -1]),
        st.sampled_from([SHA, "", "../x"]),
        st.sampled_from([ROWS, [], [["a"]], [ROWS[0], ROWS[0]]]),
    ),
    st.builds(SnapshotChunk, st.just(GROUP), TERMS, st.sampled_from([SHA, "x"]), ANY, st.sampled_from([b"", b"abc"])),
    st.builds(SnapshotTaken, st.just(GROUP), TERMS, st.sampled_from([SHA, ""]), ANY, st.sampled_from(["done", "?"])),
    st.builds(TimeoutNow, st.just(GROUP), TERMS),
)  # fmt: skip
ACTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("bcz"), MESSAGES),
        st.tuples(st.just("turn"), st.sampled_from([0, 10, 400, 4_000])),
    ),
    max_size=25,
)


def begun(kind: str) -> Played:
    """A member in some place of its life."""
    played = Played(is_new=kind == "new")
    if kind == "follower":
        played.ask("b", append(2, (0, 0), (1, b"x"), (2, LEADER_ENTRY), (2, b"y"), commit=2))
    elif kind == "leader":
        played.lead(entries=2)
        played.answer("b", 2)
        played.said()
    return played


def hears(played: Played, sender: str, message: Any) -> str | None:
    """The member hears what has come over the wire."""
    return played.log.received(sender, decode(encode(message)), played.net.now)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(["new", "follower", "leader"]), ACTS)
def test_nothing_that_others_say_ends_a_member(kind: str, acts: list[tuple[str, Any]]):
    """Its own relations hold after each turn, what is committed stays, and its term stays far from the greatest one."""
    played = begun(kind)
    committed = 0
    for who, what in acts:
        if who == "turn":
            played.wait(what)
            played.said()
            assert played.log.committed(GROUP) >= committed
            committed = played.log.committed(GROUP)
        else:
            hears(played, who, what)
    played.said()
    played.restart()
    played.said()
    assert played.state["term"] < (len(acts) + 2) * TERMS_AHEAD_MAX


@pytest.mark.parametrize(
    "message",
    [
        Append(GROUP, HUGE, 0, 0, 0, 1, 0, []),
        Append(GROUP, -1, 0, 0, 0, 1, 0, []),
        Append(GROUP, 2, -5, 0, 0, 1, 0, [[2, b"x"]]),
        Append(GROUP, 2, 0, 0, -4, 1, 0, []),
        Append(GROUP, 2, 0, 0, 0, 1, HUGE, []),
        Append(GROUP, 2, INDEX_MAX, 1, 0, 1, 0, [[2, b"x"]]),
        Append(GROUP, 2, 3, 3, 0, 1, 0, []),
        Append(GROUP, 2, 0, 0, 0, 1, 0, [[2]]),
        Append(GROUP, 2, 0, 0, 0, 1, 0, [[2, "x"]]),
        Append(GROUP, 2, 0, 0, 0, 1, 0, [[2, b"x"], [1, b"y"]]),
        Append(GROUP, 2, 0, 0, 0, 1, 0, [[3, b"x"]]),
        Append(GROUP, 2, 0, 0, 0, 1, 0, [[2, ENGINE_MARK + b"\xc1"]]),
        Append(GROUP, 2, 0, 0, 0, 1, 0, [[2, members_entry([["a"]])]]),
        Append(GROUP, 2, 0, 0, 0, 1, 0, [[2, members_entry([member("a", 0)])]]),
        Append(GROUP, 2, 0, 0, 0, 1, 0, [[2, members_entry([member("a"), member("a")])]]),
        Appended(GROUP, 0, 1, -1, False),
        PreVote(GROUP, HUGE, 0, 0),
        PreVote(GROUP, 1, -1, 0),
        PreVoted(GROUP, 1, HUGE, False),
        Vote(GROUP, TERMS_AHEAD_MAX + 1, 0, 0, True),
        Voted(GROUP, HUGE, True),
        SnapshotOffer(GROUP, 2, 5, 2, 10, "../../shard", ROWS),
        SnapshotOffer(GROUP, 2, 5, 3, 10, SHA, ROWS),
        SnapshotOffer(GROUP, 2, 5, 2, 10, SHA, [["a"]]),
        SnapshotChunk(GROUP, 2, SHA, -1, b""),
        SnapshotTaken(GROUP, 0, SHA, -1, "wanted"),
        TimeoutNow(GROUP, HUGE),
    ],
)  # fmt: skip
def test_what_no_sound_member_says_changes_nothing(message: Any):
    """It is counted, and the caller is told why, to tell the log."""
    played = Played()
    before = played.state
    assert hears(played, "b", message)
    assert played.said() == []
    assert played.state == before | {"dropped": 1}


def test_the_highest_term_that_may_be_is_heard():
    """Whoever was away for long still learns of it."""
    played = Played()
    assert hears(played, "b", Vote(GROUP, TERMS_AHEAD_MAX, 0, 0, False)) is None
    assert played.state["term"] == TERMS_AHEAD_MAX


def test_a_second_leader_of_a_term_is_not_heard():
    """By a follower of the first one, and by that one itself."""
    played = Played()
    played.ask("b", append(2, (0, 0), (2, b"x")))
    assert hears(played, "c", append(2, (0, 0), (2, b"y")))
    assert hears(played, "c", SnapshotOffer(GROUP, 2, 9, 2, 10, SHA, ROWS))
    assert hears(played, "c", SnapshotChunk(GROUP, 2, SHA, 0, b"x"))
    leader = Played()
    assert hears(leader, "c", append(leader.lead()))


@pytest.mark.parametrize("message", [append(3, (2, 1)), append(3, (1, 1), (3, b"z")), append(3, (0, 0), (3, b"z"))])
def test_who_differs_from_what_is_committed_is_not_followed(message: Append):
    """Its log and this one can never be made the same; nothing is cut, and its term is not adopted."""
    played = Played()
    played.ask("b", append(2, (0, 0), (1, b"x"), (2, b"y"), commit=2))
    assert "committed" in (hears(played, "c", message) or "")
    assert (played.state["term"], played.log.last_index(GROUP)) == (2, 2)


def test_an_answer_to_a_round_that_never_was_confirms_nothing_later():
    """The rounds of a broken follower count up to the last one that there was."""
    played = Played()
    played.lead()
    played.answer("b", 1, beat=HUGE)
    played.said()
    wanted = played.log.begin_round(GROUP)
    played.said()
    assert played.log.confirmed(GROUP) < wanted
    played.answer("c", 1, beat=wanted)
    assert played.log.confirmed(GROUP) == wanted
