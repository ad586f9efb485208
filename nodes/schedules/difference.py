"""What a file of schedules has changed, in words: for the log of a node and for the command line.

Decides how a difference reads. It must not know who applied the file.
"""

from collections.abc import Sequence
from typing import Final, Protocol


class Change(Protocol):
    """What became of one schedule; its attributes are those of broker.wire.rows.CHANGE_COLUMNS."""

    @property
    def tenant(self) -> str:
        """Whose it is."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def change(self) -> str:
        """A word such as added or unchanged."""
        ...

    @property
    def fields(self) -> Sequence[Sequence[str | None]]:
        """Rows [field, before, after]."""
        ...


WORDS: Final = ("added", "changed", "removed", "unchanged")


def told(changes: Sequence[Change]) -> list[str]:
    """Writes what became of schedules, a line a change or a changed field; what has not changed has none."""
    lines: list[str] = []
    for change in changes:
        if change.change == "unchanged":
            continue
        name = change.name if change.tenant == "default" else f"{change.tenant}/{change.name}"
        lines += [f"schedule {name} changed {field}: {_text(a)} -> {_text(b)}" for field, a, b in change.fields]
        if not change.fields:
            lines.append(f"schedule {name} {change.change}")
    return lines


def _text(value: str | None) -> str:
    return "none" if value is None else value
