"""Several nodes in the foreground come and go together; they are real, without executors."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import wait_dead

from mainspring.nodes.cli.control import ask, control_path

PATIENCE_S = 30


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two nodes' files."""
    made: list[Path] = []
    for name in ("a", "b"):
        made.append(tmp_path / f"{name}.toml")
        made[-1].write_text(f'[node]\nname = "{name}"\ndata_dir = "{name}"\n')
    return made


@pytest.fixture
def up(files: list[Path]) -> Iterator["subprocess.Popen[str]"]:
    """`mainspring up` with both files."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mainspring", "up", *map(str, files)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def ready_lines(up: "subprocess.Popen[str]") -> list[str]:
    """Waits until both are ready."""
    assert up.stdout is not None
    return [up.stdout.readline(), up.stdout.readline()]


def test_they_are_ready_together_and_stop_together(up: "subprocess.Popen[str]", files: list[Path]) -> None:
    """One line a node, in the order of the files, and status 0 after Ctrl-C."""
    assert ready_lines(up) == [f"ready ipc://{file.with_suffix('')}/coordinator.sock\n" for file in files]
    for file in files:
        told = list(ask(control_path(file, None), {"do": "status"}))
        assert [row["process"] for row in told[:-1]] == ["supervisor", "coordinator"], "each has a socket of its own"
    up.send_signal(signal.SIGINT)
    _, log = up.communicate(timeout=PATIENCE_S)
    assert up.returncode == 0
    assert log.count("coordinator: exited with status 0") == 2


@pytest.fixture
def scheduled(files: list[Path]) -> None:
    """Each node has a file of schedules."""
    for file in files:
        schedules = file.with_suffix(".schedules.toml")
        schedules.write_text("[schedules]\n")
        file.write_text(f'{file.read_text()}[schedules]\nfile = "{schedules.name}"\n')


def test_a_hangup_reaches_the_schedules_of_each(scheduled: None, up: "subprocess.Popen[str]") -> None:
    """Every node must apply its file again, and none may end."""
    assert len(ready_lines(up)) == 2
    assert up.stderr is not None
    up.send_signal(signal.SIGHUP)
    applied: list[str] = []
    while len(applied) < 4:
        line = up.stderr.readline()
        assert line, "the nodes have ended"
        applied += re.findall(r"\b[ab]\.schedules\.toml is applied", line)
    assert sorted(applied) == [f"{name}.schedules.toml is applied" for name in ("a", "a", "b", "b")]
    up.send_signal(signal.SIGINT)
    up.communicate(timeout=PATIENCE_S)
    assert up.returncode == 0


def test_one_that_ends_stops_the_other(up: "subprocess.Popen[str]", files: list[Path]) -> None:
    """The status must be 1, and the node that ended must be named."""
    ready_lines(up)
    os.kill(int((files[1].with_suffix("") / "supervisor.lock").read_text()), signal.SIGKILL)
    _, log = up.communicate(timeout=PATIENCE_S)
    assert up.returncode == 1
    assert f"mainspring: the node of {files[1]} has ended with status -9; the others are stopped\n" in log


def test_nothing_outlives_their_killed_parent(up: "subprocess.Popen[str]", files: list[Path]) -> None:
    """Both nodes and their processes must die with the command."""
    ready_lines(up)
    supervisors = [int((file.with_suffix("") / "supervisor.lock").read_text()) for file in files]
    up.kill()
    _, log = up.communicate(timeout=PATIENCE_S)
    coordinators = [int(pid) for pid in re.findall(r"coordinator: started pid=(\d+)", log)]
    assert len(coordinators) == 2
    wait_dead([*supervisors, *coordinators])
