"""Sections of pages that people write: what stands between two marks is printed from code, the rest is left alone.

Decides which sections there are, and how their marks look. It must not know what they hold.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from . import repair_rules, tick_reasons
from .marked import Marks


class Section(NamedTuple):
    """One printed section: its page inside docs/, its name in the mark before it, and what prints it."""

    page: str
    name: str
    printed: Callable[[], str]


SECTIONS: tuple[Section, ...] = (
    Section("schedules.md", "reasons", tick_reasons.printed),
    Section("operating-jobs.md", "repair", repair_rules.printed),
)

END = "<!-- printed: end -->"


def renewed(section: Section, text: str) -> str:
    """Returns a page with the section as the code prints it.

    Raises:
        ValueError: the page has lost the marks around it.
    """
    begin = f"<!-- printed: {section.name} -->"
    new = Marks(begin, END).replaced(text, lambda _old: section.printed())
    if new is None:
        raise ValueError(f"docs/{section.page} has lost the marks around a printed section: put back {begin} and {END}")
    return new


def drifted(docs: Path) -> list[str]:
    """Lists the pages of which a section differs from what the code prints; a page that is not there has none.

    Raises:
        ValueError: as `renewed`.
    """
    texts = {section.page: _text(docs / section.page) for section in SECTIONS}
    return [
        page
        for page, text in texts.items()
        if text is not None and any(renewed(section, text) != text for section in SECTIONS if section.page == page)
    ]


def write(docs: Path) -> list[str]:
    """Writes the sections that differ; lists their pages. Raises as `drifted`."""
    pages = drifted(docs)
    for page in pages:
        text = (docs / page).read_text(encoding="utf-8")
        for section in SECTIONS:
            text = renewed(section, text) if section.page == page else text
        (docs / page).write_text(text, encoding="utf-8")
    return pages


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
