"""Taking jobs: what a Submit gets, and how it stays one submit however often it comes.

Decides who is refused and why, which id a job gets and what a key means. Rules: docs/design.md, "Submitting twice";
docs/promises.md, P1 and P7.
"""

from typing import Any

from ...broker.wire.ids import job_id
from ...broker.wire.limits import TIME_MS_MAX
from ...broker.wire.messages import Submit, Submitted
from ...broker.wire.rows import job_fault
from ..effects import Peer
from ..entries import SUBMIT
from ..jobs.retry import policy_fault
from ..limits import LANES_MAX, SESSIONS_MAX, UNAPPLIED_BYTES_MAX
from ..store import ReadKeys
from . import making, placing
from .state import ShardState

_REFUSED_MAX = 10_000


def take(state: ShardState, peer: Peer, message: Submit) -> None:
    """Takes a submit, repeats the answer to one that was taken, or refuses it."""
    if _answered(state, peer, message):
        return
    fault = _fault(state, message)
    if fault is not None:
        _refuse(state, peer, message, *fault)
        return
    asked = _unknown_keys(state, message)
    if asked:
        state.pending_submits.add((message.session, message.sequence))
        state.out.reads.append(ReadKeys(asked, (peer, message)))
        return
    _decide(state, peer, message, {})


def keys_read(state: ShardState, read: ReadKeys, rows: list[list[Any]]) -> None:
    """Goes on with a submit whose keys have been looked up."""
    peer, message = read.context
    state.pending_submits.discard((message.session, message.sequence))
    _decide(state, peer, message, {(tenant, key): (id, until_ms) for tenant, key, id, until_ms in rows})


def _answered(state: ShardState, peer: Peer, message: Submit) -> bool:
    """Deals with a sequence that was seen before."""
    asked = (message.session, message.sequence)
    if asked in state.pending_submits:
        return True
    if asked in state.refused:
        state.refuse(peer, message.sequence, *state.refused[asked], message.session)
        return True
    if message.session <= 0 or message.sequence <= 0 or not 0 <= message.acked_below <= message.sequence:
        text = "session and sequence are positive, and acked_below lies from 0 to the sequence"
        state.refuse(peer, message.sequence, "malformed", text, message.session)
        return True
    session = state.image.sessions.get(message.session)
    if session is None:
        if message.sequence == 1:
            return False
        state.refuse(peer, message.sequence, "unknown_session", "", message.session)
        return True
    taken = session.answers.get(message.sequence)
    if taken is not None:
        state.count("submits_repeated")
        state.send(peer, Submitted(state.shard, message.session, message.sequence, *taken))
        return True
    if message.sequence < session.floor:
        state.refuse(peer, message.sequence, "forgotten", "", message.session)
        return True
    return False


def _fault(state: ShardState, message: Submit) -> tuple[str, str] | None:
    """Returns (code, text) of why these jobs are not taken, or None."""
    settings, image = state.settings, state.image
    if state.draining:
        return "draining", ""
    if state.disk_full:
        return "disk_full", ""
    if len(message.jobs) > settings.batch_jobs_max:
        return "batch_too_large", f"{len(message.jobs)} jobs in one submit; at most {settings.batch_jobs_max} are taken"
    if not message.jobs:
        return "invalid_job", "a submit holds at least one job"
    if image.unapplied_bytes > UNAPPLIED_BYTES_MAX:
        return "overloaded", f"the shard file is {state.index - state.applied} entries behind (is its lock held?)"
    if message.session not in image.sessions and len(image.sessions) >= SESSIONS_MAX:
        return "overloaded", f"{SESSIONS_MAX} clients have submitted within the time that a session is kept"
    asked: dict[str, int] = {}
    for row in message.jobs:
        fault = _job_fault(state, row)
        if fault is not None:
            return fault
        asked[row[2]] = asked.get(row[2], 0) + 1
    for queue, count in asked.items():
        if image.queue_live.get(queue, 0) + count > settings.backlog_jobs_max:
            return (
                "queue_full",
                f"queue {queue!r} has {image.queue_live.get(queue, 0)} jobs of at most {settings.backlog_jobs_max}",
            )
    if len(image.lanes) + len(message.jobs) > LANES_MAX:
        lanes = {(row[3], row[2], row[4], row[0]) for row in message.jobs} - image.lane_of.keys()
        if len(image.lanes) + len(lanes) > LANES_MAX:
            return (
                "too_many_lanes",
                f"the shard has {LANES_MAX} combinations of tenant, queue, priority and task, and takes no new one",
            )
    return None


