"""What `import mainspring` and the client cost those who use nothing else."""

import json
import subprocess
import sys

PROGRAM = """
import sys
before = set(sys.modules)
import mainspring
{use}
loaded = sorted(set(sys.modules) - before)
import json
print(json.dumps(loaded))
"""

HEAVY = {
    "asyncio",
    "pydantic",
    "typer",
    "rich",
    "sqlite3",
    "apsw",
    "sqlite_utils",
    "croniter",
    "multiprocessing",
    "concurrent",
}
MODULES_MAX = 240
"""What takes time is how much is loaded; the milliseconds are measured by `mainspring bench --only N18`."""


def imported(use: str) -> set[str]:
    """Returns the modules that a use loads in a fresh process."""
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(use=use)], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_the_root_imports_nothing() -> None:
    """Names are imported when they are asked for."""
    modules = imported("")
    assert not any(name.startswith(("mainspring.", "zmq", "msgpack")) for name in modules)


def test_the_client_is_light() -> None:
    """No event loop, no settings, no SQL, and not much else."""
    modules = imported("mainspring.Client")
    assert not HEAVY & {name.split(".")[0] for name in modules}
    assert len(modules) <= MODULES_MAX


def test_a_task_module_is_light() -> None:
    """Declaring tasks loads no sockets."""
    modules = imported("mainspring.task, mainspring.job")
    assert not (HEAVY | {"zmq"}) & {name.split(".")[0] for name in modules}
