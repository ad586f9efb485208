"""What a check of files has found.

Decides the four things that each finding says: what, where, what it means, and what to do. It must not know who checks,
or how a report is printed.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, NamedTuple

Level = Literal["damage", "doubt"]

FINDINGS_A_KIND_MAX: Final = 10
"""One broken page spoils many rows; the first ones are enough to act on."""

Progress = Callable[[str, int, int], None]
"""Told what is worked on, how much of it is done, and of how much (0: nobody knows)."""


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Tells nobody."""


class OperatorError(Exception):
    """What was asked cannot be done with these files; the text names the fault and the mend."""


class Finding(NamedTuple):
    """One thing that is not as it must be."""

    level: Level
    """`damage` is certain; a `doubt` may have a harmless cause, which `means` names."""
    kind: str
    """Findings of one kind are counted together."""
    what: str
    where: str
    """A file, and in it an entry, a table or a row."""
    means: str
    mend: str


class Report:
    """Findings, what was looked at, and what could not be."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.checked: dict[str, int] = {}
        self.unchecked: list[str] = []
        self._counted: dict[tuple[str, str], int] = {}

    def add(self, kind: str, what: str, where: str, *, means: str, mend: str, level: Level = "damage") -> None:
        """Takes a finding down; of one kind in one table or file only the first few."""
        key = kind, where.split(", row ")[0].split(": entry ")[0].split(": job ")[0]
        self._counted[key] = self._counted.get(key, 0) + 1
        if self._counted[key] <= FINDINGS_A_KIND_MAX:
            self.findings.append(Finding(level, kind, what, where, means, mend))

    def count(self, what: str, more: int = 1) -> None:
        """Counts what was looked at."""
        self.checked[what] = self.checked.get(what, 0) + more

    def skip(self, why: str) -> None:
        """Notes what was not looked at, and why."""
        if why not in self.unchecked:
            self.unchecked.append(why)

    @property
    def more(self) -> int:
        """How many findings were only counted."""
        return sum(max(0, count - FINDINGS_A_KIND_MAX) for count in self._counted.values())

    @property
    def is_damaged(self) -> bool:
        """Whether there is any damage; doubts do not count."""
        return any(finding.level == "damage" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Returns the report for programs."""
        return {
            "damaged": self.is_damaged,
            "findings": [finding._asdict() for finding in self.findings],
            "more": self.more,
            "checked": self.checked,
            "unchecked": self.unchecked,
        }


def first_of(found: Iterable[Any], limit: int = FINDINGS_A_KIND_MAX + 1) -> list[Any]:
    """Returns the first ones, so that a broken file is not listed whole."""
    taken: list[Any] = []
    for one in found:
        taken.append(one)
        if len(taken) == limit:
            break
    return taken
