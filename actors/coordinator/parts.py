"""Requests about schedules that come in parts or more than once, and their answers.

Decides how long an unfinished list is kept, and that a request that comes again gets the answer that it got. Both are
soft: after a restart a client sends all parts again, and to define the same twice changes nothing.
"""

from typing import Any, TypeVar

from ...broker.wire.limits import BATCH_BYTES_MAX, BATCH_JOBS_MAX
from ...broker.wire.messages import ScheduleChanged, ScheduleSet
from ..effects import Peer
from ..limits import SCHEDULE_PARTS_MAX, SCHEDULES_MAX
from ..schedules.changes import Change
from .state import ShardState

T = TypeVar("T")

_LISTS_MAX = 8
_ANSWERS_MAX = 256
_ANSWERS_ROWS_MAX = 100_000
"""Rows of all answers that are kept, the newest apart."""
CHANGES_BYTES_MAX = 2 * BATCH_BYTES_MAX
"""What the rows of one answer may take, with room for numbers and the like, so that it fits a frame. The last rows of a
longer one, those that say that nothing is different, are left out.
"""


def fault(message: ScheduleSet) -> str | None:
    """Returns what is wrong with the numbers or the size of a part, or None."""
    if not 1 <= message.part <= message.parts <= SCHEDULE_PARTS_MAX:
        return f"part {message.part} of {message.parts} is none; parts count from 1 to at most {SCHEDULE_PARTS_MAX}"
    if len(message.schedules) > BATCH_JOBS_MAX:
        return f"a part has {len(message.schedules)} schedules; at most {BATCH_JOBS_MAX} are taken, send more parts"
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


def held(state: ShardState, peer: Peer, message: ScheduleSet) -> bool:
    """Says whether a part of an unfinished list is here already."""
    return message.part in state.schedule_parts.get((peer, message.request), ())


def drop(state: ShardState, peer: Peer, request: int) -> None:
    """Forgets the parts of a list of which one cannot be taken."""
    state.schedule_parts.pop((peer, request), None)


def repeated(state: ShardState, peer: Peer, request: int, *, is_asked: bool = True) -> bool:
    """Answers a request again that was answered, if it is asked for (by the last part); returns whether it was."""
    known = state.schedule_answers.get((peer, request))
    if known is not None and is_asked:
        state.send(peer, known)
    return known is not None


def answer(state: ShardState, peer: Peer, request: int, changes: list[Change]) -> None:
    """Answers a request, once all that was decided is durable."""
    message = ScheduleChanged(state.shard, request, _rows(changes))
    answers = state.schedule_answers
    kept = sum(len(known.changes) for known in answers.values())
    while len(answers) >= _ANSWERS_MAX or kept > _ANSWERS_ROWS_MAX:
        kept -= len(answers.pop(next(iter(answers))).changes)
    answers[peer, request] = message
    state.send(peer, message)


def _rows(changes: list[Change]) -> list[list[Any]]:
    """Returns as many rows as an answer takes."""
    rows: list[list[Any]] = []
    size = 0
    for change in changes:
        texts = [change.tenant, change.name, *(text for field in change.fields for text in field if text is not None)]
        size += sum(len(text) if text.isascii() else 4 * len(text) for text in texts) + 8 * len(texts)
        if size > CHANGES_BYTES_MAX:
            break
        rows.append(list(change))
    return rows
