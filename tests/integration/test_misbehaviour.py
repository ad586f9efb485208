"""Jobs that misbehave on a real node: each has a recorded outcome, nothing of it is left, and the next job runs."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from live_node import BOUND_S, LiveNode, is_alive, wait_until

import mainspring
from mainspring.actors.limits import CRASHES_MAX
from mainspring.broker.net.exceptions import JobFailed
from mainspring.broker.net.handles import JobHandle

HERE = Path(__file__).parent
NODE = """
[[executor]]
tasks = ["misbehaving_tasks"]
process_slots = 2
thread_slots = 4
kill_grace_ms = 300
"""


class Attempt(NamedTuple):
    """One row of v_executions."""

    outcome: str
    error_kind: str | None
    error: str | None
    output: str | None


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """One node for the whole file; nobody reads its standard output."""
    folder = tmp_path_factory.mktemp("misbehaviour")
    (folder / "node.toml").write_text(NODE)
    (folder / "misbehaving_tasks.py").write_text((HERE / "misbehaving_tasks.py").read_text())
    live = LiveNode(folder, "", arguments=["node.toml"])
    live.start()
    yield live
    if live.process is not None and live.process.poll() is None:
        live.kill()


@pytest.fixture
def client(node: LiveNode) -> Iterator[mainspring.Client]:
    """A client of that node."""
    with mainspring.Client(node.url, timeout=BOUND_S) as connected:
        yield connected


def _submit(client: mainspring.Client, name: str, *args: object) -> JobHandle[object]:
    return client.submit(mainspring.job(f"misbehaving_tasks.{name}", *args))


def _attempts(node: LiveNode, handle: JobHandle[object]) -> list[Attempt]:
    """Waits for the job's end, and returns its attempts from the shard file once they are there."""
    handle.wait(BOUND_S)
    (path,) = node.data_dir.glob("tasks_*.db")
    rows: list[Attempt] = []

    def ended() -> bool:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as shard:
            # The state first: what stood there before it ended stands there still.
            (state,) = shard.execute("SELECT state FROM v_jobs WHERE id = ?", (handle.id,)).fetchone() or ("",)
            sql = "SELECT outcome, error_kind, error, output FROM v_executions WHERE job_id = ? ORDER BY attempt"
            rows[:] = [Attempt(*row) for row in shard.execute(sql, (handle.id,))]
        return state in ("succeeded", "dead", "cancelled", "expired")

    wait_until(ended, f"job {handle.id} to be in the shard file as ended")
    return rows


CRASHES = [
    ("exits_0", "exited with status 0"),
    ("exits_7", "exited with status 7"),
    ("segfaults", "signal 11 (SIGSEGV)"),
    ("is_killed", "signal 9 (SIGKILL)"),
    ("closes_all", "closed its connection"),
    ("forks", "exited with status 1"),
    ("forks_behind_python", "exited with status 1"),
    ("leaves_a_daemon", "exited with status 1"),
    ("kills_its_siblings", "signal 9 (SIGKILL)"),
    ("kills_its_loop", "exited with status 3"),
    ("kills_its_thread", "exited with status 3"),
]


@pytest.mark.parametrize(("name", "words"), CRASHES)
def test_a_poison_job_ends_dead_with_the_last_words_of_its_child(
    node: LiveNode, client: mainspring.Client, name: str, words: str
) -> None:
    """Each attempt crashes, within the budget for that; what the child has written is kept, and the next job runs."""
    handle = _submit(client, name)
    attempts = _attempts(node, handle)
    crashed = [attempt for attempt in attempts if attempt.outcome != "returned"]
    assert [attempt.outcome for attempt in crashed] == ["crashed"] * CRASHES_MAX
    assert [attempt.error_kind for attempt in crashed] == ["crash"] * (CRASHES_MAX - 1) + ["crash_budget"]
    for attempt in crashed:
        assert words in str(attempt.error)
        assert f"begins: {name}" in str(attempt.output)
    with pytest.raises(JobFailed):
        handle.result()
    assert _submit(client, "returns", 1).result(BOUND_S) == 1


FAILURES = [
    ("raises", "failed", "ValueError", "on purpose"),
    ("asks_to_exit", "failed", "SystemExit", "enough"),
    ("maps_too_much", "failed", "memory_limit", "64 MiB"),
    ("starts_what_uses_too_much", "failed", "memory_limit", "more than its limit of 64.0 MiB"),
    ("computes", "failed", "cpu_limit", "0.2 s of CPU time"),
    ("starts_what_computes", "failed", "cpu_limit", "more than its limit of 0.2 s"),
    ("ignores_everything", "timed_out", "killed", "did not stop within 300 ms"),
    ("stops_itself", "timed_out", "killed", "did not stop within 300 ms"),
    ("uses_up_descriptors", "failed", "OSError", "Too many open files"),
    ("blocks_its_loop", "timed_out", "killed", "did not stop within 300 ms"),
    ("hangs_in_a_thread", "timed_out", "killed", "did not stop within 300 ms"),
]


