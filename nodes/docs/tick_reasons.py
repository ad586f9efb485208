"""Prints the table of reasons in docs/schedules.md, from actors/schedules/reasons.py.

It must not know a reason by name: what is in that table is printed, and its meaning stands there.
"""

from ...actors.schedules.reasons import REASONS
from .markdown import table


def printed() -> str:
    """Prints the section, in Markdown."""
    rows = [
        (number, f"`{reason.name}`", "yes" if reason.fired else "no", reason.meaning)
        for number, reason in sorted(REASONS.items())
    ]
    return "\n".join(table(("number", "reason", "a job", "what happened"), rows))
