"""The printed pages of docs/ are what the code prints, and drift is noticed."""

from pathlib import Path

from mainspring.nodes.docs.__main__ import drifted, main, write
from mainspring.nodes.docs.pages import PAGES


def test_no_page_has_drifted() -> None:
    """The pages in the tree must be those that the code prints."""
    assert drifted() == []
    assert main(["--check"]) == 0


def test_a_drifted_page_is_named_and_written_again(tmp_path: Path) -> None:
    """A missing or changed page must be listed, and be right after writing."""
    assert write(tmp_path) == list(PAGES)
    assert write(tmp_path) == []
    name = next(iter(PAGES))
    (tmp_path / name).write_text("old", encoding="utf-8")
    assert drifted(tmp_path) == [name]
    assert write(tmp_path) == [name]
    assert drifted(tmp_path) == []


def test_pages_end_in_one_line_feed() -> None:
    """A page must not grow blank lines at its end."""
    assert all(page().endswith("\n") and not page().endswith("\n\n") for page in PAGES.values())