@pytest.mark.parametrize(("name", "outcome", "kind", "words"), FAILURES)
def test_a_job_that_goes_too_far_fails(
    node: LiveNode, client: mainspring.Client, name: str, outcome: str, kind: str, words: str
) -> None:
    """Once; what was found stands in its error, what it has written in its output, and the next job runs."""
    (attempt,) = _attempts(node, _submit(client, name))
    assert (attempt.outcome, attempt.error_kind) == (outcome, kind)
    assert words in str(attempt.error)
    assert f"begins: {name}" in str(attempt.output)
    assert _submit(client, "returns", 2).result(BOUND_S) == 2


def test_a_success_keeps_no_output(node: LiveNode, client: mainspring.Client) -> None:
    """Nor does the next failure in the same child have it."""
    for _ in range(4):
        (attempt,) = _attempts(node, _submit(client, "returns", 3))
        assert attempt == ("succeeded", None, None, None)
    (attempt,) = _attempts(node, _submit(client, "raises"))
    assert attempt.output == "begins: raises\n"


def test_the_neighbours_of_a_thread_that_hangs_go_back_unpunished(node: LiveNode, client: mainspring.Client) -> None:
    """They run again in the next child."""
    others = [_submit(client, "waits_in_a_thread", 1.5) for _ in range(2)]
    wait_until(lambda: {each.status() for each in others} == {"running"}, "the neighbours to run")
    (attempt,) = _attempts(node, _submit(client, "hangs_in_a_thread"))
    assert attempt.outcome == "timed_out"
    for each in others:
        outcomes = [attempt.outcome for attempt in _attempts(node, each)]
        assert outcomes[-1] == "succeeded"
        assert set(outcomes[:-1]) <= {"returned"}, outcomes


def test_a_job_that_closes_its_output_is_none_the_worse(node: LiveNode, client: mainspring.Client) -> None:
    """Nobody waits for the end of it; the next job of that child finds its process so, and finds no slot taken."""
    assert _submit(client, "closes_its_output").result(BOUND_S) == "done"
    outcomes = [_attempts(node, _submit(client, "returns", 4))[0] for _ in range(4)]
    assert {attempt.outcome for attempt in outcomes} <= {"succeeded", "failed"}
    children = node.actors("runners.child")
    for child in children:
        child.kill()
    wait_until(lambda: not any(map(is_alive, children)), "the children to be replaced by fresh ones")


def test_what_a_job_changes_in_its_process_the_next_one_finds(client: mainspring.Client) -> None:
    """Folder, umask and environment belong to the child, as the documentation says."""
    assert _submit(client, "changes_its_process").result(BOUND_S) == "done"
    found = [_submit(client, "tells_of_its_process").result(BOUND_S) for _ in range(8)]
    assert ["yes", 0o077] in found


def test_a_job_that_writes_without_end_holds_up_nobody(node: LiveNode, client: mainspring.Client) -> None:
    """Only the end of it is kept, the executor grows little, and others run meanwhile."""
    (executor,) = node.actors("processes.executor")
    before = executor.memory_info().rss
    handle = _submit(client, "writes_a_lot", 500)
    wait_until(lambda: handle.status() == "running", "the job to run")
    assert [_submit(client, "returns", n).result(BOUND_S) for n in range(20)] == list(range(20))
    (attempt,) = _attempts(node, handle)
    assert attempt.outcome == "failed"
    assert attempt.output is not None
    assert attempt.output.endswith("x\nends: writes_a_lot\n")
    assert len(attempt.output.encode()) <= 8 * 1024
    assert executor.memory_info().rss - before < 16 * 1024 * 1024


def test_in_the_end_all_slots_are_free_and_nothing_is_left(node: LiveNode, client: mainspring.Client) -> None:
    """No process of any job has outlived its child, and none of the node outlives the node."""
    left = [int(line) for line in (node.folder / "left.txt").read_text().split()]
    assert len(left) >= 3 * CRASHES_MAX
    wait_until(lambda: not any(map(psutil.pid_exists, left)), "every process that a job has left to be gone")
    wait_until(lambda: [row["used"] for row in client.query("executors")] == [0], "every slot to be free")
    below = node.below()
    assert node.stop() == 0
    assert not any(map(is_alive, below))


def test_what_jobs_have_started_dies_with_an_executor_that_is_killed(tmp_path: Path) -> None:
    """The kernel kills the runner children with it, and the supervisor whatever bears their mark."""
    (tmp_path / "misbehaving_tasks.py").write_text((HERE / "misbehaving_tasks.py").read_text())
    (tmp_path / "node.toml").write_text(NODE)
    live = LiveNode(tmp_path, "", arguments=["node.toml"])
    live.start()
    try:
        with mainspring.Client(live.url, timeout=BOUND_S) as client:
            _submit(client, "keeps_two_busy")
            file = tmp_path / "left.txt"
            wait_until(lambda: file.exists() and file.read_text().count("\n") == 2, "the job to have started two")
            left = [int(line) for line in file.read_text().split()]
            (executor,) = live.actors("processes.executor")
            executor.kill()
            wait_until(lambda: not any(map(psutil.pid_exists, left)), "both to be gone")
            assert _submit(client, "returns", 5).result(BOUND_S) == 5
    finally:
        live.kill()
