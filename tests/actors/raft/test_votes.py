"""Who gets a vote, and what asking for one changes."""

from itertools import pairwise

import pytest
from raft_member import Played, append
from raft_net import GROUP, Net

from mainspring.broker.wire.messages import Append, PreVote, PreVoted, Vote, Voted


def test_a_vote_is_given_once_a_term():
    """The second candidate of a term is refused, the first may ask again."""
    played = Played()
    assert played.ask("b", Vote(GROUP, 5, 0, 0, False)) == Voted(GROUP, 5, True)
    assert played.ask("c", Vote(GROUP, 5, 0, 0, False)) == Voted(GROUP, 5, False)
    assert played.ask("b", Vote(GROUP, 5, 0, 0, False)) == Voted(GROUP, 5, True)
    assert played.ask("c", Vote(GROUP, 6, 0, 0, False)) == Voted(GROUP, 6, True)


def test_a_vote_survives_a_restart():
    """Term and vote are read again; nobody gets a second vote in the same term."""
    played = Played()
    assert played.ask("b", Vote(GROUP, 5, 0, 0, False)) == Voted(GROUP, 5, True)
    played.restart()
    assert (played.state["term"], played.state["vote"]) == (5, "b")
    assert played.ask("c", Vote(GROUP, 5, 0, 0, False)) == Voted(GROUP, 5, False)


def test_a_vote_leaves_only_when_it_is_durable():
    """A crash between the vote and the sync leaves neither a vote nor an answer."""
    played = Played()
    played.hear("b", Vote(GROUP, 5, 0, 0, False))
    assert played.said(syncs=False) == []
    played.restart()
    assert played.state["vote"] is None
    assert played.ask("c", Vote(GROUP, 5, 0, 0, False)) == Voted(GROUP, 5, True)


def test_votes_are_a_set():
    """An answer that comes twice counts once: of five, two are no majority."""
    played = Played("abcde")
    played.wait(10_000)
    asked = next(message for _, message in played.said() if isinstance(message, PreVote))
    for _ in range(4):
        played.hear("b", PreVoted(GROUP, asked.term, 0, True))
    assert not [message for _, message in played.said() if isinstance(message, Vote)]
    played.hear("c", PreVoted(GROUP, asked.term, 0, True))
    assert {to for to, message in played.said() if isinstance(message, Vote)} == set("bcde")
    for _ in range(4):
        played.hear("b", Voted(GROUP, asked.term, True))
    assert not played.log.leads(GROUP)
    played.hear("d", Voted(GROUP, asked.term, True))
    assert played.log.leads(GROUP)


@pytest.mark.parametrize(("last", "is_granted"), [((3, 2), True), ((9, 1), False), ((2, 2), False), ((1, 3), True)])
def test_a_candidate_must_hold_what_may_be_committed(last: tuple[int, int], is_granted: bool):
    """The later last term wins, then the longer log; asking first follows the same rule."""
    index, term = last
    played = Played()
    played.ask("b", append(2, (0, 0), (1, b"x"), (2, b"y"), (2, b"z")))
    played.wait(1_000)
    assert played.ask("c", PreVote(GROUP, 6, index, term)).is_granted == is_granted
    assert played.ask("c", Vote(GROUP, 6, index, term, False)).is_granted == is_granted


def test_asking_changes_nothing():
    """An answer to a pre-vote carries the term that was asked for, and neither side adopts it."""
    played = Played()
    before = played.state
    assert played.ask("b", PreVote(GROUP, 9, 0, 0)) == PreVoted(GROUP, 9, before["term"], True)
    assert played.ask("c", PreVote(GROUP, 9, 0, 0)) == PreVoted(GROUP, 9, before["term"], True)
    assert played.state == before


def test_who_lags_in_terms_asks_for_a_later_one():
    """A member with a good log and an old term hears of the later one by a refusal, and gets elected above it."""
    played = Played()
    played.wait(10_000)
    assert [message.term for _, message in played.said()] == [1, 1]
    played.hear("b", PreVoted(GROUP, 1, 7, False))
    assert [message.term for _, message in played.said() if isinstance(message, PreVote)] == [8, 8]
    assert played.state["term"] == 0
    played.hear("b", PreVoted(GROUP, 8, 7, True))
    assert {message.term for _, message in played.said() if isinstance(message, Vote)} == {8}


def test_who_hears_a_leader_sticks_to_it():
    """A candidate of a later term is refused without its term being adopted, until the leader falls silent."""
    played = Played()
    played.ask("b", append(3))
    assert not played.ask("c", PreVote(GROUP, 9, 5, 5)).is_granted
    assert played.ask("c", Vote(GROUP, 9, 5, 5, False)) == Voted(GROUP, 3, False)
    assert played.state["term"] == 3
    played.wait(played.net.settings.election_ms)
    assert played.ask("c", PreVote(GROUP, 9, 5, 5)).is_granted
    assert played.ask("c", Vote(GROUP, 9, 5, 5, False)) == Voted(GROUP, 9, True)


def test_nobody_sticks_to_a_leader_whose_connection_is_gone():
    """A dropped connection clears stickiness, and the member itself asks when its turn comes."""
    played = Played()
    played.ask("b", append(3))
    played.log.disconnected("b", played.net.now)
    assert played.ask("c", PreVote(GROUP, 9, 5, 5)).is_granted
    played.wait(30)
    assert not [message for _, message in played.said() if isinstance(message, PreVote)], "c asks first"
    played.wait(20)
    assert [message for _, message in played.said() if isinstance(message, PreVote)]


