"""Planted bugs of the raft engine: each takes one rule away for a while, and bag, timed runs or scripts must notice.

Decides what is broken and how; a mutant that survives shows a hole in the witness or in the weather. They are put in at
run time, so nothing of them is in the engine.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...actors.raft import commit, election, following, group, start
from ...actors.raft.members import Members
from ...actors.raft.state import GroupState
from ...broker.wire.messages import Appended, PreVote, Voted
from ..mutant import Function, Mutant
from .run import Report, run_bag, run_script, run_timed
from .scripts import SCRIPTS, TIMED_SCRIPTS


@contextmanager
def planted(name: str) -> Generator[None]:
    """Breaks what a mutant breaks, for a while."""
    mutant = MUTANTS[name]
    table: Mapping[str, Any] = mutant.owner.__dict__
    before = table[mutant.function]
    setattr(mutant.owner, mutant.function, mutant.make(before))
    try:
        yield
    finally:
        setattr(mutant.owner, mutant.function, before)


def killed_by(name: str, bags: Iterable[int], times: Iterable[int]) -> Report | None:
    """Returns the first failing run of a mutant, None if it survives all scripts and these seeds."""
    with planted(name):
        for report in _runs(bags, times):
            if report.violation is not None:
                return report
    return None


def _runs(bags: Iterable[int], times: Iterable[int]) -> Iterator[Report]:
    """Yields runs, the quick ones first."""
    yield from (run_script(name) for name in SCRIPTS if name not in TIMED_SCRIPTS)
    yield from map(run_bag, bags)
    yield from map(run_script, TIMED_SCRIPTS)
    yield from map(run_timed, times)


def _term_lost(true: Function) -> Function:
    def broken(data: bytes) -> Any:
        hard = true(data)
        return None if hard is None else hard._replace(term=0, vote=None)

    return broken


def _vote_lost(true: Function) -> Function:
    def broken(data: bytes) -> Any:
        hard = true(data)
        return None if hard is None else hard._replace(vote=None)

    return broken


def _always_cut(true: Function) -> Function:
    def broken(state: Any, message: Any) -> None:
        if message.prev_index < state.log.last:
            state.log.cut(message.prev_index + 1)
            state.members.cut(message.prev_index + 1)
        true(state, message)

    return broken


class _Eager:
    """A log that takes what was written for durable."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def __getattr__(self, name: str) -> Any:
        return self._log.last if name == "synced" else getattr(self._log, name)


def _self_unsynced(true: Function) -> Function:
    def broken(state: Any, now: Any) -> None:
        log = state.log
        state.log = _Eager(log)
        try:
            true(state, now)
        finally:
            state.log = log

    return broken


def _ack_unsynced(true: Function) -> Function:
    def broken(state: Any, name: str, message: Any) -> None:
        if type(message) is Appended:
            state.say(name, message)
        else:
            true(state, name, message)

    return broken


def _always(_true: Function) -> Function:
    return lambda *_values: True


def _never(_true: Function) -> Function:
    return lambda *_values: False


def _votes_counted(true: Function) -> Function:
    def broken(state: Any, sender: str, message: Any, now: Any) -> None:
        if type(message) is Voted and message.is_granted and sender in state.votes:
            sender = next(iter(sorted(state.members.voters - state.votes)), sender)
        true(state, sender, message, now)

    return broken


def _older_counted(true: Function) -> Function:
    def broken(state: Any, now: Any) -> None:
        followers, synced = state.leading.followers, state.log.synced

        def held_by(name: str) -> int:
            return followers[name].match if name in followers else synced

        held = state.members.agreed(held_by)
        if held < state.leading.first:
            state.commit = max(state.commit, held)
        true(state, now)

    return broken


def _old_answers(true: Function) -> Function:
    def broken(state: Any, sender: str, message: Any, now: Any) -> None:
        if type(message) is Appended and message.term < state.term:
            message.term = state.term
        true(state, sender, message, now)

    return broken


def _old_votes(true: Function) -> Function:
    def broken(state: Any, sender: str, message: Any, now: Any) -> None:
        if type(message) is Voted and message.term < state.term:
            message.term = state.term
        true(state, sender, message, now)

    return broken


def _vote_unsynced(true: Function) -> Function:
    def broken(state: Any, name: str, message: Any) -> None:
        if type(message) is Voted:
            state.say(name, message)
        else:
            true(state, name, message)

    return broken


def _last_acked(true: Function) -> Function:
    def broken(state: Any, leader: str, message: Any, _checked: int) -> None:
        true(state, leader, message, state.log.last)

    return broken


