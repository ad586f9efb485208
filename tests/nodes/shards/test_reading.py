"""Files of a node are opened so that it is not in the way, and so that whoever waits can go."""

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from stored_node import StoredNode

from mainspring.nodes.shards.reading import keeping_nodes_out
from mainspring.nodes.supervisor.data_dir import DataDir

pytestmark = pytest.mark.slow

BOUND_S = 30
STARTED_CPU_S = 1.5
"""More than a start takes: what goes on after it is in the statement."""
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
PROGRAM = """
import signal, sys
from mainspring.nodes.cli import app
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background would have it ignored
sys.exit(app.run(sys.argv[1:]))
"""
READER = """
import signal, sys
from pathlib import Path
from mainspring.nodes.shards.reading import open_to_read
signal.signal(signal.SIGINT, signal.default_int_handler)
connection = open_to_read(Path(sys.argv[1]), alone=True)
connection.execute(sys.argv[2])
"""


def interrupted(*words: str) -> tuple[int, str]:
    """Runs Python, interrupts it when a statement has taken some time, and returns status and standard error."""
    with subprocess.Popen([sys.executable, *words], stderr=subprocess.PIPE, text=True) as reader:
        assert reader.stderr is not None
        try:
            until_s = time.monotonic() + BOUND_S
            while psutil.Process(reader.pid).cpu_times().user < STARTED_CPU_S:
                assert time.monotonic() < until_s, "the statement takes no time"
                with suppress(subprocess.TimeoutExpired):
                    raise AssertionError(f"it ended with {reader.wait(0.01)}")
            reader.send_signal(signal.SIGINT)
            return reader.wait(BOUND_S), reader.stderr.read()
        finally:
            reader.kill()


def test_a_supervisor_without_its_coordinator_is_a_node_that_runs(tmp_path: Path) -> None:
    """It is about to start it again, and the log must be free then."""
    folder = StoredNode(tmp_path / "data").work(1).close()
    with keeping_nodes_out(folder) as alone:
        assert alone
        assert not (folder / "supervisor.lock").exists()
    held = DataDir(folder)
    with keeping_nodes_out(folder) as alone:
        assert not alone
        StoredNode(folder).close()
    held.close()
    with keeping_nodes_out(folder) as alone:
        assert alone


def test_a_long_statement_hears_of_a_ctrl_c(tmp_path: Path) -> None:
    """SQLite would go on for minutes otherwise."""
    folder = StoredNode(tmp_path / "data").work(1).close()
    said = interrupted("-c", READER, str(folder / "tasks_default_shard_0.db"), ENDLESS)
    assert said[1].endswith("KeyboardInterrupt\n")


@pytest.mark.parametrize(
    "words",
    [
        ("query", ENDLESS, "--timeout", "100"),
        ("export", "--where", f"id = ({ENDLESS})"),
        ("export", "--where", f"id = ({ENDLESS})", "--output", "rows.csv"),
    ],
)
def test_a_command_hears_of_a_ctrl_c(words: tuple[str, ...], tmp_path: Path) -> None:
    """It ends with the status of an interruption, says nothing, and leaves nothing behind."""
    folder = StoredNode(tmp_path / "data").work(1).close()
    before = set(folder.iterdir())
    words = tuple(str(folder / word) if word == "rows.csv" else word for word in words)
    assert interrupted("-c", PROGRAM, "shards", *words, "--data", str(folder)) == (130, "")
    assert {path for path in folder.iterdir() if not path.name.endswith(("-shm", "-wal"))} == before
