"""docs/storage-faults.md names tests, commands and places that exist."""

import re
from pathlib import Path

import pytest

from mainspring.nodes.cli.shards import app

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "storage-faults.md").read_text("utf-8")
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
EVERYTHING = "\n".join(path.read_text("utf-8") for path in TESTS)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)`", PAGE))))
def test_each_named_test_exists(name: str) -> None:
    """A recipe that nobody tries any more must not say that somebody does."""
    assert f"def {name}(" in EVERYTHING


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+\.py)`", PAGE))))
def test_each_named_file_exists(name: str) -> None:
    """Tests are found by the file that the page names."""
    assert name in {path.name for path in TESTS}


def test_each_named_command_exists() -> None:
    """What somebody types in the worst hour of the year must be there."""
    known = {command.name or "" for command in app.registered_commands} | {"stat", "query"}
    named = set(re.findall(r"(?:mainspring |`)shards ([a-z]+)", PAGE))
    assert named
    assert named <= known


def test_each_named_place_exists() -> None:
    """A link within the page must lead somewhere."""
    titles = {line.lstrip("# ").lower().replace(" ", "-") for line in PAGE.splitlines() if line.startswith("##")}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= titles
