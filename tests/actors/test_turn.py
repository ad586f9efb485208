"""Durable before visible: what leaves a turn, when, and in which order."""

from typing import Any

import pytest
from puppet import NOW, PEER, Puppet, a_member, at_once, number_of, says, told

from mainspring.actors.effects import Effects
from mainspring.actors.entries import CANCEL, NOOP, Entry, decode_entry
from mainspring.actors.events import Answer, Applied, Received, Wake
from mainspring.actors.machine import Now
from mainspring.actors.step import step
from mainspring.actors.store import ReadExpired, ReadListing
from mainspring.actors.turn import (
    ANSWER_CHARS_MAX,
    APPLY_ENTRIES_MAX,
    Member,
    answer_reads,
    catch_up,
    turn,
)  # fmt: skip
from mainspring.broker.wire.messages import HelloNeeded
from mainspring.chaos.lagging_log import LaggingLog
from mainspring.chaos.memory_log import MemoryLog
from mainspring.chaos.memory_store import MemoryStore
from mainspring.nodes.storage.log.errors import LogFailed


@pytest.fixture
def log() -> MemoryLog:
    """An empty log."""
    return MemoryLog()


def test_a_send_leaves_with_the_entry_that_it_rests_on(log: MemoryLog) -> None:
    """With a quorum of one, the commit comes within the turn, and the sends with it."""
    member = a_member(log)
    member.inbox += [says(1, logs=True), says(2)]
    assert told(log, member) == [1, 2]
    assert log.committed(1) == log.last_index(1) == 1
    assert log.syncs == 1


def test_a_send_waits_for_the_commit(log: MemoryLog) -> None:
    """While the commit is held back, so is every send of that turn and of the turns behind it."""
    member = a_member(log)
    log.hold_commits()
    member.inbox.append(says(1, logs=True))
    assert told(log, member) == []
    member.inbox.append(says(2))
    assert told(log, member) == []
    member.inbox.append(says(3, logs=True))
    assert told(log, member) == []
    log.commit_up_to(1, 1)
    assert told(log, member) == [1, 2]
    log.commit_up_to(1, 2)
    assert told(log, member) == [3]
    assert told(log, member) == []


def test_a_send_waits_for_the_sync() -> None:
    """What is appended and not durable lets nothing go, in whichever turn it becomes durable."""
    log = LaggingLog()
    member = a_member(log)
    member.inbox.append(says(1, logs=True))
    assert told(log, member) == []
    assert told(log, member) == []
    log.settle(1, 1)
    assert told(log, member) == [1]


def test_a_send_of_a_turn_without_an_entry_waits_for_those_before(log: MemoryLog) -> None:
    """A repeated answer rests on an entry of an earlier turn that may not be durable yet."""
    member = a_member(log)
    log.hold_commits()
    member.inbox.append(says(logs=True))
    assert told(log, member) == []
    member.inbox.append(says(1))
    assert told(log, member) == []
    log.release_commits()
    assert told(log, member) == [1]


def test_a_send_leaves_at_once_when_nothing_is_open(log: MemoryLog) -> None:
    """Where all that was appended is committed, a send without an entry costs no sync."""
    member = a_member(log)
    member.inbox.append(says(1))
    assert told(log, member) == [1]
    assert log.syncs == 0


def test_urgent_sends_leave_before_any_commit(log: MemoryLog) -> None:
    """A heartbeat promises nothing and waits for nobody."""
    member = a_member(log)
    log.hold_commits()
    member.inbox += [says(1, logs=True), at_once(2)]
    assert told(log, member) == [2]
    log.release_commits()
    assert told(log, member) == [1]


def test_a_send_may_name_the_entry_that_it_rests_on(log: MemoryLog) -> None:
    """One whose entry is committed already leaves, although later entries are not; another waits."""
    member = a_member(log)
    member.inbox.append(says(logs=True))
    assert told(log, member) == []
    log.hold_commits()
    member.inbox += [says(1, index=1, logs=True), says(2, index=2)]
    assert told(log, member) == [1]
    log.commit_up_to(1, 2)
    assert told(log, member) == [2]


