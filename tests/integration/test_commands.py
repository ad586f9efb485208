"""Declared commands on a real node: every way in which one ends, and that nothing of it is left."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from live_node import BOUND_S, LiveNode, is_alive, wait_until

import mainspring
from mainspring.broker.net.exceptions import JobFailed
from mainspring.broker.net.handles import JobHandle

NODE = """
[[executor]]
commands = "commands.toml"
command_slots = 6
kill_grace_ms = 300
[commands.fine]
argv = ["/bin/sh", "-c", "echo $MAINSPRING_TASK $MAINSPRING_ATTEMPT; echo to stderr >&2; exit 7"]
ok_exits = [7]
"""
# Each leaves its number, and that of a child of its own that ignores SIGTERM, in a file.
TREE = "(trap '' TERM; echo $$ $BASHPID > {0}.new; mv {0}.new {0}; while :; do sleep 1000; done) & wait"
COMMANDS = f"""
[commands.fails]
argv = ["/bin/sh", "-c", "echo no space left; exit 3"]
[commands.fails_once]
argv = ["/bin/sh", "-c", "test $MAINSPRING_ATTEMPT = 2"]
retries = 2
[commands.crashes]
argv = ["/bin/sh", "-c", "kill -SEGV $$"]
[commands.missing]
argv = ["no-such-program"]
retries = 5
[commands.big]
argv = ["/bin/sh", "-c", "echo begin; head -c 50000000 /dev/zero; echo end"]
output_bytes_max = 1000
[commands.late]
argv = ["/bin/bash", "-c", "{TREE.format("late")}"]
timeout = "500ms"
[commands.long]
argv = ["/bin/bash", "-c", "{TREE.format("long")}"]
[commands.orphan]
argv = ["/bin/bash", "-c", "set -m; {TREE.format("orphan")}"]
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """One node for the whole file; it has commands and no tasks."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "node.toml").write_text(NODE)
    (folder / "commands.toml").write_text(COMMANDS)
    live = LiveNode(folder, "", arguments=["node.toml"])
    live.start()
    yield live
    live.kill()


@pytest.fixture
def client(node: LiveNode) -> Iterator[mainspring.Client]:
    """A client of that node."""
    with mainspring.Client(node.url, timeout=BOUND_S) as connected:
        yield connected


def _submit(client: mainspring.Client, name: str, *args: object) -> JobHandle[Any]:
    return client.submit(mainspring.job(f"command.{name}", *args))


def _attempts(node: LiveNode, id: int) -> list[tuple[str, str | None]]:
    """Returns (outcome, error) of each attempt, from the shard file by SQL, once the job's end is in it."""
    (path,) = node.data_dir.glob("tasks_*.db")
    rows: list[tuple[str, str | None]] = []

    def ended() -> bool:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as shard:
            (state,) = shard.execute("SELECT state FROM v_jobs WHERE id = ?", (id,)).fetchone() or ("",)
            found = shard.execute("SELECT outcome, error FROM v_executions WHERE job_id = ? ORDER BY attempt", (id,))
            rows[:] = found.fetchall()
        return state in ("succeeded", "dead", "cancelled", "expired")

    wait_until(ended, f"job {id} to be in the shard file as ended")
    return rows


def _processes(path: Path) -> list[psutil.Process]:
    """Waits until a command has left the numbers of its processes, and returns these with all below them."""
    wait_until(path.exists, f"{path.name} to run")
    found = [psutil.Process(int(word)) for word in path.read_text().split()]
    path.unlink()
    wait_until(lambda: bool(found[1].children()), "the innermost process")
    return [*found, *found[1].children()]


def test_a_success_has_exit_status_and_output(node: LiveNode, client: mainspring.Client) -> None:
    """The result is JSON, with both streams."""
    told = {"exit": 7, "signal": None, "output": "command.fine 1\nto stderr\n", "output_bytes": 25, "truncated": False}
    handle = _submit(client, "fine")
    assert handle.result(BOUND_S) == told
    assert _attempts(node, handle.id) == [("succeeded", None)]


