"""Taking a caller's request: at once if the cluster is known, else when it is.

Decides what is refused before anything is sent, what a job by name is filled in with, and which shard a job or an id
belongs to. Must not know of answers. Rules: docs/design.md, "Flow control" and "Storage" (shard key).
"""

from typing import assert_never

from ...broker.wire.errors import ERRORS
from ...broker.wire.ids import shard_of
from ...broker.wire.limits import IDS_MAX
from ...broker.wire.messages import Await, Cancel, JobAct, Query
from ...broker.wire.routing import shard_for
from . import schedules
from .asks import Asked, CallerAsk
from .awaits import CallerAwait, not_found
from .events import (
    CLOSED,
    ActOnJobs,
    ActOnSchedules,
    AwaitJobs,
    CancelJobs,
    Command,
    Completed,
    Failure,
    Partial,
    Row,
    RunQuery,
    SetSchedules,
    StatusJobs,
    SubmitJobs,
    refusal,
)
from .filling import JOB_PLACES, SCHEDULE_PLACES, fill, has_unknown
from .flights import UTF8_BYTES_MAX, CallerSubmit, Queued
from .settings import IDS_AWAITED_MAX, JOBS_QUEUED_MAX, REQUESTS_MAX
from .state import ClientState, Waiting

TASK, PAYLOAD, QUEUE, TENANT = range(4)
"""Places in a row of JOB_COLUMNS."""


def accept(state: ClientState, command: Command, now_ns: int) -> None:
    """Takes a request, or completes it with why not."""
    request = command.request
    assert request not in state.callers, f"request {request} is open already"
    if state.closed:
        state.fail(request, Failure(CLOSED, "the client is closed; make a new one", True))
        return
    fault = _too_much(state, command)
    if fault is not None:
        state.fail(request, refusal("overloaded", fault))
        return
    if command.deadline_ns is not None:
        state.add_deadline(command.deadline_ns, request)
    if state.cluster.complete and not has_unknown_task(state, command):
        admit(state, command)
    else:
        # A task that the last welcome did not know may have been announced since: asked again, then refused.
        state.cluster.want()
        state.add_deadline(now_ns + state.settings.reach_ns, request, to_reach=True)
        state.add(Waiting(command))


def _too_much(state: ClientState, command: Command) -> str | None:
    if len(state.callers) >= REQUESTS_MAX:
        return f"this client has {REQUESTS_MAX} calls open; wait for some of them"
    if type(command) is SubmitJobs and state.jobs_open + len(command.jobs) > JOBS_QUEUED_MAX:
        return f"this client would hold more than {JOBS_QUEUED_MAX} jobs that are not taken yet; submit fewer at once"
    if type(command) is AwaitJobs and state.ids_awaited + len(command.ids) > IDS_AWAITED_MAX:
        return f"this client would await more than {IDS_AWAITED_MAX} jobs; await fewer at once"
    return None


def has_unknown_task(state: ClientState, command: Command) -> bool:
    """Says whether a job or a schedule by name has a task that is not known here."""
    if type(command) is SubmitJobs:
        return has_unknown(state, command.jobs, JOB_PLACES)
    return type(command) is SetSchedules and has_unknown(state, command.rows, SCHEDULE_PLACES)


def admit(state: ClientState, command: Command) -> None:
    """Begins a request; the cluster is known."""
    match command:
        case SubmitJobs():
            _submit(state, command)
        case AwaitJobs():
            _await(state, command)
        case CancelJobs() | StatusJobs() | ActOnJobs():
            _ask(state, command)
        case RunQuery():
            _query(state, command)
        case SetSchedules():
            schedules.define(state, command)
        case ActOnSchedules():
            schedules.act(state, command)
        case _:
            assert_never(command)


