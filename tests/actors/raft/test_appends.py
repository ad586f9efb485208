"""What an Append and its answer change: logs part and meet, entries are committed by count."""

from raft_member import Played, append
from raft_net import GROUP, Net

from mainspring.actors.raft.members import LEADER_ENTRY
from mainspring.actors.raft.settings import RaftSettings
from mainspring.broker.wire.messages import Append, Appended, PreVoted, Vote, Voted


def test_a_delayed_duplicate_cuts_nothing():
    """An Append that speaks of fewer entries than are here leaves the others alone, and is answered for its own."""
    played = Played()
    assert played.ask("b", append(1, (0, 0), (1, b"x"), (1, b"y"), (1, b"z"))).index == 3
    assert played.ask("b", append(1, (0, 0), (1, b"x"))).index == 1
    assert played.ask("b", append(1, (1, 1), (1, b"y"), beat=2)).index == 2
    assert played.node.blobs() == [b"x", b"y", b"z"]


def test_only_what_differs_is_cut():
    """From the first entry of another term on, the new leader's entries take the place of the old one's."""
    played = Played()
    played.ask("b", append(1, (0, 0), (1, b"x"), (1, b"y"), (1, b"z")))
    answer = played.ask("c", append(2, (0, 0), (1, b"x"), (2, b"other")))
    assert answer == Appended(GROUP, 2, 1, 2, True)
    assert played.node.blobs() == [b"x", b"other"]


def test_a_follower_says_where_the_logs_may_agree():
    """A log that is too short says how long it is; one that differs skips the whole term that does."""
    played = Played()
    assert played.ask("b", append(1, (7, 1))) == Appended(GROUP, 1, 1, 0, False)
    played.ask("b", append(1, (0, 0), (1, b"x"), (1, b"y"), commit=1))
    played.ask("c", append(2, (2, 1), (2, b"1"), (2, b"2"), (2, b"3")))
    assert played.ask("b", append(4, (5, 3))) == Appended(GROUP, 4, 1, 2, False)
    assert played.ask("b", append(4, (2, 3))) == Appended(GROUP, 4, 1, 1, False)


def test_an_answer_leaves_only_when_the_entries_are_durable():
    """The same turn syncs and then answers; one that dies before the sync has said nothing."""
    played = Played()
    played.hear("b", append(1, (0, 0), (1, b"x")))
    assert played.said(syncs=False) == []
    assert played.said() == [("b", Appended(GROUP, 1, 1, 1, True))]


def test_one_turn_gives_one_answer():
    """Several Appends of one leader are answered together: the last entry and the last round."""
    played = Played()
    for number in range(4):
        played.hear("b", append(1, (number, 1 if number else 0), (1, b"x"), beat=number + 1))
    assert played.said() == [("b", Appended(GROUP, 1, 4, 4, True))]


def test_a_follower_commits_only_what_the_message_has_checked():
    """The leader's commit may lie beyond what is known to agree here."""
    played = Played()
    played.ask("b", append(1, (0, 0), (1, b"x"), (1, b"y"), (1, b"z")))
    played.ask("b", append(1, (1, 1), commit=3))
    assert played.log.committed(GROUP) == 1
    played.ask("b", append(1, (3, 1), commit=3))
    assert played.log.committed(GROUP) == 3


def test_nothing_is_applied_that_this_disk_could_still_lose():
    """A quorum of others may hold it already; the shard must not get ahead of its own log."""
    played = Played()
    played.hear("b", append(1, (0, 0), (1, b"x"), commit=1))
    assert played.log.committed(GROUP) == 0
    played.said()
    assert played.log.committed(GROUP) == 1


def test_a_leader_of_an_older_term_is_told():
    """It gets the later term by the answer, and steps down."""
    played = Played()
    played.ask("b", append(4))
    answer = played.ask("c", append(3, (0, 0), (3, b"x")))
    assert (answer.term, answer.is_ok) == (4, False)
    assert played.node.blobs() == []


def test_an_answer_of_an_older_term_counts_for_nothing():
    """It may speak of entries that were cut away since: the leader of now must not commit by it."""
    played = Played()
    old_term = played.lead(entries=3)
    played.ask("b", append(old_term + 1, (0, 0), (old_term + 1, b"other")))
    assert played.node.blobs() == [b"other"]
    term = played.lead(entries=3)
    assert term > old_term
    played.answer("c", 4, term=old_term)
    played.said()
    assert played.log.committed(GROUP) == 0
    played.answer("c", 4)
    played.said()
    assert played.log.committed(GROUP) == 4


def test_a_leader_counts_itself_only_up_to_its_disk():
    """With one answer of two the entry still waits for the leader's own sync."""
    played = Played()
    played.lead()
    played.answer("b", 1)
    played.said()
    played.log.append(GROUP, b"x")
    played.said(syncs=False)
    played.answer("b", 2)
    assert played.state["commit"] == 1, "nor may it say so to others"
    played.said()
    assert played.log.committed(GROUP) == 2


def test_the_same_answer_twice_counts_once():
    """Of five, the leader and one follower are no quorum, however often that one says so."""
    played = Played("abcde")
    played.lead()
    for _ in range(5):
        played.answer("b", 1)
        played.said()
    assert played.log.committed(GROUP) == 0
    played.answer("c", 1)
    assert played.log.committed(GROUP) == 1


def test_an_entry_of_an_older_term_is_never_committed_by_count():
    """Figure 8 of the Raft paper: it stands on a majority, and could still be replaced by a leader who lacks it."""
    played = Played("abcde", RaftSettings(rebalance_ms=0, append_bytes=1))
    played.ask("b", append(2, (0, 0), (1, b"one"), (2, b"two")))
    played.lead()
    for name in "bcd":
        played.answer(name, 2)
    played.said()
    assert played.log.committed(GROUP) == 0, "entry 2 is on four of five disks, but of an older term"
    for name in "bc":
        played.answer(name, 3)
    played.said()
    assert played.log.committed(GROUP) == 3, "the leader's own entry commits those before it"