def test_commands_are_listed_and_submitted_like_tasks(node: LiveNode) -> None:
    """The command line needs to know nothing of commands."""
    program = [sys.executable, "-m", "mainspring"]
    listed = subprocess.run([*program, "tasks", "--json"], cwd=node.folder, capture_output=True, text=True, check=True)
    runners = {row["name"]: row["runner"] for row in json.loads(listed.stdout)}
    assert runners["command.fine"] == runners["command.fails"] == "command"
    words = [*program, "submit", "command.fine", "--wait"]
    done = subprocess.run(words, cwd=node.folder, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["exit"] == 7


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fails", "the command fails exited with status 3; its output ends:\nno space left"),
        ("crashes", "the command crashes was killed by signal 11 (SIGSEGV)"),
        ("missing", "the command missing: there is no program 'no-such-program'"),
    ],
)
def test_a_failure_is_one_failed_attempt(node: LiveNode, client: mainspring.Client, name: str, text: str) -> None:
    """Neither a segfault nor a missing program is a crash of the runner; what no attempt mends is tried once."""
    handle = _submit(client, name)
    with pytest.raises(JobFailed):
        handle.result(BOUND_S)
    ((outcome, error),) = _attempts(node, handle.id)
    assert outcome == "failed"
    assert error is not None
    assert error.startswith(text)


def test_arguments_fail_the_job(node: LiveNode, client: mainspring.Client) -> None:
    """Nothing that a client sends reaches a command."""
    with pytest.raises(JobFailed, match=r"command\.fine takes no arguments"):
        _submit(client, "fine", "; rm -rf /").result(BOUND_S)


def test_retries_are_as_declared(node: LiveNode, client: mainspring.Client) -> None:
    """A command that says so is run again after a failure, and knows the number of its attempt."""
    handle = _submit(client, "fails_once")
    assert handle.result(BOUND_S)["exit"] == 0
    assert [outcome for outcome, _ in _attempts(node, handle.id)] == ["failed", "succeeded"]


def test_large_output_is_cut(client: mainspring.Client) -> None:
    """Fifty megabytes end as a kilobyte and a count."""
    told = _submit(client, "big").result(BOUND_S)
    assert told["output_bytes"] == 50_000_010
    assert told["truncated"]
    assert len(told["output"]) < 1100


def test_a_timeout_ends_every_process(node: LiveNode, client: mainspring.Client) -> None:
    """At its timeout a command is gone, and what it has started, which ignores SIGTERM, too."""
    handle = _submit(client, "late")
    processes = _processes(node.folder / "late")
    assert [outcome for outcome, _ in _attempts(node, handle.id)] == ["timed_out"]
    wait_until(lambda: not any(map(is_alive, processes)), "every process of the command to end")


def test_a_cancel_ends_every_process(node: LiveNode, client: mainspring.Client) -> None:
    """A running command is cancelled; others go on."""
    handle, other = _submit(client, "long"), _submit(client, "orphan")
    processes, others = _processes(node.folder / "long"), _processes(node.folder / "orphan")
    assert handle.cancel() == "asked"
    assert handle.wait(BOUND_S) == "cancelled"
    wait_until(lambda: not any(map(is_alive, processes)), "every process of the command to end")
    assert all(map(is_alive, others))
    other.cancel()
    assert other.wait(BOUND_S) == "cancelled"


@pytest.mark.parametrize("word", ["processes.executor", "runners.child"])
def test_a_killed_executor_leaves_nothing_behind(node: LiveNode, client: mainspring.Client, word: str) -> None:
    """Kill -9 of the executor, or of the runner child, ends its commands; then they run again, once."""
    handles = [_submit(client, "long"), _submit(client, "orphan")]
    before = [process for name in ("long", "orphan") for process in _processes(node.folder / name)]
    # The keeper has the runner child's words, and is a child of it.
    (victim,) = (process for process in node.actors(word) if process.parent() not in node.actors("runners.child"))
    victim.kill()
    after = [process for name in ("long", "orphan") for process in _processes(node.folder / name)]
    assert not any(map(is_alive, before))  # the attempts have not overlapped
    for handle in handles:
        assert handle.cancel() == "asked"
        assert handle.wait(BOUND_S) == "cancelled"
        assert [outcome for outcome, _ in _attempts(node, handle.id)][-1] == "cancelled"
    wait_until(lambda: not any(map(is_alive, after)), "every process of the second attempts to end")


def test_a_stopping_node_ends_its_commands(tmp_path: Path) -> None:
    """What still runs when the node has waited long enough is ended, and the job goes back to run again later."""
    (tmp_path / "node.toml").write_text(f"[node]\ndrain_timeout_s = 0.2\n{NODE}")
    (tmp_path / "commands.toml").write_text(COMMANDS)
    live = LiveNode(tmp_path, "", arguments=["node.toml"])
    live.start()
    with mainspring.Client(live.url, timeout=BOUND_S) as client:
        handle = _submit(client, "orphan")
        processes = _processes(tmp_path / "orphan")
    assert live.stop() == 0
    assert not any(map(is_alive, processes))
    (path,) = live.data_dir.glob("tasks_*.db")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as shard:
        rows = shard.execute("SELECT outcome FROM v_executions WHERE job_id = ?", (handle.id,)).fetchall()
    assert rows == [("returned",)]
