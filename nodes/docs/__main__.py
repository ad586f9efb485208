"""Decides what `python -m mainspring.nodes.docs` does: writes the printed pages, or with --check compares.

It must not know what stands on a page: `pages` has the table.
The rule that a page which has drifted fails the build is the design map's, section 2.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import sections
from .pages import PAGES

DOCS = Path(__file__).parents[2] / "docs"


def drifted(docs: Path = DOCS) -> list[str]:
    """Lists the pages that are missing, or differ from what the code prints, whole or in a section."""
    return [name for name, page in PAGES.items() if not _holds(docs / name, page())] + sections.drifted(docs)


def write(docs: Path = DOCS) -> list[str]:
    """Writes the pages that are missing or differ; lists them."""
    names = [name for name in drifted(docs) if name in PAGES]
    for name in names:
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PAGES[name](), encoding="utf-8")
    return names + sections.write(docs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        The exit code: 1 if `--check` found a page that has drifted, or there is no docs folder; else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m mainspring.nodes.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page has drifted")
    is_check: bool = parser.parse_args(arguments).check
    if not DOCS.is_dir():
        sys.stderr.write(f"{DOCS}: no such folder: run this in a checkout of the source\n")
        return 1
    names = drifted() if is_check else write()
    for name in names:
        told = "has drifted from the code: run `python -m mainspring.nodes.docs`" if is_check else "written"
        sys.stdout.write(f"docs/{name}: {told}\n")
    return 1 if names and is_check else 0


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
