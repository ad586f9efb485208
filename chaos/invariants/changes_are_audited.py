"""Whatever changes a schedule stands in the audit, in the entry of the change.

Why: promise P6: somebody asks who has paused the invoices, and when. Nothing that was only asked for, refused or
tried is ever there.
"""

from ...actors.entries import AUDIT
from ...actors.schedules import reasons
from ...actors.schedules.schedule import Definition
from ..history import Decided
from ..operator_node import NEVER
from .schedule_walk import Record, Row, ScheduleWalk


class ChangesAreAudited(ScheduleWalk):
    """Rows of AUDIT against the other ops of the entry."""

    def begin(self) -> None:
        """Remembers nothing yet."""
        super().begin()
        self.wanted: set[tuple[str, str]] = set()
        """Of this entry: (action, object)."""

    def _want(self, record: Record, change: str) -> None:
        definition = record.definition
        self.wanted.add((f"schedule {change}", f"{definition.tenant}/{definition.name}"))

    def added(self, record: Record, decided: Decided) -> None:  # noqa: ARG002 - the hook's own
        """Somebody has added it."""
        self._want(record, "added")
        if record.definition.name.startswith(NEVER):
            self.fail(f"{record} was refused, or was only tried, and is there")

    def changed(
        self,
        record: Record,
        definition: Definition,
        cursor_ms: int,  # noqa: ARG002 - the hook's own
        next_ms: int | None,  # noqa: ARG002 - the hook's own
        decided: Decided,  # noqa: ARG002 - the hook's own
    ) -> None:
        """Somebody has changed it, unless only its next instant was computed again."""
        if list(definition) != list(record.definition):
            self._want(record, "changed")

    def removed(self, record: Record, decided: Decided) -> None:  # noqa: ARG002 - the hook's own
        """Somebody has removed it."""
        self._want(record, "removed")

    def paused(self, record: Record, paused: bool, decided: Decided) -> None:  # noqa: ARG002 - the hook's own
        """Somebody has paused it, or lets it go on."""
        self._want(record, "paused" if paused else "resumed")

    def ticked(self, record: Record, row: Row, decided: Decided) -> None:  # noqa: ARG002 - the hook's own
        """Somebody has asked for a run."""
        if row.reason == reasons.MANUAL:
            self._want(record, "ran")

    def ended_entry(self, decided: Decided) -> None:
        """Compares what is wanted with what is written down."""
        rows = [row for op in decided.entry.ops if op[0] == AUDIT for row in op[1]]
        missing = self.wanted - {(row[1], row[2]) for row in rows}
        if missing:
            self.fail(f"entry {decided.index} does not say who did {sorted(missing)}")
        if len(rows) < len(self.wanted):
            self.fail(f"entry {decided.index} has {len(rows)} audit rows for {sorted(self.wanted)}")
        self.wanted = set()