def test_sends_keep_their_order(log: MemoryLog) -> None:
    """Sends of one member leave in the order in which they were decided, over turns."""
    member = a_member(log)
    log.hold_commits()
    for number in range(0, 12, 3):
        member.inbox += [says(number, number + 1, logs=number % 2 == 0), says(number + 2)]
        assert told(log, member) == []
    log.release_commits()
    assert told(log, member) == list(range(12))


def test_a_failed_sync_releases_nothing(log: MemoryLog) -> None:
    """It raises, so that the process ends; not even what promises nothing has left."""
    member = a_member(log)
    member.inbox += [says(1, logs=True), at_once(2)]
    log.fail_syncs()
    with pytest.raises(LogFailed):
        turn([member], NOW, log)
    with pytest.raises(LogFailed):
        turn([member], NOW, log)


def test_all_members_share_one_sync(log: MemoryLog) -> None:
    """The entries of all shards become durable at once, and each shard's sends wait for its own."""
    members = [a_member(log, group) for group in (1, 2, 3)]
    for number, member in enumerate(members):
        member.inbox.append(says(number, logs=True))
    log.hold_commits()
    assert told(log, *members) == []
    assert log.syncs == 1
    log.commit_up_to(2, 1)
    assert told(log, *members) == [1]
    log.release_commits()
    assert told(log, *members) == [0, 2]


def test_a_turn_appends_one_entry_a_member(log: MemoryLog) -> None:
    """What all events of a turn decide stands in one entry, stamped with the turn's wall clock."""
    member = a_member(log)
    member.inbox += [says(logs=True), says(logs=True)]
    told(log, member)
    (record,) = log.read(1, 1, 1)
    assert decode_entry(record.blob) == Entry(1, NOW.wall_ms, [[NOOP], [NOOP]])


def test_only_the_last_event_may_seal_an_entry(log: MemoryLog) -> None:
    """A machine that seals early is caught."""

    class Hasty(Puppet):
        def handle(self, event: Any, now: Now) -> Effects:
            return Effects(entry=Entry(1, 0, [[NOOP]]))

    log.campaign(1)
    member = Member(1, Hasty(), MemoryStore())
    member.inbox.append("event")
    with pytest.raises(AssertionError, match="only the last event"):
        turn([member], NOW, log)


def test_a_member_without_work_is_left_alone(log: MemoryLog) -> None:
    """Its machine hears nothing, not even a Wake, until it has events or its time has come."""
    member = a_member(log)
    assert told(log, member) == []
    assert member.machine.heard == []
    member.machine.wake_ns = NOW.elapsed_ns + 1
    assert not member.has_work(NOW)
    member.machine.wake_ns = NOW.elapsed_ns
    assert member.has_work(NOW)
    told(log, member)
    assert member.machine.heard == [Wake()]


def test_the_wake_comes_last(log: MemoryLog) -> None:
    """A turn's events come in order, then one Wake."""
    member = a_member(log)
    received = Received(PEER, HelloNeeded(1, 1))
    member.inbox += [received, received]
    told(log, member)
    assert member.machine.heard == [received, received, Wake()]
    assert member.inbox == []


def test_only_what_is_committed_is_applied(log: MemoryLog) -> None:
    """Rows never run ahead of the log, and the machine hears how far they are."""
    member = a_member(log)
    log.hold_commits()
    for _ in range(3):
        member.inbox.append(says(logs=True))
        told(log, member)
    assert len(member.unapplied) == 3
    assert catch_up(member, log)
    assert member.store.applied == 0
    log.commit_up_to(1, 2)
    assert catch_up(member, log)
    assert member.store.applied == 2
    assert member.inbox == [Applied(2, 0)]
    assert len(member.unapplied) == 1


