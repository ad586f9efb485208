"""The audit: who changed which schedule, and what of it.

Decides what an audit row says. It stands in the entry of the change itself, so neither is there without the other.
"""

from ..entries import AUDIT
from ..schedules.changes import Change
from .state import ShardState


def changed(state: ShardState, who: str, source: str, changes: list[Change], note: str | None = None) -> None:
    """Writes down what somebody changed; what stayed as it was is not mentioned."""
    rows: list[list[str | None]] = []
    for tenant, name, change, number, fields, job in changes:
        if change in ("unchanged", "not_found", "skipped"):
            continue
        before = "\n".join(f"{field}: {old}" for field, old, _ in fields if old is not None) or None
        after = "\n".join(f"{field}: {new}" for field, _, new in fields if new is not None) or None
        if change == "ran":
            after = f"job: {job}"
        elif change == "added":
            after = f"schedule: {number}\nsource: {source}"
        rows.append([who, f"schedule {change}", f"{tenant}/{name}", before, after, note])
    if rows:
        state.log([AUDIT, rows])
