"""The printed pages of docs/ are what the code prints, and drift is noticed."""

from pathlib import Path

import pytest

from mainspring.nodes.docs import sections
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


def test_a_printed_section_leaves_the_rest_of_its_page_alone(tmp_path: Path) -> None:
    """Between its marks a section must be what the code prints; around them nothing may change."""
    section = sections.SECTIONS[0]
    page = tmp_path / section.page
    page.write_text(f"mine\n\n<!-- printed: {section.name} -->\nold\n{sections.END}\nmine, too\n", encoding="utf-8")
    assert sections.drifted(tmp_path) == sections.write(tmp_path) == [section.page]
    assert sections.drifted(tmp_path) == []
    text = page.read_text("utf-8")
    assert section.printed() in text
    assert text.startswith("mine\n\n<!--")
    assert text.endswith("-->\nmine, too\n")


def test_a_page_without_its_marks_is_told(tmp_path: Path) -> None:
    """A section that has nowhere to stand must not be left out in silence."""
    (tmp_path / sections.SECTIONS[0].page).write_text("no marks\n", encoding="utf-8")
    with pytest.raises(ValueError, match="put back <!-- printed: reasons -->"):
        sections.drifted(tmp_path)
