"""The wheel that users install holds the whole package, and works outside the checkout."""

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from tidy.source import PACKAGE_FOLDERS, ROOT, walk_files

pytestmark = pytest.mark.slow

READY_TIMEOUT_S = 30
STOP_TIMEOUT_S = 20

TASKS = """
import mainspring


@mainspring.task
def add(a: int, b: int) -> int:
    return a + b
"""

USER = """
import mainspring
import mytasks

with mainspring.Client() as client:
    print(client.submit(mytasks.add.job(1, 2)).result(timeout=20))
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Runs a command outside the checkout; a failure shows what it said."""
    done = subprocess.run(command, cwd=cwd, env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def clean_environment() -> dict[str, str]:
    """The environment without what would lead Python or a client back to the checkout or to another node."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAINSPRING_", "PYTHON")) and name != "VIRTUAL_ENV"
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the checkout, so that no build output is left or taken there."""
    folder = tmp_path_factory.mktemp("wheel")
    checkout = folder / "checkout"
    for path in walk_files():
        target = checkout / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "-w",
        folder / "out",
        checkout,
        cwd=folder,
    )
    (built,) = (folder / "out").glob("mainspring-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a fresh environment that knows the wheel and not the checkout."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    run(folder / "venv/bin/python", "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    return folder / "venv/bin"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's folder with a module of tasks and a program that sends one."""
    (tmp_path / "mytasks.py").write_text(TASKS)
    (tmp_path / "user.py").write_text(USER)
    return tmp_path


@pytest.fixture
def node(installed: Path, project: Path) -> Iterator[subprocess.Popen[str]]:
    """A node started in the user's folder, ready for jobs; whatever is left of it is killed."""
    environment = {**clean_environment(), "MAINSPRING_TASKS": "mytasks"}
    with (project / "node.log").open("w") as log:
        process = subprocess.Popen(
            [installed / "mainspring", "up"],
            cwd=project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        line = wait_for_line(process.stdout, "ready ")
        assert line is not None, f"the node did not become ready\n{(project / 'node.log').read_text()}"
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()


def wait_for_line(stream: IO[str], start: str) -> str | None:
    """Waits for a line that starts so; None if the stream ends or the time is over before it comes."""
    found: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        found.put(next((line for line in stream if line.startswith(start)), None))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        return found.get(timeout=READY_TIMEOUT_S)
    except queue.Empty:
        return None


def test_the_wheel_holds_the_package(wheel: Path) -> None:
    """Every file of the package is in the wheel under mainspring/, and nothing else is."""
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {"mainspring/py.typed"}
    for path in walk_files():
        relative = path.relative_to(ROOT)
        is_root_module = len(relative.parts) == 1 and path.suffix == ".py"
        if is_root_module or relative.parts[0] in {*PACKAGE_FOLDERS, "config"}:
            expected.add(f"mainspring/{relative.as_posix()}")
    assert held == expected


def test_the_installed_package_imports(installed: Path, tmp_path: Path) -> None:
    """The import comes from the environment, loads no part of the package, and knows its version."""
    program = (
        "import sys, mainspring\n"
        "print(mainspring.__file__, mainspring.__version__)\n"
        "print(sorted(name for name in sys.modules if name.startswith('mainspring.')))"
    )
    first, second = run(installed / "python", "-c", program, cwd=tmp_path).splitlines()
    assert first.startswith(str(installed.parent))
    assert second == "[]"


def test_a_job_runs_outside_the_checkout(installed: Path, project: Path, node: subprocess.Popen[str]) -> None:
    """A node from the wheel runs a job of a user's module, gives its result, and ends well on SIGTERM."""
    assert run(installed / "python", "user.py", cwd=project).strip() == "3"
    node.send_signal(signal.SIGTERM)
    assert node.wait(timeout=STOP_TIMEOUT_S) == 0, (project / "node.log").read_text()
