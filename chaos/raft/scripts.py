"""The few cases that chance hardly meets, each played out on a stage.

Decides what happens, step by step; what must not come of it the witness knows, or the script says. Rules: Ongaro
(2014), figure 3.7 (an entry of an older term), 3.6.2, 4.2.1 (learners), 6.4 (reads), 9.6 (pre-vote).
"""

from collections.abc import Callable
from typing import Any

from ...broker.wire.messages import Append, Appended, PreVote, PreVoted, Vote, Voted
from .cluster import row_of
from .options import Options
from .shard import Shard
from .stage import Stage
from .timed import Timed
from .weather import CALM, SECOND
from .witness import Violation


def figure_eight() -> None:
    """An entry of an older term reaches a quorum, and a leader that lacks it is elected after all."""
    stage = Stage(5, append_bytes=1)
    first = stage.elect("n0", stage.members)
    stage.say(first, b"older")
    stage.flow(("n0", "n1"))
    stage.crash(first)
    stage.elect("n4", ("n2", "n3", "n4"), _no_entries)
    stage.crash(stage.members["n4"])
    stage.start(first)

    def up_to_the_older(_sender: str, to: str, message: Any) -> bool:
        if type(message) is not Append:
            return True
        held = stage.members[to].log.last_index(1)
        return to in ("n1", "n2") and (held < 2 or message.prev_index + len(message.entries) <= 2)

    stage.elect("n0", ("n0", "n1", "n2", "n3"), up_to_the_older)
    stage.at_ns += SECOND
    stage.turn(first, wakes=True)
    stage.flow(("n0", "n1", "n2"), up_to_the_older)
    assert stage.members["n2"].log.last_index(1) == 2, "the older entry is on three disks"
    stage.crash(first)
    stage.start(stage.members["n4"])
    stage.elect("n4", ("n1", "n2", "n3", "n4"))


def _no_entries(_sender: str, _to: str, message: Any) -> bool:
    return type(message) is not Append


def late_answers() -> None:
    """A leader loses what it sent ahead of its own fsync, leads again, and hears an answer to what it has lost."""
    stage = Stage()
    leader = stage.elect("n0", stage.members)
    for _ in range(3):
        leader.log.append(1, b"lost")
    stage.carry("n0", leader.think(stage.now_of("n0"), wakes=False))
    follower = stage.members["n1"]
    follower.inbox.extend(stage.heard("n1"))
    stage.said.clear()
    stage.turn(follower)
    late = stage.heard("n0")
    assert any(type(message) is Appended and message.is_ok for _, message in late), "the entries have arrived"
    stage.crash(leader)
    stage.start(leader)
    stage.elect("n0", ("n0", "n2"), _no_entries)
    for _ in range(3):
        leader.log.append(1, b"new")
    stage.turn(leader)
    leader.inbox.extend(late)
    stage.turn(leader)
    stage.turn(leader)


def full_disk() -> None:
    """A leader cannot write what it has sent ahead, and one of two followers holds it."""
    stage = Stage()
    leader = stage.elect("n0", stage.members)
    leader.disk.fill_disk()
    stage.say(leader, b"waits")
    stage.flow(("n0", "n1"))
    stage.at_ns += SECOND
    stage.turn(leader, wakes=True)
    stage.flow(("n0", "n1"))


def vote_twice() -> None:
    """One of five votes, its answer comes three times, and the other three elect somebody in the same term."""
    stage = Stage(5)
    stage.at_ns += 20 * SECOND
    asking = stage.members["n0"]
    stage.turn(asking, wakes=True)
    stage.flow(stage.members, lambda _sender, to, message: type(message) is not Vote or to == "n1", rounds=3)
    answers = [(sender, message) for sender, message in stage.heard("n0") if type(message) is Voted]
    assert answers, "n1 has voted"
    asking.inbox.extend(3 * answers)
    stage.turn(asking)
    stage.elect("n4", ("n2", "n3", "n4"))


def vote_after_restart() -> None:
    """A member votes, starts again, and hears another candidate of the same term, who asked before."""
    stage = Stage()
    stage.at_ns += 20 * SECOND
    first, voter, second = stage.members.values()
    stage.turn(first, wakes=True)
    stage.turn(second, wakes=True)
    stage.flow(stage.members, lambda _sender, _to, message: type(message) in (PreVote, PreVoted), rounds=2)
    asked = [(sender, message) for sender, message in stage.heard(voter.name) if type(message) is Vote]
    assert [sender for sender, _ in asked] == [first.name, second.name], "both campaign in one term"
    for candidate, vote in zip((first, second), asked, strict=True):
        stage.said.clear()
        voter.inbox.append(vote)
        stage.turn(voter)
        candidate.inbox.extend(stage.heard(candidate.name))
        stage.turn(candidate)
        stage.crash(voter)
        stage.start(voter)


