"""Clients' questions to the store: in turns, a bounded number, and nobody waits behind one who asks too much."""

from shard_bench import SHARD, ShardBench, only

from mainspring.actors.coordinator.questions import LISTING_COST, Questions
from mainspring.actors.limits import QUESTIONS_A_PEER, QUESTIONS_COST_MAX
from mainspring.actors.store import ReadListing
from mainspring.actors.turn import answer_reads, catch_up
from mainspring.broker.wire.messages import Ended, Goodbye, Listing, Query, Refused

LOUD, QUIET = b"loud", b"quiet"


def a_read(peer: bytes, number: int = 0) -> ReadListing:
    """A listing that a peer asks for."""
    return ReadListing("jobs", {}, (peer, number))


def test_peers_are_asked_for_in_turns() -> None:
    """Whoever has asked a hundred times waits behind one who asks once."""
    questions = Questions()
    for number in range(100):
        assert questions.add(LOUD, a_read(LOUD, number), LISTING_COST) is None
    assert [read.context for read in questions.next()] == [(LOUD, 0)]
    questions.add(QUIET, a_read(QUIET), LISTING_COST)
    questions.check()
    order: list[bytes] = []
    asked = LOUD
    for _ in range(3):
        assert questions.answered(asked)
        (read,) = questions.next()
        asked = read.context[0]
        order.append(asked)
        questions.check()
    assert order == [LOUD, QUIET, LOUD]


def test_small_questions_share_a_round() -> None:
    """The store is asked about ten thousand jobs at once, or for one listing."""
    questions = Questions()
    for number in range(5):
        questions.add(LOUD, a_read(LOUD, number), LISTING_COST // 4)
    assert len(list(questions.next())) == 4
    questions.check()


def test_what_waits_is_bounded_for_a_peer_and_for_all() -> None:
    """Beyond both bounds a question is refused with the reason."""
    questions = Questions()
    for number in range(QUESTIONS_A_PEER):
        assert questions.add(LOUD, a_read(LOUD, number), 1) is None
    assert "this client" in str(questions.add(LOUD, a_read(LOUD), 1))
    assert questions.add(QUIET, a_read(QUIET), 1) is None
    assert "the shard" in str(questions.add(b"third", a_read(b"third"), QUESTIONS_COST_MAX))
    assert len(questions) == QUESTIONS_A_PEER + 1


def test_a_peer_that_comes_back_is_answered_what_it_asks_now() -> None:
    """What it had asked before still comes to nothing, though the store answers it later."""
    questions = Questions()
    questions.add(LOUD, a_read(LOUD), 1)
    assert len(list(questions.next())) == 1
    questions.forget(LOUD)
    questions.add(LOUD, a_read(LOUD, 1), 1)
    assert len(list(questions.next())) == 1
    questions.check()
    assert [questions.answered(LOUD) for _ in range(2)] == [False, True]
    questions.check()


def test_a_peer_that_goes_is_not_answered() -> None:
    """What it has asked is forgotten; what the store was asked already comes to nothing."""
    questions = Questions()
    for number in range(3):
        questions.add(LOUD, a_read(LOUD, number), LISTING_COST)
    questions.add(QUIET, a_read(QUIET), LISTING_COST)
    assert len(list(questions.next())) == 1
    questions.forget(LOUD)
    assert not questions.answered(LOUD)
    assert [read.context[0] for read in questions.next()] == [QUIET]
    assert questions.answered(QUIET)
    questions.check()
    assert len(questions) == 0


def test_a_flood_of_listings_is_refused_and_others_are_answered() -> None:
    """Of more than may wait, each is answered or refused, one a turn; another peer's question is answered soon."""
    bench = ShardBench()
    bench.executor(slots=0)
    bench.submit()
    flood = 2 * QUESTIONS_A_PEER
    bench.put(LOUD, *(Query(SHARD, number, "jobs", {}) for number in range(flood)))
    bench.put(QUIET, Query(SHARD, 1, "queues", {}))
    answered_at = 0
    for turn in range(1, 10):
        said = bench.turn()
        catch_up(bench.member, bench.log)
        assert len(bench.member.reads) <= 1, "one listing a turn"
        answer_reads(bench.member)
        if only([one for one in said if one.peer == QUIET], Listing):
            answered_at = turn
            break
    assert 0 < answered_at <= 4
    for _ in range(flood):
        bench.turn()
        answer_reads(bench.member)
    loud = [one for one in bench.said if one.peer == LOUD]
    refused = only(loud, Refused)
    assert {one.code for one in refused} == {"overloaded"}
    assert len(only(loud, Listing)) + len(refused) == flood
    assert bench.state.counts["refused_overloaded"] == len(refused) > 0


def test_a_goodbye_ends_its_questions() -> None:
    """Nobody reads for a client that has left."""
    bench = ShardBench()
    bench.executor(slots=0)
    (id,) = bench.submit()
    bench.put(LOUD, *(Query(SHARD, number, "jobs", {}) for number in range(5)), Goodbye(0))
    bench.run()
    assert only([one for one in bench.said if one.peer == LOUD], Listing) == []
    assert len(bench.state.questions) == 0
    assert only(bench.said, Ended) == []
    assert bench.state_of(id) == ["ready"]
