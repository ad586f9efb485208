"""The tour of README.md and the examples of other pages, run as they stand; tour.py says how."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tour import Step, Tour, matches, steps

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture
def tour() -> Iterator[Tour]:
    """A tour that leaves no node behind, whatever happens, in a folder whose path is short enough for its sockets."""
    with TemporaryDirectory(prefix="tour-") as folder:
        made = Tour(Path(folder))
        yield made
        if made.server is not None:
            made.server.kill()
            made.server.communicate()


@pytest.mark.skipif(shutil.which("pgrep") is None, reason="the tour finds processes with pgrep")
@pytest.mark.parametrize(
    ("page", "least"),
    [
        ("README.md", 15),
        ("docs/schedules.md", 20),
        ("docs/migrating.md", 8),
        ("docs/handlers.md", 9),
        ("docs/operating-jobs.md", 15),
    ],
)
def test_a_page_works_as_it_stands(tour: Tour, page: str, least: int) -> None:
    """Every file and every command of the page, in order, must give what it shows."""
    found = steps((ROOT / page).read_text("utf-8"))
    assert len(found) >= least
    for step in found:
        tour.take(step)
    tour.stop()


def test_files_commands_and_questions_are_told_apart() -> None:
    """A page's blocks become steps in order; blocks of other kinds are no steps."""
    page = (
        "```sh\nmake run\n```\n```python\n# a.py\nx = 1\n```\n```python\njob.cancel()\n```\n"
        "```toml\n# b.toml\ny = 2\n```\n```sql\nSELECT 1;\n```\n```console\n$ one\n1\n2\n$ two\n```\n"
    )
    assert steps(page) == [
        Step("file", "a.py", "# a.py\nx = 1\n"),
        Step("file", "b.toml", "# b.toml\ny = 2\n"),
        Step("sql", "SELECT 1;", ""),
        Step("command", "one", "1\n2\n"),
        Step("command", "two", ""),
    ]


@pytest.mark.parametrize(
    ("expected", "printed", "is_match"),
    [
        ("5\n", "5\n", True),
        ("5\n", "6\n", False),
        ("5\n", "5\n6\n", False),
        ("a   b\n…\nz\n", "a b\n────\nq\nz\n", True),
        ("…\nz\n", "a\ny\n", False),
        ("ready ipc://…/x.sock\n", "ready ipc:///tmp/x.sock\n", True),
    ],
)
def test_output_is_compared_loosely(expected: str, printed: str, is_match: bool) -> None:
    """Spaces and rules do not matter, `…` stands for anything, everything else must be there."""
    assert matches(expected, printed) is is_match