def test_after_a_broken_connection_a_vain_try_is_soon_followed_by_another():
    """Nobody has to wait for signs of life; after some tries it waits as ever."""
    played = Played()
    played.ask("b", append(3))
    played.log.disconnected("b", played.net.now)
    asked_ms: list[int] = []
    for ms in range(2_000):
        played.wait(1)
        if any(isinstance(message, PreVote) for _, message in played.said()):
            asked_ms.append(ms)
    pauses = [later - before for before, later in pairwise(asked_ms)]
    assert all(50 <= pause <= 101 for pause in pauses[:3]), pauses
    assert all(pause >= played.net.settings.election_ms for pause in pauses[3:]), pauses


def test_a_leader_that_a_quorum_has_answered_sticks_to_itself():
    """It refuses without adopting the term; a transfer that it has asked for is another matter."""
    played = Played()
    term = played.lead()
    played.answer("b", 1)
    assert played.ask("c", Vote(GROUP, term + 4, 9, term, False)) == Voted(GROUP, term, False)
    assert played.log.leads(GROUP)
    assert played.ask("c", Vote(GROUP, term + 4, 9, term, True)) == Voted(GROUP, term + 4, True)
    assert not played.log.leads(GROUP)


def test_a_leader_without_a_quorum_steps_down():
    """After check_quorum_ms without answers it leads no more, in the same term."""
    played = Played()
    term = played.lead()
    played.wait(played.net.settings.check_quorum_ms - 1)
    played.said()
    assert played.log.leads(GROUP)
    played.wait(2)
    played.wait(played.net.settings.heartbeat_ms)
    played.said()
    assert not played.log.leads(GROUP)
    assert played.log.leader(GROUP) == (term, None)


def test_a_vote_that_comes_late_counts():
    """With a slow network the votes may come when the candidate has begun to ask again, still in its term."""
    played = Played()
    played.wait(10_000)
    played.said()
    played.hear("b", PreVoted(GROUP, 1, 0, True))
    played.said()
    played.wait(10_000)
    assert [message.term for _, message in played.said() if isinstance(message, PreVote)] == [2, 2]
    played.hear("c", Voted(GROUP, 1, True))
    assert played.log.leads(GROUP)
    assert played.log.leader(GROUP) == (1, "a")


def test_an_epoch_is_led_once():
    """A vote that comes when the leader has stepped down does not elect it again in the same term."""
    played = Played()
    term = played.lead()
    played.wait(10_000)
    played.said()
    assert not played.log.leads(GROUP)
    played.wait(10_000)
    played.said()
    for name in "bc":
        played.hear(name, Voted(GROUP, term, True))
    assert not played.log.leads(GROUP)


def test_promises_count_for_one_asking():
    """What was promised before a leader was heard counts no more after it has fallen silent."""
    played = Played("abcde")
    played.wait(10_000)
    played.said()
    played.hear("b", PreVoted(GROUP, 1, 0, True))
    played.ask("c", append(0))
    played.wait(10_000)
    played.said()
    played.hear("d", PreVoted(GROUP, 1, 0, True))
    assert played.state["role"] == "asking"
    played.hear("e", PreVoted(GROUP, 1, 0, True))
    assert played.state["role"] == "candidate"


def test_a_vote_of_an_older_term_does_not_count():
    """Answers belong to the term that they name."""
    played = Played()
    played.wait(10_000)
    played.said()
    played.hear("b", PreVoted(GROUP, 1, 0, True))
    played.said()
    played.hear("c", Vote(GROUP, 4, 0, 0, False))
    played.hear("b", Voted(GROUP, 1, True))
    assert not played.log.leads(GROUP)


def test_nothing_of_a_term_leaves_before_the_term_is_durable():
    """A member that is alone leads at once, but a learner hears of it only after the sync."""
    net = Net(("a",))
    node = net["a"]
    node.turn()
    rows = [*node.log.members(GROUP), ["b", "ipc://b", "ipc://b-clients", 0]]
    node.log.change_members(GROUP, rows)
    node.turn()
    node.turn()
    assert net.take(Append, to="b")
    net.restart("a")
    node.turn(syncs=False)
    assert node.log.leads(GROUP)
    assert not net.take(Append, to="b")
    node.turn()
    node.turn()
    assert net.take(Append, to="b")


def test_the_random_part_of_the_wait_doubles_up_to_eight_times():
    """Failed campaigns wait longer and longer, and hearing a leader ends that."""
    played = Played()
    waits: list[float] = []
    for _ in range(60):
        due_ns = played.log.wake_at()
        waits.append((due_ns - played.net.elapsed_ns) / 1e6)
        played.net.elapsed_ns = due_ns
        played.said()
    election_ms = played.net.settings.election_ms
    assert election_ms <= min(waits[1:])
    assert 5 * election_ms < max(waits) < 9 * election_ms
    assert max(waits[1:2]) < 2 * election_ms
    played.ask("b", append(3))
    assert played.log.wake_at() - played.net.elapsed_ns < 2 * election_ms * 1_000_000


def test_a_group_prefers_one_member_at_the_start():
    """First waits differ, so that the leaders of several groups are spread over the members."""
    net = Net(("a", "b", "c"), groups=(1, 2, 3))
    net.run(2_000)
    leaders = {group: net.leader(group) for group in (1, 2, 3)}
    assert {group: node.name for group, node in leaders.items() if node} == {1: "b", 2: "c", 3: "a"}
