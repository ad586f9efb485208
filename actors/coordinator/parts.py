"""Requests about schedules that come in parts or more than once, and their answers.

Decides how long an unfinished list is kept, and that a request that comes again gets the answer that it got. Both are
soft: after a restart a client sends all parts again, and to define the same twice changes nothing.
"""

from typing import TypeVar

from ...broker.wire.messages import ScheduleChanged, ScheduleSet
from ..effects import Peer
from ..limits import SCHEDULE_PARTS_MAX, SCHEDULES_MAX
from ..schedules.changes import Change
from .state import ShardState

T = TypeVar("T")

_LISTS_MAX = 64
_ANSWERS_MAX = 256
_CHANGES_MAX = 50_000
"""Rows of one answer; the last of a longer one, which say that nothing is different, are left out."""


def fault(message: ScheduleSet) -> str | None:
    """Returns what is wrong with the numbers of a part, or None."""
    if not 1 <= message.part <= message.parts <= SCHEDULE_PARTS_MAX:
        return f"part {message.part} of {message.parts} is none; parts count from 1 to at most {SCHEDULE_PARTS_MAX}"
    return None


def gathered(state: ShardState, peer: Peer, message: ScheduleSet, items: list[T]) -> list[T] | None:
    """Returns what was made of all parts of a list once its last one is there, None before."""
    if message.parts == 1:
        return items
    key = (peer, message.request)
    lists = state.schedule_parts
    if key not in lists and len(lists) >= _LISTS_MAX:
        lists.pop(next(iter(lists)))  # the oldest: its client sends it again if it still wants an answer
    found = lists.setdefault(key, {})
    found[message.part] = items
    if sum(map(len, found.values())) > SCHEDULES_MAX:
        del lists[key]
        state.refuse(peer, message.request, "too_many_schedules", f"a list has at most {SCHEDULES_MAX} schedules")
        return None
    if len(found) < message.parts:
        return None
    del lists[key]
    return [item for part in sorted(found) for item in found[part]]


def drop(state: ShardState, peer: Peer, request: int) -> None:
    """Forgets the parts of a list of which one cannot be taken."""
    state.schedule_parts.pop((peer, request), None)


def repeated(state: ShardState, peer: Peer, request: int) -> bool:
    """Answers a request again that was answered; returns whether it was."""
    known = state.schedule_answers.get((peer, request))
    if known is not None:
        state.send(peer, known)
    return known is not None


def answer(state: ShardState, peer: Peer, request: int, changes: list[Change]) -> None:
    """Answers a request, once all that was decided is durable."""
    rows = [list(change) for change in changes[:_CHANGES_MAX]]
    message = ScheduleChanged(state.shard, request, rows)
    answers = state.schedule_answers
    if len(answers) >= _ANSWERS_MAX:
        answers.pop(next(iter(answers)))
    answers[peer, request] = message
    state.send(peer, message)
