"""kill -9 of any process under load: no acknowledged job is lost, no file breaks, no runner child is left behind."""

import random
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_node import BOUND_S, LiveNode, is_alive, wait_until

import mainspring
from mainspring.broker.net.exceptions import RequestError

HERE = Path(__file__).parent
ROUNDS = 12
TASKS = ("sync_quick", "async_quick", "async_slow", "sync_slow", "fails_first")


class Load:
    """Submits all the time from a thread, and remembers what was acknowledged."""

    def __init__(self, url: str, seed: int) -> None:
        self.url = url
        self.draws = random.Random(seed)
        self.acknowledged: dict[int, int] = {}
        self.unknown = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        number = 0
        with mainspring.Client(self.url, timeout=BOUND_S) as client:
            while not self.stopping.is_set():
                numbers = list(range(number, number + self.draws.randint(1, 20)))
                number = numbers[-1] + 1
                jobs = [mainspring.job(f"kill_tasks.{self.draws.choice(TASKS)}", each) for each in numbers]
                try:
                    handles = client.submit_many(jobs, delay=self.draws.choice((0, 0, 0, 0.2)))
                except RequestError:
                    self.unknown += len(jobs)
                    continue
                self.acknowledged.update((handle.id, each) for handle, each in zip(handles, numbers, strict=True))
                self.stopping.wait(0.005)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LiveNode]:
    """A node with the kill tasks."""
    (tmp_path / "kill_tasks.py").write_text((HERE / "kill_tasks.py").read_text())
    live = LiveNode(tmp_path, "kill_tasks")
    live.start()
    yield live
    if live.process is not None and live.process.poll() is None:
        live.kill()


def _kill_one(node: LiveNode, draws: random.Random) -> str:
    """Kills a process of a drawn kind with SIGKILL, and waits until the node has replaced it."""
    word = draws.choice(("processes.coordinator", "processes.executor", "runners.child", "runners.child", "supervisor"))
    if word == "supervisor":
        node.kill()
        node.start()
        return word
    victims = node.actors(word)
    if not victims:
        return "nobody"
    victim = draws.choice(victims)
    below = victim.children(recursive=True)
    count = len(victims)
    victim.kill()
    wait_until(lambda: not is_alive(victim), f"{word} to die")
    wait_until(lambda: not any(is_alive(child) for child in below), f"the children of {word} to die with it")
    wait_until(lambda: len(node.actors(word)) >= min(count, 1), f"{word} to be started again")
    return word


@pytest.mark.parametrize("seed", [1, 2])
def test_no_acknowledged_job_is_lost(node: LiveNode, seed: int) -> None:
    """Rounds of kill -9 under load: every acknowledged job ends, with one success and the right result."""
    draws = random.Random(seed)
    load = Load(node.url, seed)
    load.thread.start()
    killed: list[str] = []
    for _ in range(ROUNDS):
        before = len(load.acknowledged)
        wait_until(lambda before=before: len(load.acknowledged) > before + 100, "the load to go on")
        killed.append(_kill_one(node, draws))
    wait_until(lambda: len(load.acknowledged) > before + 300, "the load to go on after the last kill")
    load.stopping.set()
    load.thread.join(timeout=BOUND_S)
    assert not load.thread.is_alive()
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        handles = [client.job(id) for id in load.acknowledged]
        client.wait_all(handles, timeout=BOUND_S)
        wrong = {handle.id: handle.wait() for handle in handles if handle.wait() != "succeeded"}
        # A job whose runner was killed three times ends dead by its crash budget: recorded, not lost.
        assert all(state == "dead" for state in wrong.values()), (wrong, killed)
        good = [handle for handle in handles if handle.id not in wrong]
        assert all(handle.result() == 2 * load.acknowledged[handle.id] for handle in good)
    left = node.below()
    assert node.stop() == 0, node.log()
    wait_until(lambda: not any(is_alive(process) for process in left), "every process to end with the node")
    _check_files(node, set(load.acknowledged), set(wrong))


def _check_files(node: LiveNode, acknowledged: set[int], dead: set[int]) -> None:
    """Reads the stopped node's shard file: whole, with every acknowledged job, and one success for each."""
    (path,) = node.data_dir.glob("tasks_*.db")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as shard:
        assert shard.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        states = dict(shard.execute("SELECT id, state FROM v_jobs"))
        counts = "SELECT job_id, count(*) FROM v_executions WHERE outcome IN (?, ?) GROUP BY job_id"
        successes = dict(shard.execute(counts, ("succeeded", "succeeded")))
        budget = dict(shard.execute(counts, ("crashed", "lost")))
    assert acknowledged <= states.keys()
    assert set(successes.values()) <= {1}
    assert {id for id in acknowledged if states[id] == "succeeded"} <= successes.keys()
    assert all(budget[id] >= 3 for id in dead)
