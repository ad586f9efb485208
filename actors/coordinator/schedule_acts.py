"""What somebody does with schedules by name: pause, resume, run now, remove.

Decides what each means for the instants that have come. To pause or remove twice changes nothing; a run that is asked
for twice by one call is one run, for its job holds the call's token as its key. Rules: docs/schedules.md, "Operating".
"""

from typing import Any

from ...broker.wire.limits import BATCH_JOBS_MAX, NAME_CHARS_MAX, NOTE_CHARS_MAX
from ...broker.wire.messages import ScheduleAct
from ...broker.wire.rows import SCHEDULE_ACTIONS
from ..effects import Peer
from ..entries import PAUSE
from ..schedules import reasons
from ..schedules.changes import Change, change_of
from ..schedules.schedule import Schedule
from ..store import ReadKeys
from . import audit, making, parts, scheduling, submitting
from .state import ShardState
from .ticks import Ticks


def take(state: ShardState, peer: Peer, message: ScheduleAct) -> None:
    """Does what is asked, says that it was done before, or refuses it."""
    if parts.repeated(state, peer, message.request):
        return
    code, fault = state.standstill, _fault(message)
    if code is not None or fault is not None:
        state.refuse(peer, message.request, code or "invalid_schedule", fault or "")
        return
    if message.action == "run":
        keys = [(message.tenant, _run_key(message, name)) for name in message.names]
        state.out.reads.append(ReadKeys(keys, (peer, message)))
        return
    _answer(state, peer, message, {})


def keys_read(state: ShardState, read: ReadKeys, rows: list[list[Any]]) -> None:
    """Goes on with a run when the store has said whether it was made before."""
    peer, message = read.context
    if not parts.repeated(state, peer, message.request):
        _answer(state, peer, message, {(tenant, key): (id, until_ms) for tenant, key, id, until_ms in rows})


def _fault(message: ScheduleAct) -> str | None:
    if message.action not in SCHEDULE_ACTIONS:
        return f"action={message.action!r:.40} is unknown; give one of {', '.join(SCHEDULE_ACTIONS)}"
    if not 0 < len(message.by) <= NAME_CHARS_MAX:
        return f"by has {len(message.by)} characters; it takes 1 to {NAME_CHARS_MAX}"
    if len(message.note or "") > NOTE_CHARS_MAX:
        return f"the note has {len(message.note or '')} characters; it takes at most {NOTE_CHARS_MAX}"
    if not 0 < len(message.names) <= BATCH_JOBS_MAX or len(set(message.names)) < len(message.names):
        return f"names holds 1 to {BATCH_JOBS_MAX} names, each once"
    if max(map(len, (message.tenant, *message.names))) > NAME_CHARS_MAX:
        return f"a name or the tenant is too long; each has at most {NAME_CHARS_MAX} characters"
    return None


def _run_key(message: ScheduleAct, name: str) -> str:
    """Returns the key of the job of a run: another call has another token."""
    return f"run:{message.token:x}:{message.names.index(name)}"


def _answer(
    state: ShardState, peer: Peer, message: ScheduleAct, stored: dict[tuple[str, str], tuple[int, int]]
) -> None:
    book = state.image.book
    changes: list[Change] = []
    found: list[Schedule] = []
    for name in message.names:
        schedule = book.by_name.get((message.tenant, name))
        if schedule is None:
            changes.append(Change(message.tenant, name, "not_found", 0, [], None))
        else:
            found.append(schedule)
    if message.action == "run" and (full := _full_queue(state, message, found, stored)) is not None:
        state.refuse(peer, message.request, "queue_full", f"queue {full!r} takes no more jobs")
        return
    match message.action:
        case "pause" | "resume":
            changes.extend(_pause(state, found, message.action == "pause", message.note))
        case "remove":
            changes.extend(change_of(schedule.definition, "removed", schedule.number) for schedule in found)
            scheduling.remove(state, found)
        case _:
            changes.extend(_run(state, schedule, message, stored) for schedule in found)
    audit.changed(state, message.by, "client", changes, message.note, [schedule.definition for schedule in found])
    parts.answer(state, peer, message.request, changes)


def _pause(state: ShardState, schedules: list[Schedule], paused: bool, note: str | None) -> list[Change]:
    """Pauses schedules or lets them go on; the instants that have come are accounted for first, as it was until now."""
    asked = [schedule for schedule in schedules if schedule.paused is not paused or (paused and note is not None)]
    ticks = Ticks(state)
    for schedule in asked:
        scheduling.settled(ticks, schedule)
    if asked:
        op = [PAUSE, [schedule.number for schedule in asked], int(paused), note if paused else None]
        state.log(op)
        state.image.book.apply_pause(op)
    word, changed = "paused" if paused else "resumed", {schedule.number for schedule in asked}
    return [
        change_of(schedule.definition, word if schedule.number in changed else "unchanged", schedule.number)
        for schedule in schedules
    ]


def _full_queue(
    state: ShardState, message: ScheduleAct, schedules: list[Schedule], stored: dict[tuple[str, str], tuple[int, int]]
) -> str | None:
    """Returns a queue that does not take the jobs of a run, or None; what this call has run is not counted."""
    queued: dict[str, int] = {}
    for schedule in schedules:
        definition = schedule.definition
        if submitting.holder(state, stored, (message.tenant, _run_key(message, definition.name))) is None:
            if not making.has_room(state, definition, queued.get(definition.queue, 0)):
                return definition.queue
            queued[definition.queue] = queued.get(definition.queue, 0) + 1
    return None


def _run(
    state: ShardState, schedule: Schedule, message: ScheduleAct, stored: dict[tuple[str, str], tuple[int, int]]
) -> Change:
    """Makes a job now, whatever the calendar says, if the overlap rule allows one."""
    key = _run_key(message, schedule.definition.name)
    job = submitting.holder(state, stored, (message.tenant, key))
    if job is not None:
        return change_of(schedule.definition, "ran", schedule.number, job=job)
    ticks = Ticks(state)
    if schedule.definition.overlap != "allow" and ticks.is_busy(schedule):
        return change_of(schedule.definition, "skipped", schedule.number)
    ticks.start_now(schedule, reasons.MANUAL, key)
    (job,) = ticks.write()
    return change_of(schedule.definition, "ran", schedule.number, job=job)