def _submit(state: ClientState, command: SubmitJobs) -> None:
    rows, shards = command.jobs, state.cluster.shards
    fault = fill(state, rows, JOB_PLACES) or _too_large(state, rows)
    if fault is not None or not rows:
        state.complete(Completed(command.request, [None] * len(rows), fault))
        return
    caller = CallerSubmit(command.request, len(rows))
    state.add(caller)
    state.jobs_open += len(rows)
    if shards == 1:
        state.submits[0].queue.append(Queued(caller, rows, None))
        return
    places: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(shard_for(row[TENANT], row[QUEUE], shards), []).append(place)
    for shard, own in places.items():
        state.submits[shard].queue.append(Queued(caller, [rows[place] for place in own], own))


def _too_large(state: ClientState, rows: list[Row]) -> Failure | None:
    """Returns why a payload cannot be sent; lengths in characters settle it for nearly all."""
    bytes_max = state.cluster.payload_bytes_max
    if max([len(row[PAYLOAD]) for row in rows], default=0) * UTF8_BYTES_MAX <= bytes_max:
        return None
    for row in rows:
        size = len(row[PAYLOAD].encode("utf-8", "surrogatepass"))
        if size > bytes_max:
            text = f"the payload of {row[TASK]} has {size} bytes; at most {bytes_max} are taken"
            return refusal("payload_too_large", f"{text}; {ERRORS['payload_too_large'].mend}")
    return None


def _await(state: ClientState, command: AwaitJobs) -> None:
    request, shards = command.request, state.cluster.shards
    found = _split(command.ids)
    nowhere = [not_found(id) for shard, own in found.items() if shard >= shards for id in own]
    caller = CallerAwait(request, [id for shard, own in found.items() if shard < shards for id in own])
    if not caller.missing:
        state.complete(Completed(request, nowhere, None))
        return
    state.add(caller)
    state.ids_awaited += len(caller.ids)
    if nowhere:
        state.out.acts.append(Partial(request, nowhere))
    for shard, own in found.items():
        if shard < shards:
            state.awaits[shard].add(caller, own)


def _ask(state: ClientState, command: CancelJobs | StatusJobs | ActOnJobs) -> None:
    is_status = type(command) is StatusJobs
    caller = CallerAsk(command.request, changes=not is_status)
    for shard, ids in _split(command.ids).items():
        if shard >= state.cluster.shards:
            caller.rows.extend(not_found(id) if is_status else [id, "not_found"] for id in ids)
            continue
        for at in range(0, len(ids), IDS_MAX):
            state.asks.add(caller, _message(command, shard, state.next_number(), ids[at : at + IDS_MAX]))
    caller.is_partial = caller.changes and caller.missing > 1
    if caller.missing:
        state.add(caller)
    else:
        state.complete(Completed(command.request, caller.rows, None))


def _message(command: CancelJobs | StatusJobs | ActOnJobs, shard: int, number: int, ids: list[int]) -> Asked:
    match command:
        case CancelJobs():
            return Cancel(shard, number, ids)
        case StatusJobs():
            return Await(shard, number, ids, True)
        case ActOnJobs():
            return JobAct(shard, number, command.by, command.action, ids, command.force, command.reason)
        case _:
            assert_never(command)


def _query(state: ClientState, command: RunQuery) -> None:
    caller = CallerAsk(command.request)
    shards = range(state.cluster.shards) if command.shard is None else [command.shard]
    if not all(0 <= shard < state.cluster.shards for shard in shards):
        text = f"there is no shard {command.shard}; the cluster has {state.cluster.shards}, from 0"
        state.fail(command.request, refusal("invalid_query", text))
        return
    for shard in shards:
        state.asks.add(caller, Query(shard, state.next_number(), command.name, command.filter))
    state.add(caller)


def _split(ids: list[int]) -> dict[int, list[int]]:
    """Returns the distinct ids by shard."""
    found: dict[int, list[int]] = {}
    for id in dict.fromkeys(ids):
        found.setdefault(shard_of(id), []).append(id)
    return found
