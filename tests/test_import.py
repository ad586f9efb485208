"""What `import mainspring` and the client cost those who use nothing else."""

import json
import subprocess
import sys

PROGRAM = """
import sys, time
before = set(sys.modules)
started = time.process_time()
import mainspring
{use}
took_ms = (time.process_time() - started) * 1000
import json
print(json.dumps([took_ms, sorted(set(sys.modules) - before)]))
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
IMPORT_MS_MAX = 120


def imported(use: str) -> tuple[float, set[str]]:
    """Returns (milliseconds of work, modules) of a use in a fresh process, the best of three."""
    runs: list[tuple[float, list[str]]] = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(use=use)], capture_output=True, text=True, check=True
        )
        runs.append(tuple(json.loads(done.stdout)))
    took_ms, modules = min(runs)
    return took_ms, set(modules)


def test_the_root_imports_nothing() -> None:
    """Names are imported when they are asked for."""
    _, modules = imported("")
    assert not any(name.startswith(("mainspring.", "zmq", "msgpack")) for name in modules)


def test_the_client_is_light() -> None:
    """No event loop, no settings, no SQL, and soon done."""
    took_ms, modules = imported("mainspring.Client")
    assert not HEAVY & {name.split(".")[0] for name in modules}
    assert took_ms <= IMPORT_MS_MAX


def test_a_task_module_is_light() -> None:
    """Declaring tasks loads no sockets."""
    _, modules = imported("mainspring.task, mainspring.job")
    assert not (HEAVY | {"zmq"}) & {name.split(".")[0] for name in modules}
