"""A node with a file of schedules: what an edit, a bad edit and SIGHUP do to it, and what commands then show."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_node import BOUND_S, LiveNode, wait_until

import mainspring

HERE = Path(__file__).parent
EDIT_BOUND_S = 2.0
"""How long an edit may take until it is applied: a promise of docs/configuration.md."""

FAST = """
[schedules.fast]
cron = "* * * * * *"
task = "outcome_tasks.returns"
args = [7]
"""
NIGHTLY = """
[schedules.nightly]
cron = "30 3 * * *"
tz = "Europe/Riga"
task = "outcome_tasks.returns"
args = [1]
"""


class Scheduled(LiveNode):
    """A node whose schedules stand in a file."""

    @property
    def file(self) -> Path:
        """The file of schedules."""
        return self.folder / "schedules.toml"

    def edit(self, text: str) -> None:
        """Replaces the file, as most editors do."""
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.replace(self.file)

    def wait_log(self, text: str, bound_s: float = BOUND_S, count: int = 1) -> float:
        """Waits until the log has a text so often; returns the seconds that it took."""
        begun_s = time.monotonic()
        wait_until(lambda: self.log().count(text) >= count, f"{text!r} in the log:\n{self.log()}", bound_s)
        return time.monotonic() - begun_s

    def cli(self, *words: str, status: int = 0) -> str:
        """Runs a command; returns what it prints."""
        ended = subprocess.run(
            [sys.executable, "-m", "mainspring", *words, "--url", self.url],
            cwd=self.folder, capture_output=True, text=True, timeout=BOUND_S, env={**os.environ, "TZ": "UTC"},
        )  # fmt: skip
        assert ended.returncode == status, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Scheduled]:
    """A node that runs."""
    (tmp_path / "outcome_tasks.py").write_text((HERE / "outcome_tasks.py").read_text())
    (tmp_path / "node.toml").write_text(
        '[schedules]\nfile = "schedules.toml"\n[[executor]]\ntasks = ["outcome_tasks"]\nprocess_slots = 1\n'
    )
    made = Scheduled(tmp_path, "", arguments=["node.toml"])
    made.edit(FAST)
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


def names(client: mainspring.Client) -> list[str]:
    """Returns which schedules there are."""
    return sorted(found["name"] for found in client.schedules.list())


def test_a_node_keeps_to_its_file(node: Scheduled) -> None:
    """Edits are applied within two seconds with their difference in the log; bad ones change nothing."""
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        # A node that is ready has applied its file.
        assert names(client) == ["fast"]
        wait_until(lambda: bool(client.query("jobs", state="succeeded")), "a job of the schedule to succeed")

        node.edit(FAST + NIGHTLY)
        assert node.wait_log("schedule nightly added") < EDIT_BOUND_S
        assert names(client) == ["fast", "nightly"]

        node.edit(FAST + NIGHTLY.replace("30 3", "45 4"))
        assert node.wait_log("schedule nightly changed expression: 30 3 * * * -> 45 4 * * *") < EDIT_BOUND_S

        node.edit(NIGHTLY.replace("30 3", "61 4"))
        node.wait_log(f"{node.file}:3: schedules.nightly.cron = ")
        assert names(client) == ["fast", "nightly"]
        assert client.schedules.show("nightly")["expression"] == "45 4 * * *"

        node.edit(NIGHTLY.replace("30 3", "45 4"))
        assert node.wait_log("schedule fast removed") < EDIT_BOUND_S
        assert names(client) == ["nightly"]
        assert node.log().count("61 4") == 1, "a bad content is told once"
    assert node.stop() == 0


def test_sighup_has_the_file_applied_again(node: Scheduled) -> None:
    """What somebody has removed by hand comes back when an operator asks for it."""
    assert node.process is not None
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        client.schedules.remove("fast")
        node.process.send_signal(signal.SIGHUP)
        node.wait_log("schedule fast added", count=2)
        assert names(client) == ["fast"]
    assert node.stop() == 0


def test_the_keeper_comes_back_and_goes_on(node: Scheduled) -> None:
    """A killed keeper starts again and applies what was edited meanwhile; the node goes on all the while."""
    (keeper,) = node.actors("processes.schedule_keeper")
    keeper.kill()
    node.edit(NIGHTLY)
    node.wait_log("schedule fast removed")
    (again,) = node.actors("processes.schedule_keeper")
    assert again.pid != keeper.pid
    assert node.stop() == 0


def test_commands_change_and_show_schedules(node: Scheduled) -> None:
    """Add, run, pause, show, ticks, apply and remove work against a real node."""
    node.cli("schedules", "add", "hourly", "--cron", "0 * * * *", "--task", "outcome_tasks.returns", "--args", "[5]")
    assert json.loads(node.cli("schedules", "run", "hourly", "--wait", "30")) == 5
    node.cli("schedules", "pause", "hourly", "--note", "quiet")
    (listed,) = json.loads(node.cli("schedules", "list", "--state", "paused", "--json"))
    assert (listed["name"], listed["pause_note"], listed["source"]) == ("hourly", "quiet", "client")
    shown = json.loads(node.cli("schedules", "show", "hourly", "--json"))
    assert len(shown["next"]) == 10
    assert [tick["reason"] for tick in shown["ticks"]] == ["manual"]
    assert "somebody asked for a run now" in node.cli("schedules", "ticks", "hourly")
    node.cli("schedules", "resume", "hourly")
    other = node.folder / "other.toml"
    other.write_text(NIGHTLY)
    assert node.cli("schedules", "apply", "other.toml", "--dry-run").startswith("schedule nightly added\n")
    assert "nightly" not in node.cli("schedules", "list")
    node.cli("schedules", "apply", "other.toml")
    assert "file:other.toml" in node.cli("schedules", "list")
    assert "other.toml:2: warning: nightly: on " in node.cli("schedules", "lint", "other.toml")
    node.cli("schedules", "remove", "hourly", "nope", status=1)
    assert "hourly" not in node.cli("schedules", "list")
    assert node.stop() == 0


def test_a_node_with_a_faulty_file_does_not_start(tmp_path: Path) -> None:
    """The fault is one of the node's configuration: told with its line before anything starts."""
    (tmp_path / "node.toml").write_text('[schedules]\nfile = "schedules.toml"\n')
    (tmp_path / "schedules.toml").write_text("[schedules.a]\ncron = 5\ntask = 'a.b'\n")
    for words in (["node", "node.toml"], ["up", "node.toml"]):
        ended = subprocess.run(
            [sys.executable, "-m", "mainspring", *words], cwd=tmp_path, capture_output=True, text=True, timeout=BOUND_S
        )
        assert (ended.returncode, ended.stdout) == (2, "")
        told = f"mainspring: {tmp_path}/schedules.toml:2: schedules.a.cron = 5: give a cron expression in quotes\n"
        assert ended.stderr == told
    assert not (tmp_path / "mainspring-data").exists()
