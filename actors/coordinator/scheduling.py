"""Defining schedules: what a ScheduleSet, or an executor's hello, makes of those that are there.

Decides who is refused and why, what counts as a change, and that a list is taken whole, in one entry, or not at all. An
edit accounts for every instant that has come under the old definition first; the new one holds from then on. Rules:
docs/schedules.md, "Changing a schedule"; docs/promises.md, P4 and P7.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from ...broker.wire.limits import NAME_CHARS_MAX
from ...broker.wire.messages import ExecutorHello, ScheduleSet
from ...broker.wire.routing import shard_for
from ...broker.wire.schedule_rows import schedule_fault
from ..effects import Peer
from ..entries import SCHEDULE, UNSCHEDULE
from ..limits import SCHEDULES_MAX
from ..schedules.changes import Change, change_of, fields_of
from ..schedules.schedule import TIMING, Definition, Schedule
from . import audit, parts
from .definitions import Wanted, definitions, list_fault
from .state import ShardState
from .ticks import Ticks

CODE = "code"
"""The source of what `@task(cron=...)` declares."""


class Plan(NamedTuple):
    """What a list of definitions would change."""

    added: list[Wanted]
    changed: list[tuple[Schedule, Definition]]
    unchanged: list[Schedule]
    removed: list[Schedule]

    def whole(self) -> list[Definition]:
        """Returns the definitions that come or go."""
        return [*(wanted.definition for wanted in self.added), *(schedule.definition for schedule in self.removed)]


def take(state: ShardState, peer: Peer, message: ScheduleSet) -> None:
    """Takes a list of definitions, or a part of one, or refuses it."""
    if parts.repeated(state, peer, message.request, is_asked=message.part == message.parts):
        return
    if parts.held(state, peer, message):
        return
    code, fault = state.standstill, _message_fault(message)
    if code is not None or fault is not None:
        state.refuse(peer, message.request, code or "invalid_schedule", fault or "")
        return
    checked = definitions(state, message.schedules)
    if isinstance(checked, str):
        parts.drop(state, peer, message.request)
        state.refuse(peer, message.request, "invalid_schedule", checked)
        return
    found = parts.gathered(state, peer, message, checked)
    if found is None:
        return  # more of it is to come
    fault = list_fault(found)
    if fault is not None:
        state.refuse(peer, message.request, "invalid_schedule", fault)
        return
    plan = _plan(state, message.source, found, _of_source(state, message.source) if message.is_whole else ())
    if len(state.image.book) + len(plan.added) - len(plan.removed) > SCHEDULES_MAX:
        state.refuse(peer, message.request, "too_many_schedules", f"a shard has at most {SCHEDULES_MAX} schedules")
        return
    changes = _changes(state, plan, message.source)
    if not message.is_dry:
        _write(state, plan, message.source, message.revision)
        audit.changed(state, message.by, message.source, changes, whole=plan.whole())
    parts.answer(state, peer, message.request, changes)


def learn(state: ShardState, peer: Peer, message: ExecutorHello) -> None:
    """Takes what the code of an executor's tasks declares; what an operator has defined by that name stays as it is."""
    if not message.schedules and not any(schedule.source == CODE for schedule in state.image.book.by_number.values()):
        return
    tasks = {row[0] for row in message.tasks}
    found = definitions(state, (row for row in message.schedules if _is_here(state, row)))
    fault = found if isinstance(found, str) else list_fault(found)
    if isinstance(found, str) or fault is not None:
        state.refuse(peer, 0, "invalid_schedule", fault or "")
        return
    book = state.image.book
    mine = [new for new in found if (old := book.find(new.definition)) is None or old.source == CODE]
    known = [schedule for schedule in _of_source(state, CODE) if schedule.definition.task in tasks]
    plan = _plan(state, CODE, mine, known)
    code = "too_many_schedules" if len(book) + len(plan.added) > SCHEDULES_MAX else state.standstill
    if code is not None:
        state.count("schedules_not_learnt")
        state.refuse(peer, 0, code, "what the executor's code declares as schedules is not taken until it comes again")
        return
    changes = _changes(state, plan, CODE)
    _write(state, plan, CODE, "")
    audit.changed(state, f"{message.node}/{message.name}", CODE, changes, whole=plan.whole())


def _is_here(state: ShardState, row: Any) -> bool:
    """Says whether a row of a hello, which goes to every shard, belongs to this one; a broken one is for all."""
    if schedule_fault(row) is not None:
        return True
    return shard_for(row[1], row[2], state.settings.shards) == state.shard


