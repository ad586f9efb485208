"""An operator at three in the morning, who types what docs/runbook.md says and compares what comes.

A line or a command that is not on the page fails the test that asks for it.
"""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

from live_node import BOUND_S, LiveNode, wait_until
from runbook_page import sections, shows

import mainspring

PAGE = sections()
SHARD = "tasks_default_shard_0.db"
SCHEDULES = '[schedules.nightly]\ncron = "0 3 * * *"\ntask = "shop.add"\nargs = [1, 2]\n'


class Operator:
    """Somebody at three in the morning, who types what the page says."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        self.port = port
        bin_folder = Path(sys.executable).parent
        self.environment = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "240"}
        self.environment.pop("MAINSPRING_URL", None)
        self.environment.pop("MAINSPRING_TASKS", None)

    def run(self, command: str, status: int = 0) -> str:
        """Types a command, which must end so; gives all that it prints."""
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=BOUND_S,
        )  # fmt: skip
        assert done.returncode == status, f"$ {command}\n{done.returncode}\n{done.stdout}"
        return done.stdout

    def do(self, section: str, begins: str, status: int = 0, **words: object) -> str:
        """Types a command of a section, with words in the place of ID, NAME, PID, …."""
        found = [command for command in PAGE[section].commands if command.startswith(begins)]
        assert found, f"#{section} has no command that begins with {begins!r}"
        command = min(found, key=len)
        for word, value in words.items():
            assert re.search(rf"\b{word}\b", command), f"{command} has no {word}"
            command = re.sub(rf"\b{word}\b", str(value), command)
        return self.run(command, status)

    def submit(self, task: str, *words: object) -> str:
        """Submits a job; gives its id."""
        return self.run(" ".join(map(str, ("mainspring submit", f"shop.{task}", *words)))).strip()

    def state(self, job: str) -> str:
        """Gives the state of a job."""
        return json.loads(self.run(f"mainspring job {job} --json"))["state"]

    def becomes(self, job: str, state: str) -> None:
        """Waits until a job is in a state."""
        with mainspring.Client(f"ipc://{self.folder}/mainspring-data/coordinator.sock") as client:
            wait_until(lambda: client.job(int(job)).status() == state, f"job {job} to be {state}", 20)

    def scrape(self) -> str:
        """Reads the node's metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            return answer.read().decode()


def line(section: str, holds: str) -> str:
    """Returns the one line of a section that one sees and that holds these words."""
    (found,) = [seen for seen in PAGE[section].seen if holds in seen]
    return found


def saw(section: str, holds: str, printed: str) -> None:
    """Checks that a line of the page was printed as it stands there."""
    assert shows(line(section, holds), printed), f"{line(section, holds)}\nis not in\n{printed}"


def logged(node: LiveNode, section: str, holds: str) -> None:
    """Waits until a line of the page stands in the log."""
    expected = line(section, holds)
    wait_until(lambda: shows(expected, node.log()), f"{expected!r} in the log", 20)