def old_vote() -> None:
    """A vote of one term arrives in the next one, in which whoever gave it votes for somebody else."""
    stage = Stage()
    stage.at_ns += 20 * SECOND
    asking = stage.members["n0"]
    stage.turn(asking, wakes=True)
    stage.flow(("n0", "n1"), rounds=3)
    late = stage.heard("n0")
    assert any(type(message) is Voted for _, message in late), "n1 has voted"
    stage.said.clear()
    stage.at_ns += 20 * SECOND
    stage.turn(asking, wakes=True)
    stage.flow(("n0", "n1"), lambda _sender, _to, message: type(message) in (PreVote, PreVoted), rounds=2)
    assert asking.log.leader(1)[0] == 2, "n0 campaigns again"
    asking.inbox.extend(late)
    stage.turn(asking)
    stage.elect("n2", ("n1", "n2"))


def two_changes() -> None:
    """A leader that reaches nobody is told to remove both others, one after the other."""
    stage = Stage()
    leader = stage.elect("n0", stage.members)
    stage.flow(stage.members)
    rows = leader.log.members(1)
    assert leader.change(1, rows[:2]), "the leader removes n2"
    leader.change(1, rows[:1])
    stage.turn(leader)
    stage.turn(leader)
    stage.elect("n1", ("n1", "n2"))


def lost_disk() -> None:
    """A disk loses entries that a quorum needs, and its member must not vote before it has them again."""
    stage = Stage()
    leader = stage.elect("n0", stage.members)
    for _ in range(3):
        stage.say(leader, b"committed")
        stage.flow(("n0", "n1"))
    loser = stage.members["n1"]
    stage.crash(loser)
    loser.disk.lose(1, 2)
    stage.start(loser)
    stage.crash(leader)
    stage.ask("n2", ("n1", "n2"))


def empty_disk() -> None:
    """A member comes back with an empty disk, waits to be taken in, and is asked for its vote before it has it all."""
    stage = Stage(append_bytes=1)
    leader = stage.elect("n0", stage.members)
    for _ in range(6):
        stage.say(leader, b"committed")
        stage.flow(("n0", "n1"))
    stage.crash(stage.members["n1"])
    stage.replace("n1")
    stage.start(stage.members["n1"])
    stage.ask("n2", ("n1", "n2"))
    leader.shards[1].checkpoint()
    stage.crash(leader)
    stage.start(leader)

    def one_entry_for_the_new_one(_sender: str, to: str, message: Any) -> bool:
        if type(message) is not Append:
            return True
        is_empty = stage.members["n1"].log.last_index(1) == 0
        return to == "n1" and (is_empty or message.prev_index + len(message.entries) <= 1)

    stage.elect("n0", stage.members, one_entry_for_the_new_one)
    assert stage.members["n1"].log.last_index(1) == 1, "it has the first entry alone"
    stage.crash(leader)
    stage.ask("n2", ("n1", "n2"))


def wiped_disk() -> None:
    """A first member comes back with an empty disk and the settings that it began with, and is asked for its vote."""
    stage = Stage()
    leader = stage.elect("n0", stage.members)
    for _ in range(3):
        stage.say(leader, b"committed")
        stage.flow(("n0", "n1"))
    stage.crash(stage.members["n1"])
    stage.replace("n1", joins=False)
    wiped = stage.members["n1"]
    stage.start(wiped)
    leader.shards[1].checkpoint()
    stage.crash(leader)
    stage.ask("n2", ("n1", "n2"))
    stage.ask("n1", ("n1", "n2"))
    stage.start(leader)
    stage.elect("n0", ("n0", "n2"))
    stage.at_ns += SECOND
    stage.turn(leader, wakes=True)
    stage.flow(stage.members)
    stage.say(leader, b"after it")
    stage.flow(("n0", "n1"))
    stage.turn(leader, wakes=True)
    stage.flow(("n0", "n1"))
    stage.crash(leader)
    stage.ask("n2", ("n1", "n2"))
    stage.elect("n1", ("n1", "n2"))


def first_leader_starts_again() -> None:
    """The first leader of all starts again before anything is committed; the one that voted for it has heard nothing.

    Nothing was acknowledged, and all three are here: somebody must be elected.
    """
    stage = Stage()
    first = stage.ask("n0", ("n0", "n1"))
    assert first.log.leads(1), "n1 has voted for it"
    stage.turn(first, wakes=True)
    stage.flow(("n0", "n2"), lambda _sender, _to, message: type(message) is Append)
    stage.crash(first)
    stage.start(first)
    for _ in range(3):
        for name in stage.members:
            if stage.ask(name, stage.members).log.leads(1):
                return
    raise Violation("groups_recover: all members are here, and nobody is elected")