def _job_fault(state: ShardState, row: list[Any]) -> tuple[str, str] | None:
    """Returns (code, text) of why one job is not taken, or None."""
    fault = job_fault(row, state.settings.payload_bytes_max)
    if fault is not None:
        return fault
    if row[8] is not None and (text := policy_fault(row[8])) is not None:
        return "invalid_job", text
    for name, after_ms in (("delay_ms", row[5]), ("expires_ms", row[10]), ("deadline_ms", row[12])):
        if after_ms is not None and state.now.wall_ms + after_ms > TIME_MS_MAX:
            return "invalid_job", f"{name}={after_ms} ends after the year 9999"
    if row[0] not in state.image.tasks:
        return "unknown_task", f"task {row[0]!r} is not known here"
    if row[3] not in state.settings.tenants:
        return "unknown_tenant", f"tenant {row[3]!r} is not known here"
    return None


def _refuse(state: ShardState, peer: Peer, message: Submit, code: str, text: str) -> None:
    """Refuses for good: the same sequence coming late gets the same answer, so that a definite refusal stays one."""
    if len(state.refused) >= _REFUSED_MAX:
        state.refused.pop(next(iter(state.refused)))
    state.refused[message.session, message.sequence] = (code, text)
    state.refuse(peer, message.sequence, code, text, message.session)


def _unknown_keys(state: ShardState, message: Submit) -> list[tuple[str, str]]:
    """Returns the keys to look up in the store: all of them, if memory does not know each.

    Those that memory knows now may be known to the store alone when it has answered.
    """
    fresh = state.image.fresh_keys
    keys = [(row[3], row[7]) for row in message.jobs if row[7] is not None]
    return [] if all(key in fresh for key in keys) else list(dict.fromkeys(keys))


def _decide(state: ShardState, peer: Peer, message: Submit, stored: dict[tuple[str, str], tuple[int, int]]) -> None:
    """Gives ids, writes the op and answers."""
    image, wall_ms = state.image, state.now.wall_ms
    first_id = job_id(state.shard, image.next_sequence)
    lanes = making.Lanes(state)
    rows: list[list[Any]] = []
    existing: list[list[int]] = []
    given: dict[tuple[str, str], int] = {}
    for offset, job in enumerate(message.jobs):
        _, payload, _, tenant, _, delay_ms, at_ms, key, retry, timeout_ms, expires_ms, trace, deadline_ms = job
        key_until_ms = None
        if key is not None:
            held = given.get((tenant, key)) or holder(state, stored, (tenant, key))
            if held is not None:
                existing.append([offset, held])
                continue
            given[tenant, key] = first_id + len(rows)
            key_until_ms = making.take_key(state)
        due_ms = at_ms if delay_ms is None else wall_ms + delay_ms if delay_ms else None
        if due_ms is not None and delay_ms is None and due_ms <= state.now.wall_ms:
            due_ms = None
        scheduled_ms = at_ms if at_ms is not None else wall_ms + (delay_ms or 0)
        if expires_ms is not None:
            state.expiring = True
        expires_at_ms = None if expires_ms is None else wall_ms + expires_ms
        deadline_at_ms = None
        if deadline_ms is not None:
            state.expiring = True
            deadline_at_ms = wall_ms + deadline_ms
            expires_at_ms = deadline_at_ms if expires_at_ms is None else min(expires_at_ms, deadline_at_ms)
        lane = lanes.number((tenant, job[2], job[4], job[0]))
        times = (timeout_ms, expires_at_ms, trace, key_until_ms, deadline_at_ms)
        rows.append([lane, payload, scheduled_ms, due_ms, key, retry, *times])
    lanes.write()
    op = [SUBMIT, message.session, message.sequence, message.acked_below, first_id, rows, existing]
    state.log(op)
    made = image.apply_submit(op, state.index)
    image.sessions[message.session].used_ns = state.now.elapsed_ns
    placing.place_fresh(state, made, _delays(message, existing))
    state.count("jobs_submitted", len(rows))
    state.send(peer, Submitted(state.shard, message.session, message.sequence, first_id, len(message.jobs), existing))


def holder(state: ShardState, stored: dict[tuple[str, str], tuple[int, int]], key: tuple[str, str]) -> int | None:
    """Returns the job that holds a key now: by an entry not applied yet, or by the store; None if nobody does."""
    fresh = state.image.fresh_keys.get(key)
    id, until_ms = (fresh[0], fresh[2]) if fresh is not None else stored.get(key, (None, 0))
    return id if id is not None and until_ms > state.now.wall_ms else None


def _delays(message: Submit, existing: list[list[int]]) -> list[int | None]:
    """Returns the delay in ms of each job that was taken, None where it is due at once or on the calendar."""
    passed = {offset for offset, _ in existing}
    return [row[5] for offset, row in enumerate(message.jobs) if offset not in passed]