def test_a_locked_store_is_tried_again(log: MemoryLog) -> None:
    """Nothing is lost while somebody else holds the lock, and nothing is told to the machine."""
    store = MemoryStore()
    member = a_member(log, store=store)
    store.locked = True
    for _ in range(2):
        member.inbox.append(says(logs=True))
        told(log, member)
        assert not catch_up(member, log)
        assert member.inbox == []
    store.locked = False
    assert catch_up(member, log)
    assert store.applied == 2
    assert member.inbox == [Applied(2, 0)]


def test_a_long_lag_is_caught_up_in_parts(log: MemoryLog) -> None:
    """One transaction is bounded; the next call goes on where it ended."""
    member = a_member(log)
    for _ in range(APPLY_ENTRIES_MAX + 1):
        member.inbox.append(says(logs=True))
        told(log, member)
    assert catch_up(member, log)
    assert member.store.applied == APPLY_ENTRIES_MAX
    assert catch_up(member, log)
    assert member.inbox == [Applied(APPLY_ENTRIES_MAX, 0), Applied(APPLY_ENTRIES_MAX + 1, 0)]
    assert not member.unapplied


def test_answers_come_behind_the_news(log: MemoryLog) -> None:
    """A read is answered as of what was applied, and the machine hears of that first."""
    member = a_member(log)
    read = ReadExpired(10, 10)
    member.inbox.append(Effects(reads=[read], entry=Entry(0, 0, [[NOOP]])))
    told(log, member)
    catch_up(member, log)
    answer_reads(member)
    assert member.inbox == [Applied(1, 0), Answer(read, [], 1)]
    answer_reads(member)
    assert len(member.inbox) == 2, "a read is answered once"


def test_a_refused_listing_is_answered_with_the_fault(log: MemoryLog) -> None:
    """The store's ValueError reaches the machine as a single text."""
    member = a_member(log)
    member.reads.append(ReadListing("nonsense", {}))
    answer_reads(member)
    (answer,) = member.inbox
    assert len(answer.rows) == 1
    assert "nonsense" in answer.rows[0]


def test_acts_are_kept_for_the_shell(log: MemoryLog) -> None:
    """A turn collects what the machine asks of its shell."""
    member = a_member(log)
    member.inbox += [Effects(acts=["a"]), Effects(acts=["b"])]
    told(log, member)
    assert member.acts == ["a", "b"]


def test_applying_a_log_again_gives_the_same_rows(log: MemoryLog) -> None:
    """Entries that the store has are passed over, so a replay after a crash may begin anywhere before."""
    store = MemoryStore()
    member = a_member(log, store=store)
    for _ in range(4):
        member.inbox.append(says(logs=True))
        told(log, member)
    entries = list(member.unapplied)
    catch_up(member, log)
    assert store.apply(entries)
    assert store.apply(entries[2:])
    assert store.applied == 4


def test_a_gap_is_no_replay() -> None:
    """An entry that does not follow is a fault, not a loss."""
    with pytest.raises(AssertionError, match="does not follow"):
        MemoryStore().apply([(2, Entry(1, 1, [[CANCEL, []]]))])


def test_a_machine_without_a_log_says_all_at_once() -> None:
    """`step` gives urgent sends and sends of each event in order, and the acts beside."""
    machine = Puppet()
    both = Effects(urgent=at_once(1).urgent, sends=says(2).sends, acts=["act"])
    sends, acts = step(machine, [both, says(3)], NOW)
    assert [number_of(send.message) for send in sends] == [1, 2, 3]
    assert acts == ["act"]
    assert machine.heard[-1] == Wake()
    with pytest.raises(AssertionError, match="without a log"):
        step(machine, [says(logs=True)], NOW)


def test_large_answers_come_in_portions(log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """What clients ask for at once is not all read into memory at once; nothing of it is forgotten."""
    member = a_member(log)
    reads = [ReadListing("tasks", {}, number) for number in range(3)]
    member.reads += reads
    monkeypatch.setattr(member.store, "read", lambda _read: [["name"], [["x" * ANSWER_CHARS_MAX]], False])
    for number in range(3):
        answer_reads(member)
        assert [event.read for event in member.inbox] == reads[: number + 1]
    assert member.reads == []