def _commit_unchecked(true: Function) -> Function:
    def broken(state: Any, leader: str, message: Any, checked: int) -> None:
        state.commit = max(state.commit, min(message.commit, state.log.last))
        true(state, leader, message, checked)

    return broken


def _changes_overlap(_true: Function) -> Any:
    return property(lambda _members: 0)


def _asks_anyway(true: Function) -> Function:
    def broken(state: Any, sender: str, message: Any, now: Any) -> None:
        heard_ns, leading = state.heard_ns, state.leading
        state.heard_ns = state.leading = None
        try:
            true(state, sender, message, now)
        finally:
            state.heard_ns, state.leading = heard_ns, leading

    return broken


def _asking_counts(true: Function) -> Function:
    def broken(state: Any, sender: str, message: Any, now: Any) -> None:
        if type(message) is PreVote and message.term > state.term:
            state.adopt_term(message.term, now)
        true(state, sender, message, now)

    return broken


def _learners_counted(_true: Function) -> Function:
    def broken(members: Any, value_of: Callable[[str], int]) -> int:
        values: list[int] = sorted(map(value_of, members.names), reverse=True)
        return values[len(members.voters) // 2]

    return broken


def _not_behind(_true: Function) -> Any:
    return property(lambda _state: False)


def _no_debt(_true: Function) -> Any:
    return 0


def _takes_anyway(true: Function) -> Function:
    def broken(state: Any, sender: str, message: Any) -> bool:
        true(state, sender, message)
        return True

    return broken


def _new_votes(_true: Function) -> Function:
    def broken(state: Any, _last_index: int) -> bool:
        return state.is_new or not state.is_behind

    return broken


def _electors_wait(_true: Function) -> Function:
    def broken(_state: Any, _sender: str, message: Any) -> bool:
        return message.commit > 0

    return broken


def _old_round(true: Function) -> Function:
    def broken(state: Any) -> int:
        true(state)
        return state.round

    return broken


MUTANTS: dict[str, Mutant] = {
    "term_lost": Mutant("a restart forgets term and vote", start, "decode_state", _term_lost),
    "vote_lost": Mutant("a restart forgets the vote", start, "decode_state", _vote_lost),
    "always_cut": Mutant("an Append cuts away whatever it does not speak of", following, "_take", _always_cut),
    "self_unsynced": Mutant("a leader counts itself before its fsync", commit, "advance", _self_unsynced),
    "ack_unsynced": Mutant("a follower acknowledges before its fsync", GroupState, "promise", _ack_unsynced),
    "no_log_check": Mutant("a vote goes to whoever asks first", election, "is_up_to_date", _always),
    "votes_counted": Mutant("a vote that comes twice counts twice", group, "received", _votes_counted),
    "older_counted": Mutant("an entry of an older term is committed by count", commit, "advance", _older_counted),
    "old_answers": Mutant("an answer of an older term counts", group, "received", _old_answers),
    "old_votes": Mutant("a vote of an older term counts", group, "received", _old_votes),
    "vote_unsynced": Mutant("a vote leaves before its fsync", GroupState, "promise", _vote_unsynced),
    "last_acked": Mutant("a follower acknowledges its own last entry", following, "_accept", _last_acked),
    "commit_unchecked": Mutant("what an Append did not compare is committed", following, "_accept", _commit_unchecked),
    "changes_overlap": Mutant("members change while a change is under way", Members, "index", _changes_overlap),
    "no_stickiness": Mutant("whoever hears a leader helps to elect another", election, "is_sticky", _never),
    "asks_anyway": Mutant("a pre-vote is granted in spite of a live leader", election, "on_pre_vote", _asks_anyway),
    "asking_counts": Mutant("a pre-vote changes the term", group, "received", _asking_counts),
    "learners_counted": Mutant("a quorum has learners in it", Members, "agreed", _learners_counted),
    "not_behind": Mutant("a member that has lost entries votes", GroupState, "is_behind", _not_behind),
    "empty_votes": Mutant("a member that comes with an empty disk votes", start, "UNKNOWN_DEBT", _no_debt),
    "new_votes": Mutant("an empty disk votes for whoever asks", election, "_may_vote", _new_votes),
    "takes_anyway": Mutant("an empty disk takes what is not committed", following, "_begins", _takes_anyway),
    "electors_wait": Mutant("nobody takes the first entry of all", following, "_begins", _electors_wait),
    "old_round": Mutant("a read is confirmed by an earlier round", commit, "begin_round", _old_round),
}
