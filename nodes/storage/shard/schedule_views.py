"""The views of schedules: what is defined, what became of each instant and why, and who changed what.

Decides the contract that docs/shard-file.md describes, as views.py does for jobs. Must not know how rows are written.
"""

# ruff: noqa: S608 - statements are put together from constants; every value is bound

from ....actors.schedules.reasons import BUFFERED, REASONS
from .views import DONE_STATE, LIVE_STATE, guarded, iso, named, shown

SCHEDULE_STATE = """CASE WHEN s.removed_ms IS NOT NULL THEN 'removed'
        WHEN s.runs >= s.runs_max THEN 'ended'
        WHEN s.next_ms IS NULL AND s.expression NOT LIKE '%@reboot%' THEN 'ended'
        WHEN s.paused THEN 'paused' ELSE 'active' END"""
"""The state of a schedule `s` that a person would name."""

FATE = f"CASE WHEN t.job_id IS NOT NULL THEN 'fired' WHEN t.reason = {BUFFERED} THEN 'waiting' ELSE 'skipped' END"
"""What became of the instants of a tick `t`."""

REASON = named("t.reason", {number: reason.name for number, reason in REASONS.items()})

_TIMES = ("next", "fired", "buffered", "cursor", "start", "end", "created", "changed", "removed")

_SCHEDULES = f"""SELECT s.schedule AS schedule, s.tenant AS tenant, s.name AS name, {SCHEDULE_STATE} AS state,
    s.expression AS expression, s.zone AS zone, s.fold AS fold, s.gap AS gap, s.queue AS queue, s.task AS task,
    {iso("s.next_ms")} AS next_at, {iso("s.fired_ms")} AS fired_at, s.fired_job AS fired_job_id,
    {shown("s.fired_job")} AS fired_job, s.runs AS runs, s.runs_max AS runs_max,
    {iso("s.buffered_ms")} AS buffered_at, s.catch_up AS catch_up, s.window_ms AS window_ms, s.grace_ms AS grace_ms,
    s.overlap AS overlap, s.jitter_ms AS jitter_ms, {iso("s.start_ms")} AS start_at, {iso("s.end_ms")} AS end_at,
    s.priority AS priority, s.retry AS retry, s.timeout_ms AS timeout_ms, s.source AS source, s.revision AS revision,
    s.note AS note, s.pause_note AS pause_note, {iso("s.cursor_ms")} AS cursor_at, {iso("s.created_ms")} AS created_at,
    {iso("s.changed_ms")} AS changed_at, {iso("s.removed_ms")} AS removed_at,
    {", ".join(f"s.{name}_ms AS {name}_ms" for name in _TIMES)}, {guarded("s.payload")} AS payload
FROM schedules s"""

_JOB_STATE = f"""coalesce((SELECT {LIVE_STATE} FROM jobs j WHERE j.id = t.job_id),
        (SELECT {DONE_STATE} FROM finished j WHERE j.id = t.job_id))"""

_TICKS = f"""SELECT t.schedule AS schedule, s.tenant AS tenant, s.name AS name, {iso("t.from_ms")} AS from_at,
    {iso("t.to_ms")} AS to_at, t.count AS count, {FATE} AS fate, {REASON} AS reason, t.job_id AS job_id,
    {shown("t.job_id")} AS job, {_JOB_STATE} AS job_state, {iso("t.stamp_ms")} AS decided_at, t.from_ms AS from_ms,
    t.to_ms AS to_ms, t.stamp_ms AS decided_ms
FROM ticks t JOIN schedules s ON s.schedule = t.schedule"""

_AUDIT = f"""SELECT a.id AS id, {iso("a.stamp_ms")} AS made_at, a.who AS who, a.action AS action, a.object AS object,
    a.before AS before, a.after AS after, a.note AS note, a.stamp_ms AS made_ms
FROM audit a"""

SCHEDULE_VIEWS: dict[str, str] = {"v_schedules": _SCHEDULES, "v_ticks": _TICKS, "v_audit": _AUDIT}
"""view -> its SELECT."""
