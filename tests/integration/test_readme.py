"""The tour of README.md, run as it stands: its files are written, its commands run in order, their output compared.

Only blocks marked `python` (a file, named in the first line) and `console` (commands behind `$ `, and what they print)
are run; `sh` blocks install, which is not repeated here. In expected output `…` stands for anything.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psutil
import pytest
from processes import wait_dead

README = Path(__file__).parents[2] / "README.md"
PATIENCE_S = 30.0
LOOK_EVERY_S = 0.1

SERVERS = ("mainspring up", "mainspring node ")
REPEATABLE = ("mainspring job ", "mainspring jobs", "mainspring shards query", "sqlite3 ")
"""Commands that only look: what they show follows what was done by a moment."""

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SQLITE = re.compile(r'sqlite3 -readonly (\S+)/\S+\.db (".*")')

pytestmark = pytest.mark.slow


class Step(NamedTuple):
    """A command, and what it prints; or a file, by its name, and its content."""

    kind: str
    subject: str
    text: str


def steps(page: str) -> list[Step]:
    """Takes the tour apart."""
    found: list[Step] = []
    for kind, text in _BLOCK.findall(page):
        if kind == "python":
            found.append(Step("file", text.splitlines()[0].removeprefix("# "), text))
        elif kind == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                found.append(Step("command", command, output))
    return found


def matches(expected: str, printed: str) -> bool:
    """Tells whether an output is what was expected, but for spaces, rules of tables, and what `…` stands for."""
    pattern = " ".join(expected.split())
    text = " ".join(re.sub("─+", " ", printed).split())
    return re.fullmatch(".*".join(map(re.escape, pattern.split("…"))), text) is not None


class Tour:
    """A reader with two terminals: one that serves, one for everything else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server: subprocess.Popen[str] | None = None
        bin_folder = str(Path(sys.executable).parent)
        self.environment = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}
        self.environment.pop("MAINSPRING_URL", None)
        self.environment.pop("MAINSPRING_TASKS", None)

    def take(self, step: Step) -> None:
        """Does what a step says."""
        if step.kind == "file":
            (self.folder / step.subject).write_text(step.text)
        elif step.subject.startswith("cd "):
            self.folder /= step.subject.removeprefix("cd ")
        elif step.subject.startswith(SERVERS):
            self.serve(step)
        else:
            self.run(step)

    def serve(self, step: Step) -> None:
        """Presses Ctrl-C in the first terminal, and starts a node there."""
        self.stop()
        log = (self.folder / "node.log").open("a")
        with log:
            self.server = subprocess.Popen(
                step.subject.split(),
                cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        assert matches(step.text, line), f"{step.subject} prints {line!r}\n{(self.folder / 'node.log').read_text()}"

    def run(self, step: Step) -> None:
        """Runs a command in the second terminal; one that only looks may look again."""
        command = step.subject
        expected = step.text
        if command.startswith("sqlite3 ") and shutil.which("sqlite3") is None:
            command = _SQLITE.sub(r"mainspring shards query --data \1 \2", command)
            expected = "… " + expected.replace("|", " ")
        until_s = time.monotonic() + (PATIENCE_S if step.subject.startswith(REPEATABLE) else 0)
        while True:
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                timeout=PATIENCE_S,
            )  # fmt: skip
            if done.returncode == 0 and matches(expected, self.without_paging(command, done.stdout)):
                return
            assert time.monotonic() < until_s, f"$ {command}\n{done.stdout}\nexpected:\n{expected}"
            time.sleep(LOOK_EVERY_S)

    @staticmethod
    def without_paging(command: str, printed: str) -> str:
        """Leaves out the hint that `mainspring jobs` gives on stderr."""
        if not command.startswith("mainspring jobs"):
            return printed
        return "".join(line for line in printed.splitlines(keepends=True) if not line.startswith("next page:"))

    def stop(self) -> None:
        """Presses Ctrl-C in the first terminal, and waits until nothing of the node is left."""
        if self.server is None:
            return
        pids = [process.pid for process in psutil.Process(self.server.pid).children(recursive=True)]
        self.server.send_signal(signal.SIGINT)
        self.server.communicate(timeout=PATIENCE_S)
        assert self.server.returncode == 0
        self.server = None
        wait_dead(pids)


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
def test_the_tour_works_as_it_stands(tour: Tour) -> None:
    """Every file and every command of the tour, in order, must give what the page shows."""
    found = steps(README.read_text("utf-8"))
    assert len(found) >= 15
    for step in found:
        tour.take(step)
    tour.stop()


def test_commands_and_output_are_told_apart() -> None:
    """A page's blocks become steps in order; blocks of other kinds are no steps."""
    page = "```sh\nmake run\n```\n```python\n# a.py\nx = 1\n```\n```console\n$ one\n1\n2\n$ two\n```\n"
    assert steps(page) == [
        Step("file", "a.py", "# a.py\nx = 1\n"),
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
