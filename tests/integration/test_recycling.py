"""Children that are replaced while jobs run, threads, and labels: on a real node."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_node import BOUND_S, LiveNode, is_alive, wait_until

import mainspring
from mainspring.broker.net.exceptions import TaskRefused

HERE = Path(__file__).parent
NODE = """
[[executor]]
name = "plain"
tasks = ["recycled_tasks"]
process_slots = 2
asyncio_slots = 10
thread_slots = 4
recycle = { jobs_max = 50, rss_bytes_max = 200_000_000 }

[[executor]]
name = "labelled"
tasks = ["recycled_tasks"]
queues = ["gpu"]
process_slots = 1
labels = { gpu = "a100", zone = "b" }
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """One node for the whole file."""
    folder = tmp_path_factory.mktemp("recycling")
    (folder / "node.toml").write_text(NODE)
    (folder / "recycled_tasks.py").write_text((HERE / "recycled_tasks.py").read_text())
    live = LiveNode(folder, "", arguments=["node.toml"])
    live.start()
    yield live
    live.kill()


@pytest.fixture
def client(node: LiveNode) -> Iterator[mainspring.Client]:
    """A client of that node."""
    with mainspring.Client(node.url, timeout=BOUND_S) as connected:
        yield connected


def _outcomes(node: LiveNode, ids: list[int]) -> set[str]:
    """Returns how attempts of these jobs have ended, once all of them are in the shard file."""
    (path,) = node.data_dir.glob("tasks_*.db")
    rows: list[tuple[str]] = []

    def are_there() -> bool:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as shard:
            listed = ",".join(map(str, ids))
            sql = f"SELECT outcome FROM v_executions WHERE job_id IN ({listed})"
            rows[:] = shard.execute(sql).fetchall()
        return len(rows) >= len(ids)

    wait_until(are_there, "the attempts to be in the shard file")
    return {outcome for (outcome,) in rows}


@pytest.mark.parametrize("name", ["in_process", "in_loop", "in_thread"])
def test_no_job_is_lost_or_punished_while_children_are_replaced(
    node: LiveNode, client: mainspring.Client, name: str
) -> None:
    """Hundreds of jobs run in several children, one after the other; each runs to its end in its only attempt.

    On a machine that is held up one may have waited too long for its slot, and gone back, before.
    """
    pids: set[int] = set()
    for _ in range(5):
        handles = client.submit_many([mainspring.job(f"recycled_tasks.{name}") for _ in range(200)])
        found = [handle.result(BOUND_S) for handle in handles]
        pids |= {each[0] if isinstance(each, list) else each for each in found}  # type: ignore[misc]  # they are ids
        assert _outcomes(node, [handle.id for handle in handles]) - {"returned"} == {"succeeded"}

    def is_replaced() -> bool:
        told = client.submit(mainspring.job(f"recycled_tasks.{name}")).result(BOUND_S)
        pids.add(told[0] if isinstance(told, list) else told)  # type: ignore[arg-type]  # as above
        return len(pids) >= (3 if name == "in_process" else 2)

    wait_until(is_replaced, "other children to have been at work")
    children = {process.pid for process in node.actors("runners.child")}
    wait_until(lambda: len({process.pid for process in node.actors("runners.child")}) <= 8, f"{children} to be few")


def test_threads_run_side_by_side(client: mainspring.Client) -> None:
    """As many as there are slots, in one child."""
    handles = client.submit_many([mainspring.job("recycled_tasks.in_thread") for _ in range(20)])
    assert all(isinstance(handle.result(BOUND_S), list) for handle in handles)


def test_a_child_that_has_grown_is_replaced(node: LiveNode, client: mainspring.Client) -> None:
    """Its memory goes back to the machine; no job notices."""
    pid = client.submit(mainspring.job("recycled_tasks.leaks", 300)).result(BOUND_S)
    assert isinstance(pid, int)
    (grown,) = [process for process in node.actors("runners.child") if process.pid == pid]
    wait_until(lambda: not is_alive(grown), "the child that has grown to be let go")


def test_a_task_runs_only_where_its_labels_are(node: LiveNode, client: mainspring.Client) -> None:
    """The executor without them does not even take it; what nobody has labels for is refused as unknown."""
    handles = client.submit_many([mainspring.job("recycled_tasks.on_gpu") for _ in range(10)], queue="gpu")
    (executor,) = [process for process in node.actors("processes.executor") if "labelled" in process.cmdline()]
    assert {handle.result(BOUND_S) for handle in handles} == {executor.pid}
    told = {row["executor"]: row["labels"] for row in client.query("executors")}
    assert told == {"plain": "", "labelled": "gpu=a100 zone=b"}
    with pytest.raises(TaskRefused):
        client.submit(mainspring.job("recycled_tasks.nowhere"))
