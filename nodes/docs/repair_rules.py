"""Prints the table of `repair --strategy auto` in docs/operating-jobs.md, from nodes/cli/repair_rules.py.

It must not know a rule: what is in that table is printed.
"""

from ..cli.repair_rules import LEAVE, OTHERS, RULES
from .markdown import table


def printed() -> str:
    """Prints the section, in Markdown."""
    rows = [(", ".join(f"`{kind}`" for kind in rule.kinds), rule.action, rule.why) for rule in RULES]
    rows.append(("all others", OTHERS.action, OTHERS.why))
    rows.append(("whatever the kind", LEAVE, "if its deadline, or its task's `no_retry`, has ended the job"))
    return "\n".join(table(("error kind", "what auto does", "why"), rows))
