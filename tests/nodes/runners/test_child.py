"""The entry of a child: its arguments, its death with the parent, its refusal to start on broken code."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from runner_children import BOUND_SECONDS, Child

from mainspring.nodes.runners import frames
from mainspring.nodes.runners.child import parse

SpawnChild = Callable[..., Child]

PARENT = """
import sys
from mainspring.nodes.runners.handle import ChildHandle
child = ChildHandle.spawn(sys.argv[1], ["jobs"])
import select
select.select([child], [], [])
child.receive()
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("kind", ["process", "asyncio", "thread"])
def test_a_child_dies_with_its_parent(kind: str, tmp_path: Path) -> None:
    """Kill -9 of the parent kills the child, although it sits in a session of its own."""
    (tmp_path / "jobs.py").write_text("")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, kind],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        ready, _, _ = select.select([parent.stdout], [], [], BOUND_SECONDS)
        assert ready
        pid = int(parent.stdout.readline())
        fd = os.pidfd_open(pid)
        parent.send_signal(signal.SIGKILL)
        ready, _, _ = select.select([fd], [], [], BOUND_SECONDS)
        os.close(fd)

    assert ready, "the child lives on"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("import no_such_thing\n", "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("raise SystemExit(1)\n", "SystemExit: 1"),
        ("def broken(:\n", "SyntaxError"),
        ("@task(name='a')\ndef one(): ...\n@task(name='a')\ndef two(): ...\n", "two tasks are named a"),
        ("@task\ndef one(when: 'Nowhere'): ...\n", "annotation of 'when' in jobs.one cannot be resolved"),
    ],
)
def test_broken_task_modules_are_told_and_end_the_child(spawn: SpawnChild, source: str, text: str) -> None:
    """FAILED carries the reason, with the user's traceback where there is one; the exit status is 3."""
    child = spawn("process", source, ready=False)

    kind, told = child.next_frame()

    assert kind == frames.FAILED
    assert text in told
    assert "importlib" not in told
    assert child.end() == frames.EXIT_IMPORT


def test_a_child_whose_parent_has_gone_leaves(tmp_path: Path) -> None:
    """A child whose parent is not the one that it was told of ends itself."""
    words = ["--fd", "0", "--parent", "1", "--kind", "process", "--tasks", "", "--paths", "", "--keep", ""]

    ended = subprocess.run([sys.executable, "-m", "mainspring.nodes.runners.child", *words], timeout=BOUND_SECONDS)

    assert ended.returncode == frames.EXIT_ORPHAN


def test_the_working_directory_comes_first(spawn: SpawnChild, tmp_path: Path) -> None:
    """A module of the working directory is found before an installed one of the same name."""
    (tmp_path / "croniter.py").write_text("mine = True\n")

    spawn("process", "import croniter\nassert croniter.mine\n")


def test_a_process_child_is_light(spawn: SpawnChild) -> None:
    """A process child loads no event loop, and stays below 20 MiB of its own share of memory."""
    child = spawn("process", "import sys\nassert 'asyncio' not in sys.modules and 'pydantic' not in sys.modules\n")

    rollup = Path(f"/proc/{child.handle.pid}/smaps_rollup").read_text()
    pss_kib = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    assert pss_kib < 20 * 1024


@pytest.mark.parametrize(
    "words",
    [[], ["--fd", "3"], ["--fd", "3", "--parent", "1", "--kind", "goblin", "--tasks", "a"]],
)
def test_wrong_arguments_are_refused(words: list[str]) -> None:
    """The entry says what it takes."""
    with pytest.raises(ValueError, match="give --fd N"):
        parse(words)


def test_arguments_are_read() -> None:
    """All six pairs are needed, in any order; an empty list of task modules or folders is a list of none."""
    none = parse(["--tasks", "", "--fd", "3", "--paths", "", "--kind", "asyncio", "--keep", "", "--parent", "9"])
    words = ["--fd", "3", "--parent", "9", "--kind", "process", "--tasks", "a,b.c", "--paths", "/a:/b", "--keep", "4,5"]
    some = parse(words)

    assert (none.tasks, none.paths, none.keep, none.fd, none.parent) == ([], [], [], 3, 9)
    assert (some.tasks, some.paths, some.keep, some.kind) == (["a", "b.c"], ["/a", "/b"], [4, 5], "process")
