"""While one peer does its worst, another one's jobs are taken and run, and the node does not even restart."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from live_node import BOUND_S, LiveNode, wait_until

import mainspring

TASKS = '''
import mainspring


@mainspring.task
def double(number: int) -> int:
    """Returns twice its argument."""
    return 2 * number
'''

JOBS = 40


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """A node that all floods meet, one after the other."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "double_tasks.py").write_text(TASKS)
    live = LiveNode(folder, "double_tasks")
    live.start()
    try:
        yield live
    finally:
        if live.process is not None and live.process.poll() is None:
            live.kill()


@contextmanager
def flood(kind: str, url: str) -> Iterator[None]:
    """A peer that floods for the time of a block."""
    program = Path(__file__).with_name("flooder.py")
    flooder = subprocess.Popen(
        [sys.executable, str(program), kind, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert flooder.stdin is not None
    assert flooder.stdout is not None
    try:
        assert flooder.stdout.readline() == "flooding\n"
        yield
        assert flooder.poll() is None, "the flooder has given up"
        flooder.stdin.write("enough\n")
        flooder.stdin.flush()
        assert int(flooder.stdout.readline()) > 0
    finally:
        flooder.kill()
        flooder.communicate()


@pytest.mark.parametrize(
    ("kind", "refused_as"),
    [
        ("malformed", "unreadable"),
        ("surplus", "surplus"),
        ("giant", "unreadable"),
        ("oversized", None),
        ("queries", None),
        ("hellos", "greetings"),
        ("forged", None),
        ("connections", None),
    ],
)
def test_a_flood_keeps_nobody_else_from_working(node: LiveNode, kind: str, refused_as: str | None) -> None:
    """Every job of a good client is taken and ends; the coordinator is the same process as before."""
    (before,) = node.actors("processes.coordinator")
    with mainspring.Client(node.url, timeout=BOUND_S) as client, flood(kind, node.url):
        handles = [client.submit(mainspring.job("double_tasks.double", number)) for number in range(JOBS)]
        assert [handle.result(timeout=BOUND_S) for handle in handles] == [2 * number for number in range(JOBS)]
        assert len(client.query("executors")) > 0
    (after,) = node.actors("processes.coordinator")
    assert after.pid == before.pid, "it was started again"
    if refused_as is not None:
        wait_until(lambda: f"frames refused kind={refused_as} " in node.log(), "the log to hear of it")
    assert "Traceback" not in node.log()
