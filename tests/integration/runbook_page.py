"""docs/runbook.md taken apart: what each section says one sees, and the commands that it has one type.

It decides what counts as verbatim: blocks marked `text`, and what a table has in backticks in its first column under
`You see`. `…` stands for anything, spaces for any number of them.
"""

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "runbook.md"
SYMPTOMS = "what-you-see"
NOTHING = "the-node-does-not-start"
WAIT = "jobs-wait"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Section(NamedTuple):
    """A section: its text, the lines that one sees, and the commands that one types."""

    text: str
    seen: list[str]
    commands: list[str]


def anchor(title: str) -> str:
    """Returns what a link to a title is."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def sections() -> dict[str, Section]:
    """Returns the sections of the page by their anchors; what stands before the first one is ""."""
    begin, *rest = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    found = {"": _section(begin)}
    for part in rest:
        title, _, text = part.partition("\n")
        found[anchor(title)] = _section(text)
    return found


def _section(text: str) -> Section:
    blocks = _BLOCK.findall(text)
    seen = [line for kind, block in blocks if kind == "text" for line in block.splitlines()]
    commands = [line for kind, block in blocks if kind == "sh" for line in block.splitlines()]
    for line in text.splitlines():
        if line.startswith("| `"):
            seen += re.findall(r"`([^`]+)`", line.split(" | ")[0])
    return Section(text, seen, commands)


def shows(expected: str, printed: str) -> bool:
    """Tells whether a line that the page shows stands in what was printed."""
    text = " ".join(printed.split())
    pattern = ".*".join(re.escape(" ".join(part.split())) for part in expected.split("…"))
    return re.search(pattern.replace(r"\ .*", " ?.*"), text) is not None
