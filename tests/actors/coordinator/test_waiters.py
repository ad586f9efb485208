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