def regained_disk() -> None:
    """A disk loses entries, gets them again, and has some of them cut for good: its member votes like any other."""
    stage = Stage()
    leader, loser, other = stage.members.values()
    stage.elect("n0", stage.members)
    stage.flow(stage.members)
    leader.disk.fill_disk()
    for _ in range(3):
        stage.say(leader, b"never committed")

    def to_the_loser(_sender: str, to: str, message: Any) -> bool:
        return to == loser.name or message.index < 4

    stage.flow(("n0", "n1"), to_the_loser)
    stage.crash(loser)
    loser.disk.lose(1, 2)
    stage.start(loser)
    for _ in range(3):
        stage.at_ns += SECOND // 10
        stage.turn(leader, wakes=True)
        stage.flow(("n0", "n1"), to_the_loser)
    stage.turn(loser, wakes=True)
    assert loser.log.last_index(1) == 4, "it has them again"
    stage.crash(leader)
    stage.start(leader)
    stage.elect("n0", ("n0", "n2"))
    stage.flow(stage.members)
    stage.at_ns += SECOND // 10
    stage.turn(leader, wakes=True)
    stage.flow(stage.members)
    assert loser.log.last_index(1) == other.log.last_index(1) == 2, "the others were cut"
    stage.crash(leader)
    stage.elect("n2", ("n1", "n2"))


def rolled_back_disk() -> None:
    """A disk is put back to an older state and knows nothing of it; its leader does, and it must not vote."""
    stage = Stage()
    leader = stage.elect("n0", stage.members)
    for _ in range(3):
        stage.say(leader, b"committed")
        stage.flow(("n0", "n1"))
    loser = stage.members["n1"]
    stage.crash(loser)
    loser.disk.lose(1, 2)
    loser.shards[1] = Shard()
    loser.disk.forget_loss(1)
    stage.start(loser)
    stage.at_ns += SECOND
    stage.turn(leader, wakes=True)

    def heartbeats(_sender: str, to: str, message: Any) -> bool:
        return to == "n1" and type(message) is Append and not message.entries

    stage.flow(("n0", "n1"), heartbeats, rounds=1)
    stage.crash(leader)
    stage.ask("n2", ("n1", "n2"))


def stale_read() -> None:
    """A leader that was deposed unawares is asked; its successor has acknowledged something since."""
    stage = Stage()
    old = stage.elect("n0", stage.members)
    stage.flow(stage.members)
    new = stage.elect("n1", ("n1", "n2"))
    for _ in range(3):
        assert new.submit(1, b"news"), "the new leader takes entries"
        stage.turn(new)
        stage.flow(("n1", "n2"))
    assert stage.witness.acked.get(1), "the new leader has acknowledged something"
    assert old.read(1), "the old leader believes that it leads"
    stage.turn(old)
    stage.turn(old)


def learners_do_not_count() -> None:
    """A leader reaches nobody but a member that has still to catch up."""
    stage = Stage(spares=1)
    leader = stage.elect("n0", stage.members)
    stage.flow(stage.members)
    rows = [*leader.log.members(1), row_of("s0", is_voter=False)]
    assert leader.change(1, rows), "the leader takes a learner"
    stage.turn(leader)
    stage.flow(("n0", "n1", "n2"))
    stage.say(leader, b"alone")
    stage.at_ns += SECOND // 10
    stage.turn(leader, wakes=True)
    stage.flow(("n0", "s0"))


def cut_link() -> None:
    """Leader and one follower do not hear each other; the others hear both. Nobody is elected, no term goes up."""
    timed = Timed(Options(1, spares=0), CALM)
    timed.heal(CALM)
    timed.is_busy = False
    timed.pass_time(3 * SECOND)
    (leader,) = timed.leaders(1)
    epoch = leader.log.leader(1)[0]
    other = next(name for name in timed.members if name != leader.name)
    timed.cut(leader.name, other)
    timed.pass_time(20 * SECOND)
    timed.heal(CALM)
    timed.pass_time(25 * SECOND)
    if timed.leaders(1) != [leader] or leader.log.leader(1)[0] != epoch:
        raise Violation(f"leaders_stay: {leader.name} led epoch {epoch}; now it is {leader.log.leader(1)}")


def far_members() -> None:
    """Every message takes half a second, and there is a leader that stays."""
    Timed(Options(3, spares=0), CALM).run_far()


SCRIPTS: dict[str, Callable[[], None]] = {
    script.__name__: script
    for script in (
        figure_eight,
        late_answers,
        full_disk,
        vote_twice,
        vote_after_restart,
        old_vote,
        two_changes,
        lost_disk,
        empty_disk,
        wiped_disk,
        first_leader_starts_again,
        regained_disk,
        rolled_back_disk,
        stale_read,
        learners_do_not_count,
        cut_link,
        far_members,
    )
}
TIMED_SCRIPTS = ("far_members",)
"""Those that take a moment."""
