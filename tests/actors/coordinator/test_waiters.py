"""Who waits for a job's end is known for as long as both are there, and no longer."""

from mainspring.actors.coordinator.waiters import Waiters

HERE, GONE = b"here", b"gone"


def test_pairs_are_counted() -> None:
    """A peer that waits for a job is one pair, however often it says so; the bound counts pairs."""
    waiters = Waiters()
    for peer in (HERE, GONE, HERE):
        for id in (1, 2):
            waiters.add(id, peer)
    assert len(waiters) == 4
    assert waiters.pop(1) == [HERE, GONE]
    waiters.forget(GONE)
    assert len(waiters) == 1
    assert waiters.pop(2) == [HERE]
    waiters.check()
    assert (waiters.by_job, waiters.by_peer) == ({}, {})


def test_a_peer_that_goes_while_the_store_looks_is_not_answered() -> None:
    """Its question was under way when it said goodbye: nothing may be kept for it after that."""
    waiters = Waiters()
    for peer in (HERE, GONE, GONE):
        waiters.begin_reading(peer)
    waiters.forget(GONE)
    waiters.check()
    assert waiters.end_reading(HERE)
    assert not waiters.end_reading(GONE)
    assert not waiters.end_reading(GONE)
    assert (waiters.reading, waiters.left) == ({}, set())