def test_match_never_goes_back_by_an_old_answer():
    """Answers may come out of order."""
    played = Played()
    played.lead(entries=5)
    played.answer("b", 6, beat=9)
    played.said()
    played.answer("b", 2, beat=3)
    played.answer("b", 1, beat=2, is_ok=False)
    append_to_b = played.last_append("b")
    assert (append_to_b.match, append_to_b.prev_index) == (6, 6)


def test_entries_leave_without_waiting_for_answers():
    """Each turn sends what is new to a follower that is known to agree."""
    played = Played()
    played.lead()
    played.answer("b", 1)
    played.said()
    for number in range(3):
        played.log.append(GROUP, b"x")
        sent = [message for to, message in played.said() if to == "b"]
        assert [(message.prev_index, len(message.entries)) for message in sent] == [(1 + number, 1)]


def test_a_refusal_leads_back_to_one_probe():
    """After a refusal one Append tries the place that the follower named, and the rest waits for its answer."""
    played = Played()
    term = played.lead()
    played.answer("b", 1)
    for _ in range(3):
        played.log.append(GROUP, b"x")
        played.said()
    played.answer("b", 2, is_ok=False)
    sent = [message for to, message in played.said() if to == "b"]
    assert [(message.prev_index, len(message.entries)) for message in sent] == [(2, 2)]
    played.log.append(GROUP, b"x")
    assert not [message for to, message in played.said() if to == "b"]
    played.hear("b", Appended(GROUP, term, sent[0].round, 4, True))
    assert [(message.prev_index, len(message.entries)) for to, message in played.said() if to == "b"] == [(4, 1)]


def test_what_is_under_way_is_bounded():
    """A follower that does not answer is sent no more than inflight_bytes, and heartbeats."""
    played = Played(settings=RaftSettings(rebalance_ms=0, append_bytes=1000, inflight_bytes=3000))
    played.lead()
    played.answer("b", 1)
    for _ in range(10):
        played.log.append(GROUP, b"x" * 900)
    sent = [message for to, message in played.said() if to == "b"]
    assert len(sent) == 4
    assert all(len(message.entries) == 1 for message in sent)
    played.answer("b", 3)
    assert len([message for to, message in played.said() if to == "b"]) == 2


def test_an_entry_larger_than_an_append_goes_alone():
    """The bound is on several entries together."""
    played = Played(settings=RaftSettings(rebalance_ms=0, append_bytes=1000))
    played.lead()
    played.answer("b", 1)
    for size in (10, 5000, 10):
        played.log.append(GROUP, b"x" * size)
    assert [len(message.entries) for to, message in played.said() if to == "b"] == [1, 1, 1]


def test_a_heartbeat_leaves_only_when_nothing_else_did():
    """Entries say the same."""
    played = Played()
    played.lead()
    played.answer("b", 1)
    played.answer("c", 1)
    played.said()
    for _ in range(5):
        played.wait(played.net.settings.heartbeat_ms - 1)
        played.log.append(GROUP, b"x")
        assert all(message.entries for _, message in played.said() if isinstance(message, Append))
    played.wait(played.net.settings.heartbeat_ms)
    assert [len(message.entries) for _, message in played.said()] == [0, 0]


def test_a_lost_append_is_sent_again():
    """The next message does not fit, is refused, and the leader goes back."""
    net = Net()
    leader = net.put(b"one")
    other = next(node for node in net.running if node is not leader)
    leader.log.append(GROUP, b"two")
    leader.turn()
    assert net.take(Append, to=other.name)
    net.put(b"three")
    assert other.done() == [b"one", b"two", b"three"]


def test_lost_messages_delay_and_lose_nothing():
    """With a third of all messages lost everything arrives in the end."""
    net = Net(seed=5)
    net.lose = lambda item: net.random.random() < 0.3
    for number in range(30):
        net.put(b"%d" % number, ms=30_000)
    assert [node.done() for node in net.running] == [[b"%d" % number for number in range(30)]] * 3


def test_a_follower_reads_the_leaders_disk_only_beyond_its_memory():
    """One that was away longer than the tail reaches back still gets all entries."""
    net = Net(settings=RaftSettings(rebalance_ms=0, tail_bytes=200))
    leader = net.put(b"one")
    other = next(node for node in net.running if node is not leader)
    other.crash()
    net.put(*[b"%d" % number for number in range(100)])
    net.restart(other.name)
    net.put(b"last")
    assert other.done() == leader.done()
    assert other.snapshots.installed == 0


def test_a_deposed_leader_says_nothing_any_more():
    """What it had ready for its followers vanishes with its term, and what it appended is replaced."""
    played = Played()
    term = played.lead()
    played.log.append(GROUP, b"mine")
    played.hear("b", append(term + 1, (0, 0), (term + 1, LEADER_ENTRY), (term + 1, b"theirs")))
    said = played.said()
    assert [(to, type(message)) for to, message in said] == [("b", Appended)]
    assert played.node.blobs() == [b"theirs"]


def test_a_candidate_that_hears_the_leader_of_its_term_follows():
    """It lost the election."""
    played = Played()
    played.wait(10_000)
    played.said()
    played.hear("b", PreVoted(GROUP, 1, 0, True))
    assert [message.term for _, message in played.said() if isinstance(message, Vote)] == [1, 1]
    played.ask("c", append(1))
    assert played.log.leader(GROUP) == (1, "c")
    played.hear("b", Voted(GROUP, 1, True))
    assert not played.log.leads(GROUP)
