"""What a repair is about: the dead letters that were chosen, in groups that failed alike, and what becomes of each.

Decides the action of each group by the strategy. It must not know how anything is done or shown. Rule: the jobs are
read once, before anybody is asked, so that exactly what was shown is done.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from .dead_groups import KEY, key_of
from .job import Asker, read_job
from .job_pages import Lister, read_page
from .job_shown import was_ruled_out
from .repair_rules import LEAVE, RETRY, RULED_OUT, Rule, is_over, rule_for

PAGE: Final = 1000
DRY_RUN: Final = "dry-run"
AUTO: Final = "auto"
STRATEGIES: Final = (DRY_RUN, "retry", "skip", "discard", AUTO)


@dataclass
class Group:
    """Jobs of one tenant, queue, task and error kind."""

    tenant: str
    queue: str
    task: str
    error_kind: str | None
    is_over: bool
    """Whether their deadline has ended them."""
    first_ms: int
    last_ms: int
    action: str = LEAVE
    why: str = ""
    ids: "array[int]" = field(default_factory=lambda: array("q"))

    @property
    def is_left(self) -> bool:
        """Whether nothing is done about it."""
        return self.action == LEAVE


@dataclass
class Plan:
    """The groups, the largest first, and whether there are more jobs than were read."""

    groups: list[Group]
    more: bool

    @property
    def count(self) -> int:
        """How many jobs something is done about."""
        return sum(len(group.ids) for group in self.groups if not group.is_left)


class Client(Asker, Lister, Protocol):
    """What this needs of a client."""


def read_plan(client: Client, chosen: dict[str, Any], limit: int, strategy: str, step: Callable[[int], object]) -> Plan:
    """Reads dead letters, the newest first, and decides about each group.

    Args:
        client: who asks the node.
        chosen: the filter; None is left out.
        limit: how many jobs at most.
        strategy: one of STRATEGIES.
        step: is told how many more were read.
    """
    groups: dict[tuple[Any, ...], Group] = {}
    before: list[int] = []
    left = limit
    while True:
        page = read_page(client, {"state": "dead", **chosen}, before, min(PAGE, left))
        for row in page.rows:
            _add(groups, row)
        step(len(page.rows))
        left -= len(page.rows)
        before = page.before
        if not before or left <= 0:
            break
    found = sorted(groups.values(), key=lambda group: (-len(group.ids), -group.last_ms, group.task))
    for group in found:
        group.action, group.why = action_for(strategy, _rule_of(client, group))
    return Plan(found, bool(before))


def _add(groups: dict[tuple[Any, ...], Group], row: dict[str, Any]) -> None:
    ended_ms, over = row["finished_ms"] or 0, is_over(row["error"])
    key = (*key_of(row), over)
    group = groups.get(key)
    if group is None:
        named = {name: row[name] for name in KEY}
        group = groups[key] = Group(**named, is_over=over, first_ms=ended_ms, last_ms=ended_ms)
    group.first_ms, group.last_ms = min(group.first_ms, ended_ms), max(group.last_ms, ended_ms)
    group.ids.append(row["id"])


def _rule_of(client: Client, group: Group) -> Rule:
    """Returns the rule for a group; its newest job tells for all whether a no_retry of the task is behind it."""
    rule = rule_for("deadline" if group.is_over else group.error_kind)
    if rule.action == RETRY:
        newest = read_job(client, group.ids[0])
        if newest is not None and was_ruled_out(newest):
            return RULED_OUT
    return rule


def action_for(strategy: str, rule: Rule) -> tuple[str, str]:
    """Returns what is done about a group, and why; a dry run tells what `auto` would do."""
    if strategy in (DRY_RUN, AUTO, rule.action):
        return rule.action, rule.why
    return strategy, f"asked for; auto would {'retry' if rule.action == RETRY else 'leave it'}: {rule.why}"
