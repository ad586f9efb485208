"""The suite's table: a line a drill, as cells for a terminal and for the page.

Decides the columns. Must not know how they are measured.
"""

from typing import Any, Final, NamedTuple

HEADINGS: Final = (
    "fault", "rounds", "jobs/s before", "during", "after", "without an ack p50", "p99", "without a start p50", "p99 ",
    "begun again p50", "p99  ", "lost", "duplicated", "overlapping", "late ticks", "verdict",
)  # fmt: skip


class Result(NamedTuple):
    """One drill that was run."""

    name: str
    title: str
    rounds: int
    verdict: dict[str, Any]
    measures: dict[str, Any]
    notes: list[str]
    report: str
    """The folder of its report."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was violated."""
        return bool(self.verdict["clean"])

    def as_dict(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return self._asdict()


def cells(result: Result) -> tuple[str, ...]:
    """Returns the cells of a line."""
    measures, verdict = result.measures, result.verdict
    rates = (f"{measures[name]:,.0f}" for name in ("before", "during", "after"))
    kinds = ("acks_ms", "starts_ms", "again_ms")
    gaps = (_ms(measures[f"{kind}_{share}"]) for kind in kinds for share in ("p50", "p99"))
    counts = (str(verdict[name]) for name in ("lost", "duplicated", "overlapping", "ticks_late"))
    told = "clean" if result.is_clean else "violated"
    return (result.name, str(result.rounds), *rates, *gaps, *counts, told)


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} ms"