def _of_source(state: ShardState, source: str) -> list[Schedule]:
    book = state.image.book
    return [book.by_number[number] for number in sorted(book.by_number) if book.by_number[number].source == source]


def _message_fault(message: ScheduleSet) -> str | None:
    for name, text in (("by", message.by), ("source", message.source)):
        if not 0 < len(text) <= NAME_CHARS_MAX:
            return f"{name} has {len(text)} characters; it takes 1 to {NAME_CHARS_MAX}"
    if len(message.revision) > NAME_CHARS_MAX:
        return f"revision has {len(message.revision)} characters; it takes at most {NAME_CHARS_MAX}"
    return parts.fault(message)


def _plan(state: ShardState, source: str, found: list[Wanted], known: Iterable[Schedule]) -> Plan:
    """Compares definitions with what is there; of `known`, those that are not named any more are removed."""
    book = state.image.book
    plan = Plan([], [], [], [])
    names = {(definition.tenant, definition.name) for definition, *_ in found}
    for wanted in found:
        definition = wanted.definition
        schedule = book.find(definition)
        if schedule is None:
            plan.added.append(wanted)
            continue
        if definition.paused is None:
            definition = definition._replace(paused=schedule.definition.paused)
        if definition == schedule.definition and source == schedule.source:
            plan.unchanged.append(schedule)
        else:
            plan.changed.append((schedule, definition))
    plan.removed.extend(
        schedule for schedule in known if (schedule.definition.tenant, schedule.definition.name) not in names
    )
    return plan


def _changes(state: ShardState, plan: Plan, source: str) -> list[Change]:
    """Returns what the plan does, what is not there any more or is different first."""
    number = state.image.book.next_number
    return [
        *(change_of(schedule.definition, "removed", schedule.number) for schedule in plan.removed),
        *(change_of(new, "changed", old.number, _fields(old, new, source)) for old, new in plan.changed),
        *(change_of(definition, "added", number + at) for at, (definition, *_) in enumerate(plan.added)),
        *(change_of(schedule.definition, "unchanged", schedule.number) for schedule in plan.unchanged),
    ]


def _fields(old: Schedule, new: Definition, source: str) -> list[list[str | None]]:
    moved: list[list[str | None]] = [["source", old.source, source]] if old.source != source else []
    return moved + fields_of(old.definition, new)


def _write(state: ShardState, plan: Plan, source: str, revision: str) -> None:
    """Writes a plan down: the old definitions are settled first, then one op has all that is new."""
    book, wall_ms = state.image.book, state.now.wall_ms
    remove(state, plan.removed)
    ticks = Ticks(state)
    rows: list[list[Any]] = []
    for schedule, definition in plan.changed:
        settled(ticks, schedule)
        cursor_ms, next_ms = _cursor(schedule, definition, wall_ms)
        rows.append([schedule.number, cursor_ms, next_ms, list(definition)])
    for at, wanted in enumerate(plan.added):
        rows.append([book.next_number + at, wall_ms, wanted.next_at(wall_ms), list(wanted.definition)])
    if rows:
        op = [SCHEDULE, source, revision, rows]
        state.log(op)
        book.apply_schedule(op)
        state.count("schedules_defined", len(rows))


def _cursor(schedule: Schedule, definition: Definition, wall_ms: int) -> tuple[int, int | None]:
    """Returns the cursor and the next instant of a changed schedule.

    Where the timing is another, the new instants begin now: those before were never promised.
    """
    old = schedule.definition
    is_over = definition.runs_max is not None and schedule.runs >= definition.runs_max
    was_over = schedule.is_full
    cursor_ms = schedule.cursor_ms
    if was_over or any(getattr(old, name) != getattr(definition, name) for name in TIMING):
        cursor_ms = max(cursor_ms, wall_ms)
    return cursor_ms, None if is_over else definition.calendar().next_ms(cursor_ms)


def settled(ticks: Ticks, schedule: Schedule) -> None:
    """Accounts for all that has come under a definition that is about to change."""
    try:
        ticks.settle(schedule)
    except ValueError:
        ticks.state.count("schedules_broken")  # its zone is gone: nobody can say which instants have come


def remove(state: ShardState, schedules: list[Schedule]) -> None:
    """Ends schedules for good; jobs that live go on."""
    if not schedules:
        return
    ticks = Ticks(state)
    for schedule in schedules:
        settled(ticks, schedule)
        ticks.drop(schedule)
    ticks.write()
    op = [UNSCHEDULE, [schedule.number for schedule in schedules]]
    state.log(op)
    state.image.book.apply_unschedule(op)
    state.count("schedules_removed", len(schedules))
