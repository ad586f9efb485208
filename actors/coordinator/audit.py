"""The audit: who changed which schedule or job, and what of it.

Decides what an audit row says. It stands in the entry of the change itself, so neither is there without the other.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from ...broker.wire.ids import format_id
from ..entries import AUDIT
from ..schedules.changes import Change, shown
from ..schedules.schedule import Definition, Schedule
from .state import ShardState

_WHOLE = ("expression", "zone", "task", "payload", "queue", "note")
"""What is kept of a definition that comes or goes."""


def changed(
    state: ShardState,
    who: str,
    source: str,
    changes: list[Change],
    note: str | None = None,
    whole: Iterable[Definition] = (),
) -> None:
    """Writes down what somebody changed; what stayed as it was is not mentioned.

    Args:
        state: the shard's.
        who: by what name the caller goes.
        source: where the definitions come from.
        changes: what became of each.
        note: why, if somebody said.
        whole: the definitions of those that were added or removed.
    """
    texts = {(definition.tenant, definition.name): _text(definition) for definition in whole}
    rows: list[list[str | None]] = []
    for tenant, name, change, number, fields, job in changes:
        if change in ("unchanged", "not_found", "skipped"):
            continue
        before = "\n".join(f"{field}: {old}" for field, old, _ in fields if old is not None) or None
        after = "\n".join(f"{field}: {new}" for field, _, new in fields if new is not None) or None
        if change == "ran":
            after = f"job: {job}"
        elif change == "added":
            after = f"schedule: {number}\nsource: {source}\n{texts.get((tenant, name), '')}"
        elif change == "removed":
            before = f"schedule: {number}\n{texts.get((tenant, name), '')}"
        rows.append([who, f"schedule {change}", f"{tenant}/{name}", before, after, note])
    _log(state, rows)


def moved(state: ShardState, schedule: Schedule, next_ms: int | None) -> None:
    """Writes down that a schedule's next instant is another one, though nobody has changed it: its zone has moved."""
    definition = schedule.definition
    before, after = (f"next: {_iso(at_ms)}" for at_ms in (schedule.next_ms, next_ms))
    note = f"computed again; the rules of {definition.zone} have changed"
    _log(state, [["coordinator", "schedule moved", f"{definition.tenant}/{definition.name}", before, after, note]])


def _iso(at_ms: int | None) -> str:
    return "none" if at_ms is None else datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")


class JobChange(NamedTuple):
    """One job that somebody has changed: its state before and after."""

    id: int
    before: str
    after: str


def jobs_changed(state: ShardState, who: str, action: str, changes: list[JobChange], reason: str | None) -> None:
    """Writes down what somebody did with jobs, and why."""
    _log(state, [[who, action, format_id(id), before, after, reason] for id, before, after in changes])


def _log(state: ShardState, rows: list[list[str | None]]) -> None:
    if rows:
        state.log([AUDIT, rows])
        state.image.audited = True


def _text(definition: Definition) -> str:
    fields = ((name, shown(getattr(definition, name))) for name in _WHOLE)
    return "\n".join(f"{name}: {value}" for name, value in fields if value is not None)
