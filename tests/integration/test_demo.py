"""`mainspring demo` as people run it: on real processes, twice in a row, kept, interrupted, and refused."""

import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from processes import wait_dead

from mainspring.nodes.demo import load
from mainspring.nodes.demo.summary import summarize
from mainspring.nodes.demo.tree import read_tree

PATIENCE_S = 60
FILES = 40

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with a small tree in `src`, some of it binary."""
    (tmp_path / "src").mkdir()
    for number in range(FILES):
        (tmp_path / "src" / f"{number:03}.py").write_bytes(bytes([number, 10]) * (number * 500))
    return tmp_path


@pytest.fixture
def started() -> Iterator[list["subprocess.Popen[str]"]]:
    """A list that kills what a failed test leaves behind; the nodes die with the demonstrations."""
    made: list[subprocess.Popen[str]] = []
    yield made
    for process in made:
        process.kill()
        process.communicate()


def demo(folder: Path, *words: str) -> "subprocess.Popen[str]":
    """Starts the demonstration on the small tree."""
    return subprocess.Popen(
        [sys.executable, "-m", "mainspring", "demo", "--tree", "src", *words],
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines_until(process: "subprocess.Popen[str]", part: str) -> list[str]:
    """Reads what is printed up to the first line with this part."""
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line)
        if part in line:
            return seen
    raise AssertionError(f"it has ended without {part!r}:\n{''.join(seen)}")


def test_a_kept_node_runs_on_and_a_second_run_counts_its_own_jobs(
    folder: Path, started: list["subprocess.Popen[str]"]
) -> None:
    """With --keep the node must take jobs until Ctrl-C; a run after that, on the same data, must be right again."""
    kept = demo(folder, "--keep")
    started.append(kept)
    text = "".join(lines_until(kept, "Ctrl-C stops it"))
    assert "every count is what it must be" in text
    pids = [process.pid for process in psutil.Process(kept.pid).children(recursive=True)]
    assert len(pids) >= 6
    words = ["submit", "demo.echo", "7", "--wait"]
    found = subprocess.run(
        [sys.executable, "-m", "mainspring", *words], cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert found.stdout == "7\n", found.stderr
    refused = demo(folder)
    started.append(refused)
    _, errors = refused.communicate(timeout=PATIENCE_S)
    assert refused.returncode == 1
    assert "another node uses it" in errors
    assert "--data-dir" in errors
    kept.send_signal(signal.SIGINT)
    kept.communicate(timeout=PATIENCE_S)
    assert kept.returncode == 0
    wait_dead(pids)

    second = demo(folder, "--svg", "demo.svg")
    started.append(second)
    text, errors = second.communicate(timeout=PATIENCE_S)
    assert (second.returncode, errors) == (0, "")
    assert f"{FILES} files" in text.splitlines()[0]
    assert "queue = 'demo-2'" in text
    assert re.search(r"instants with exactly one tick +7 +7 +✓", text)
    assert "crontabs" in text
    assert "every count is what it must be" in text.splitlines()[-1]
    assert ElementTree.parse(folder / "demo.svg").getroot().tag.endswith("svg")
    # The file is as good without the node; a tree that has another file than the run had is found out.
    file = folder / "mainspring-data" / "tasks_default_shard_0.db"
    assert summarize(file, "demo-2", load.expected(read_tree(folder / "src"))).is_right
    (folder / "src" / "late.py").write_text("late\n")
    assert len(summarize(file, "demo-2", load.expected(read_tree(folder / "src"))).faults) == 6


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_an_interrupted_run_leaves_nothing(
    folder: Path, started: list["subprocess.Popen[str]"], number: signal.Signals, status: int
) -> None:
    """However the demonstration ends, its node must end with it."""
    process = demo(folder)
    started.append(process)
    lines_until(process, "jobs have ended")
    pids = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    process.send_signal(number)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == status
    wait_dead(pids)


def test_a_node_that_dies_is_told(folder: Path, started: list["subprocess.Popen[str]"]) -> None:
    """If the node ends in the middle, the demonstration must say so and end with status 1."""
    process = demo(folder)
    started.append(process)
    lines_until(process, "jobs have ended")
    (node,) = psutil.Process(process.pid).children()
    node.kill()
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "the node has ended by itself with status -9" in errors


def test_a_tree_that_is_not_there_is_refused(folder: Path, started: list["subprocess.Popen[str]"]) -> None:
    """Nothing must be started or made for a tree that cannot be used."""
    started.append(demo(folder, "--tree", "nowhere"))
    text, errors = started[-1].communicate(timeout=PATIENCE_S)
    assert (started[-1].returncode, text) == (1, "")
    assert errors == "mainspring: there is no folder nowhere; give one with --tree\n"
    assert not (folder / "mainspring-data").exists()


def test_a_picture_that_cannot_be_written_is_refused_at_once(
    folder: Path, started: list["subprocess.Popen[str]"]
) -> None:
    """A folder that is not there must be told before the run, not after it."""
    started.append(demo(folder, "--svg", "nowhere/demo.svg"))
    text, errors = started[-1].communicate(timeout=PATIENCE_S)
    assert (started[-1].returncode, text) == (2, "")
    assert "make nowhere first" in errors
