"""Definitions on their way in: which can be taken, and what is wrong with one that cannot.

Decides by the shard's settings, the grammar of cron and the zones of this machine; what a column may hold by itself,
the wire has said. It must not know what is there already. Rule: docs/promises.md, P7.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from ...broker.wire.routing import shard_for
from ...broker.wire.schedule_rows import schedule_fault
from ..jobs.retry import policy_fault
from ..schedules.schedule import Definition
from .state import ShardState

LIST_CHARS_MAX = 64 * 1024 * 1024
"""Arguments of jobs in one list, which becomes one entry of the log."""


class Wanted(NamedTuple):
    """A definition that can be taken, and its next instant when it was looked at, at looked_ms by the wall."""

    definition: Definition
    next_ms: int | None
    looked_ms: int

    def next_at(self, wall_ms: int) -> int | None:
        """Returns its next instant; that of a long list was looked up a while ago, and the clock may be set."""
        if self.looked_ms <= wall_ms and (self.next_ms is None or wall_ms < self.next_ms):
            return self.next_ms
        return self.definition.calendar().next_ms(wall_ms)


def definitions(state: ShardState, rows: Iterable[Any]) -> list[Wanted] | str:
    """Returns the definitions, or what is wrong with the first that cannot be taken."""
    found: list[Wanted] = []
    for row in rows:
        fault = schedule_fault(row, state.settings.payload_bytes_max)
        if fault is not None:
            return fault
        definition = Definition._make(row)
        fault = _fault(state, definition)
        if fault is not None:
            return f"schedule {definition.name!r}: {fault}"
        try:
            wall_ms = state.now.wall_ms
            found.append(Wanted(definition, definition.calendar().next_ms(wall_ms), wall_ms))
        except ValueError as error:
            return f"schedule {definition.name!r}: {error}"
    return found


def list_fault(found: list[Wanted]) -> str | None:
    """Returns what is wrong with a list as a whole, or None."""
    names: set[tuple[str, str]] = set()
    chars = 0
    for definition, *_ in found:
        name = (definition.tenant, definition.name)
        if name in names:
            return f"schedule {definition.name!r}: it is defined twice in one list"
        names.add(name)
        chars += len(definition.payload)
    if chars > LIST_CHARS_MAX:
        return f"the arguments in the list have {chars} characters; at most {LIST_CHARS_MAX} are taken at once"
    return None


def _fault(state: ShardState, definition: Definition) -> str | None:
    settings = state.settings
    if definition.tenant not in settings.tenants:
        return f"tenant {definition.tenant!r} is not known here; add it to `tenants` in the node's settings"
    shard = shard_for(definition.tenant, definition.queue, settings.shards)
    if shard != state.shard:
        return f"its queue {definition.queue!r} belongs to shard {shard}; send it there"
    return None if definition.retry is None else policy_fault(definition.retry)
