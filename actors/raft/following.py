"""A follower and its leader's Appends.

Decides what of an Append is new, where the logs part, and what is answered: the last entry that this message spoke of,
never this log's own last one. Entries are cut away only from the first that differs, and never a committed one. An
answer leaves when what it says is durable. Rule: Ongaro (2014), 3.5.
"""

from ...broker.wire.messages import Append, Appended
from ..machine import Now
from .election import hear_leader
from .hard_state import UNKNOWN_DEBT
from .members import members_in
from .news import MembersChanged
from .state import GroupState


def on_append(state: GroupState, sender: str, message: Append, now: Now) -> None:
    """The leader of the present term has sent entries, or a heartbeat."""
    assert message.term == state.term, (message.term, state.term)
    hear_leader(state, sender, now)
    log = state.log
    if message.match > max(log.last, state.debt):
        # It was told so in this term, in which nothing is ever cut away again: this disk has lost entries.
        state.debt = message.match
        state.save()
    prev = message.prev_index
    if prev > log.last:
        _refuse(state, sender, message, log.last)
        return
    if prev > log.base and log.term_at(prev) != message.prev_term:
        assert prev > state.commit, f"committed entry {prev} differs from the leader's"
        _refuse(state, sender, message, max(state.commit, log.run_first(prev) - 1))
        return
    if state.debt == UNKNOWN_DEBT and log.last == 0 and not _begins(state, sender, message):
        _accept(state, sender, message, prev)
        return
    if message.entries:
        _take(state, message)
    checked = prev + len(message.entries)
    state.commit = max(state.commit, min(message.commit, checked))
    if state.debt == UNKNOWN_DEBT and message.commit <= checked and log.term_at(message.commit) == state.term:
        # An entry of this leader's own is committed, and so is whatever this member may have helped to commit before.
        state.debt = max(message.commit, message.match)
        state.save()
    _accept(state, sender, message, checked)


def _begins(state: GroupState, sender: str, message: Append) -> bool:
    """Says whether a member with an empty log and an unknown debt takes entries from this leader, or waits.

    Whoever voted for it in this term did so because neither held anything: the group begins, and there is no debt. The
    others wait until something is committed. Else, if the first leader started again before that, some would hold an
    entry and yet have no vote, the rest would hold none and refuse whoever does, and nobody would ever be elected.
    """
    if state.vote == sender:
        state.debt = message.match
        state.save()
        return True
    return message.commit > 0


def _take(state: GroupState, message: Append) -> None:
    """Puts what is new into the log, and cuts away what differs."""
    log, entries = state.log, message.entries
    index = message.prev_index
    known = 0
    if index < log.last:
        for term, _ in entries:
            if index + 1 > log.last:
                break
            if index + 1 > log.base and log.term_at(index + 1) != term:
                cut(state, index + 1)
                break
            index += 1
            known += 1
    for term, blob in entries[known:] if known else entries:
        index = log.put(term, blob)
        rows = members_in(blob)
        if rows is not None:
            state.change_members(index, rows)
            state.news.append(MembersChanged(state.group, rows, 0))


def cut(state: GroupState, first: int) -> None:
    """Takes away the entries from `first` on, which differ from what was committed in their place, or may be."""
    assert first > state.commit, f"entry {first} is committed, and differs from the leader's"
    state.log.cut(first)
    if state.members.cut(first):
        state.save()
        state.news.append(MembersChanged(state.group, state.members.rows, 0))


def _accept(state: GroupState, leader: str, message: Append, checked: int) -> None:
    """Answers; what is answered to one leader in one turn is one answer."""
    if state.late:
        before = state.late[-1].message
        is_to_it = state.late[-1].peer == leader.encode()
        if is_to_it and type(before) is Appended and before.is_ok and before.term == state.term:
            before.index = max(before.index, checked)
            before.round = max(before.round, message.round)
            return
    state.promise(leader, Appended(state.group, state.term, message.round, checked, True))


def _refuse(state: GroupState, leader: str, message: Append, hint: int) -> None:
    assert hint < message.prev_index, "a refusal leads the leader back"
    state.promise(leader, Appended(state.group, state.term, message.round, hint, False))


def refuse_stale(state: GroupState, sender: str, message: Append) -> None:
    """Tells the leader of an earlier term that it is deposed."""
    assert message.term < state.term, (message.term, state.term)
    state.promise(sender, Appended(state.group, state.term, message.round, 0, False))
