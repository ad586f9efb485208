"""What a turn, and what follows it, does for shards that others lead, or have led."""

from typing import Any

import pytest
from puppet import Puppet, a_member, says, told

from mainspring.actors.effects import Effects
from mainspring.actors.entries import CANCEL, ENGINE_MARK, NOOP, Entry, encode_entry
from mainspring.actors.events import Passed
from mainspring.actors.store import ReadExpired
from mainspring.actors.turn import APPLY_ENTRIES_MAX, Member, catch_up, follow
from mainspring.chaos.memory_log import MemoryLog
from mainspring.chaos.memory_store import MemoryStore


@pytest.fixture
def log() -> MemoryLog:
    """An empty log."""
    return MemoryLog()


def test_who_must_not_stand_still_applies_a_portion(log: MemoryLog) -> None:
    """About so many rows in one transaction, one entry at the least."""
    member = a_member(log)
    for _ in range(5):
        member.inbox.append(Effects(entry=Entry(0, 0, [[CANCEL, [], 5], [NOOP]])))
        told(log, member)
    assert catch_up(member, log, rows_max=3)
    assert member.store.applied == 3
    assert catch_up(member, log, rows_max=0)
    assert member.store.applied == 4


def test_a_follower_applies_what_others_have_decided(log: MemoryLog) -> None:
    """As far as it is committed, some at a time; entries of the engine itself say nothing to the rows."""
    log.campaign(1)
    follower = Member[Puppet](1, None, MemoryStore())
    log.hold_commits()
    for number in range(APPLY_ENTRIES_MAX + 2):
        log.append(1, ENGINE_MARK if number == 1 else encode_entry(Entry(1, 5_000, [[NOOP]])))
    log.sync()
    follow(follower, log)
    assert not follower.unapplied
    log.commit_up_to(1, 2)
    follow(follower, log)
    assert [index for index, _ in follower.unapplied] == [1, 2]
    log.release_commits()
    follow(follower, log)
    assert len(follower.unapplied) == APPLY_ENTRIES_MAX
    assert catch_up(follower, log)
    follow(follower, log)
    assert catch_up(follower, log)
    assert follower.store.applied == APPLY_ENTRIES_MAX + 2
    assert follower.inbox == [], "nobody is there to hear of it"
    assert told(log, follower) == []


def test_who_steps_down_keeps_what_is_committed(log: MemoryLog) -> None:
    """Its machine, its sends and what is not committed are gone; the rest is applied, and another may lead."""
    member = a_member(log)
    log.hold_commits()
    for number in range(3):
        member.inbox.append(says(number, logs=True))
        assert told(log, member) == []
    member.inbox.append("something")
    member.reads.append(ReadExpired(1, 1))
    member.step_down(2)
    log.release_commits()
    assert told(log, member) == []
    assert [index for index, _ in member.unapplied] == [1, 2]
    assert not member.reads
    assert catch_up(member, log)
    member.lead(Puppet())
    with pytest.raises(AssertionError, match="leader applies"):
        follow(member, log)
    with pytest.raises(AssertionError, match="one machine"):
        member.lead(Puppet())


def test_an_entry_of_the_engine_is_told_before_anything_else(log: MemoryLog) -> None:
    """So the machine's next one stands behind it."""
    member = a_member(log)
    member.inbox.append(says(1))
    index = log.append(1, ENGINE_MARK)
    member.passed(index, 1)
    assert told(log, member) == [1]
    assert member.machine is not None
    assert member.machine.heard[0] == Passed(1)
    assert catch_up(member, log)
    assert member.store.applied == 1


def test_an_answer_without_an_entry_waits_until_nobody_else_leads(log: MemoryLog, monkeypatch: Any) -> None:
    """What a deposed leader knows may be old: a quorum says, after the question, that it still leads."""
    confirmed = [4]
    monkeypatch.setattr(log, "begin_round", lambda _group: 5)
    monkeypatch.setattr(log, "confirmed", lambda _group: confirmed[0])
    member = a_member(log)
    member.inbox.append(says(1))
    assert told(log, member) == []
    member.inbox.append(says(2, logs=True))
    assert told(log, member) == [], "sends keep their order"
    confirmed[0] = 5
    assert told(log, member) == [1, 2]
