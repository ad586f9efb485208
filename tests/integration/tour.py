"""Pages as a reader follows them: their files are written, their commands run in order, their output compared.

Of a page's blocks those marked `python` or `toml` that name a file in their first line are written, `console` (commands
behind `$ `, and what they print) and `sql` (questions to the shard file) are run; others are for the eye. In expected
output `…` stands for anything.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil
from processes import wait_dead

PATIENCE_S = 30.0
LOOK_EVERY_S = 0.1

SERVERS = ("mainspring up", "mainspring node ")
REPEATABLE = (
    "mainspring job ",
    "mainspring jobs",
    "mainspring dead",
    "mainspring shards query",
    "mainspring schedules show",
    "mainspring schedules ticks",
    "sqlite3 ",
)
"""Commands that only look: what they show follows what was done by a moment."""

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SQLITE = re.compile(r'sqlite3 -readonly (\S+)/\S+\.db (".*")')
_FILE = re.compile(r"# (\S+\.(?:py|toml))\n")


class Step(NamedTuple):
    """A command, and what it prints; a file, by its name, and its content; or a question."""

    kind: str
    subject: str
    text: str


def steps(page: str) -> list[Step]:
    """Takes a page apart."""
    found: list[Step] = []
    for kind, text in _BLOCK.findall(page):
        file = _FILE.match(text)
        if kind in ("python", "toml") and file is not None:
            found.append(Step("file", file[1], text))
        elif kind == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                found.append(Step("command", command, output))
        elif kind == "sql":
            found.append(Step("sql", text.strip(), ""))
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
        elif step.kind == "sql":
            self.ask(step)
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
        until_s = time.monotonic() + (PATIENCE_S if looks_only(step.subject) else 0)
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

    def ask(self, step: Step) -> None:
        """Asks the shard file; what it answers is not compared."""
        done = subprocess.run(
            ["mainspring", "shards", "query", step.subject],
            cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == 0, f"{step.subject}\n{done.stdout}"

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


def looks_only(command: str) -> bool:
    """Tells whether a command changes nothing, so that it may be repeated."""
    return command == "mainspring schedules" or command.startswith(REPEATABLE)
