"""Prints docs/bounds.md: every bound that is a constant, with its value and what it is for.

It must not know a bound by name: a number with a text below it in one of these modules is printed. What an operator
may tune is in the reference of settings instead. The rule that everything is bounded is docs/design.md, section 9.
"""

from types import ModuleType
from typing import Final

from ...actors import limits as machines
from ...actors import reach
from ...actors.client import settings as client
from ...actors.cluster import leadership
from ...actors.executor import settings as executor
from ...broker.net import keepalive, listening, refusals, router
from ...broker.wire import limits as wire
from ...broker.wire import member_messages
from ..processes import (
    applying,
    coordinator_loop,
    disk_guard,
    executor_loop,
    guests,
    intake,
    member_link,
    members,
    membership,
)  # fmt: skip
from ..storage.log import hard_state, local_entries
from .markdown import page, table
from .source_notes import notes

_MODULES: Final[dict[str, tuple[ModuleType, ...]]] = {
    "On the wire": (wire,),
    "At the coordinator's door": (listening, keepalive, router, refusals, intake, guests),
    "Among members": (member_messages, members, member_link, membership, leadership),
    "In the coordinator": (machines, coordinator_loop, applying, disk_guard),
    "In the executor": (executor, executor_loop),
    "In the client": (client, reach),
    "In the log": (local_entries, hard_state),
}

_INTRODUCTION = """\
# Bounds

Nothing grows without a bound. These bounds are constants, because both ends of a wire must agree on them or because
nobody should have to think about them. What an operator may tune is in [configuration.md](configuration.md). This page
is printed from the code by `python -m mainspring.nodes.docs`."""


def printed() -> str:
    """Prints the page, in Markdown."""
    blocks: list[str | list[str]] = []
    for heading, modules in _MODULES.items():
        cells = [row for module in modules for row in _rows(module)]
        blocks += [f"## {heading}", table(("bound", "value", "what it bounds"), cells)]
    return page(_INTRODUCTION, *blocks)


def _rows(module: ModuleType) -> list[tuple[str, str, str]]:
    values = vars(module)
    return [
        (f"`{name}`", f"{values[name]:_}", note)
        for name, note in notes(module).items()
        if not name.startswith("_") and type(values[name]) in (int, float)
    ]
