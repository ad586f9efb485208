"""What a client pays for importing the task API."""

import subprocess
import sys


def test_the_task_api_loads_nothing_heavy() -> None:
    """No event loop, no pydantic, no sockets and no storage come with `task`, `job` and `Context`."""
    code = (
        "import sys\nfrom mainspring import Context, job, task\n"
        "heavy = {'asyncio', 'pydantic', 'zmq', 'apsw', 'sqlite3', 'rich', 'typer', 'subprocess', 'ssl', 'msgpack'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)

    assert ran.stdout.strip() == "[]"
