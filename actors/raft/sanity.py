"""What another member may say at all: numbers, rows and claims that no sound member would send are not heard.

Decides what is dropped, and counted, before any rule of Raft looks at a message: it bounds what a stranger who knows
the cluster's id, or a member that is broken, can do to this process, which is neither to end it nor to spoil what it
keeps. It says nothing of lies that a sound member could tell. The codec has seen to the fields' types. It must not
change the state.
"""

import re
from collections.abc import Callable
from typing import Any, cast

from ...broker.wire.fields import Row
from ...broker.wire.messages import (
    Append,
    Appended,
    Message,
    PreVote,
    PreVoted,
    SnapshotChunk,
    SnapshotOffer,
    SnapshotTaken,
    TimeoutNow,
    Vote,
    Voted,
)
from ...broker.wire.packing import unpack_foreign
from ..entries import ENGINE_MARK
from .hard_state import UNKNOWN_DEBT
from .members import NAME, voters_of
from .state import GroupState

TERMS_AHEAD_MAX = 1 << 24
"""How far a term may be ahead of this member's. Four elections a second, without a pause, make so many in 48 days; the
greatest number that there is would end all elections for ever.
"""

INDEX_MAX = UNKNOWN_DEBT - 1
"""The last entry that there could be."""

MARK_VALUES_MAX = 100_000
"""Most values in one entry of the engine's own."""

_SHA256 = re.compile("[0-9a-f]{64}")
_ROW = [str, str, str, int]
_IMPOSSIBLE = "a number in it cannot be"
_DIFFERS = "it differs from what is committed here"

assert TERMS_AHEAD_MAX >= 1 << 20, "a member may have been away for long"


def fault(state: GroupState, sender: str, message: Any) -> str | None:
    """Returns why a message is not heard; None if it is."""
    if not 0 <= message.term <= state.term + TERMS_AHEAD_MAX:
        return f"term {message.term} cannot be, in term {state.term}"
    return _LOOKS[cast("type[Message]", type(message))](state, sender, message)


def _is_of_another(state: GroupState, sender: str, term: int) -> bool:
    """Says whether somebody else leads in the term in which this one pretends to."""
    return term == state.term and (state.leading is not None or state.leader not in (None, sender))


def _append_fault(state: GroupState, sender: str, message: Append) -> str | None:
    prev, count = message.prev_index, len(message.entries)
    if min(prev, message.prev_term, message.commit, message.round, message.match) < 0:
        return _IMPOSSIBLE
    if max(prev + count, message.commit, message.match) > INDEX_MAX or message.prev_term > message.term:
        return _IMPOSSIBLE
    found = _entries_fault(message) if count else None
    if found is None and message.term >= state.term:
        found = "another one leads in this term" if _is_of_another(state, sender, message.term) else None
        found = found or _history_fault(state, message)
    return found


def _entries_fault(message: Append) -> str | None:
    before = message.prev_term
    for row in message.entries:
        if len(row) != 2 or type(row[0]) is not int or type(row[1]) is not bytes:
            return "entries are rows [term, blob]"
        term, blob = row
        if not before <= term <= message.term:
            return f"an entry of term {term} follows one of term {before}"
        before = term
        if blob[:1] == ENGINE_MARK and (found := _mark_fault(blob)) is not None:
            return found
    return None


def _mark_fault(blob: bytes) -> str | None:
    """Returns what is wrong with an entry of the engine's own."""
    try:
        values: Any = unpack_foreign(blob[1:], MARK_VALUES_MAX)
    except ValueError:
        return "an entry of the engine's own cannot be read"
    if type(values) is not list or not values:
        return "an entry of the engine's own is a list that says of what kind it is"
    kind, *rest = cast("list[Any]", values)
    if kind == "members" and (len(rest) != 1 or (_rows_fault(rest[0]) or not voters_of(rest[0]))):
        return "nobody can count by these members"
    return None


def _rows_fault(rows: Any) -> str | None:
    """Returns what is wrong with the rows that say who the members are."""
    if type(rows) is not list:
        return "members are rows"
    found = cast("list[Row]", rows)
    if any(type(row) is not list or list(map(type, row)) != _ROW for row in found):
        return "members are rows of name, two endpoints and whether it votes"
    names = [row[NAME] for row in found]
    return None if all(names) and len(set(names)) == len(names) else "each member needs a name of its own"


def _history_fault(state: GroupState, message: Append) -> str | None:
    """Returns whether an Append of a leader that is to be followed contradicts what can never change again."""
    log, prev, entries = state.log, message.prev_index, message.entries
    if prev <= log.base <= prev + len(entries):
        term = message.prev_term if prev == log.base else entries[log.base - prev - 1][0]
        if term != log.base_term:
            return _DIFFERS
    if log.base < prev <= state.commit and log.term_at(prev) != message.prev_term:
        return _DIFFERS
    for index in range(max(prev, log.base) + 1, min(prev + len(entries), state.commit) + 1):
        if log.term_at(index) != entries[index - prev - 1][0]:
            return _DIFFERS
    coming = state.receiving
    if coming is not None and coming.is_whole and prev < coming.index <= prev + len(entries):
        return _DIFFERS if entries[coming.index - prev - 1][0] != coming.index_term else None
    return None


def _offer_fault(state: GroupState, sender: str, message: SnapshotOffer) -> str | None:
    if not (0 <= message.index <= INDEX_MAX and 0 <= message.index_term <= message.term and message.size_bytes >= 0):
        return _IMPOSSIBLE
    if _SHA256.fullmatch(message.sha256) is None:
        return "a hash is 64 digits"
    if _is_of_another(state, sender, message.term):
        return "another one leads in this term"
    return _rows_fault(message.members)


def _chunk_fault(state: GroupState, sender: str, message: SnapshotChunk) -> str | None:
    if message.offset < 0:
        return _IMPOSSIBLE
    return "another one leads in this term" if _is_of_another(state, sender, message.term) else None


def _taken_fault(_state: GroupState, _sender: str, message: SnapshotTaken) -> str | None:
    return _IMPOSSIBLE if message.offset < 0 else None


def _appended_fault(_state: GroupState, _sender: str, message: Appended) -> str | None:
    return _IMPOSSIBLE if min(message.index, message.round) < 0 else None


def _asked_fault(_state: GroupState, _sender: str, message: Vote | PreVote) -> str | None:
    return _IMPOSSIBLE if min(message.last_index, message.last_term) < 0 else None


def _promised_fault(state: GroupState, _sender: str, message: PreVoted) -> str | None:
    return None if 0 <= message.own_term <= state.term + TERMS_AHEAD_MAX else f"term {message.own_term} cannot be"


def _none(_state: GroupState, _sender: str, _message: Voted | TimeoutNow) -> str | None:
    return None


_LOOKS: dict[type[Message], Callable[[GroupState, str, Any], str | None]] = {
    Append: _append_fault,
    Appended: _appended_fault,
    PreVote: _asked_fault,
    PreVoted: _promised_fault,
    SnapshotChunk: _chunk_fault,
    SnapshotOffer: _offer_fault,
    SnapshotTaken: _taken_fault,
    TimeoutNow: _none,
    Vote: _asked_fault,
    Voted: _none,
}
