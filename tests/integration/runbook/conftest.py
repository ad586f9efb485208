"""What the files of this folder share: a node, its operator, and operators in folders of their own."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_node import BOUND_S, LiveNode, wait_until
from runbook_operator import SCHEDULES, Operator

import mainspring

TASKS = Path(__file__).parents[1] / "runbook_tasks.py"
NODE = """\
[node]
name = "shop"
drain_timeout_s = 0.5

[coordinator]
backlog_jobs_max = 20
lease_ttl_ms = 2000

[metrics]
listen = "127.0.0.1:{port}"

[schedules]
file = "schedules.toml"

[[executor]]
name = "main"
tasks = ["shop"]
queues = ["default"]
process_slots = 2
kill_grace_ms = 300
"""


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveNode, Operator]]:
    """One node for the whole folder, and its operator."""
    folder = tmp_path_factory.mktemp("runbook")
    shutil.copy(TASKS, folder / "shop.py")
    port = free_port()
    (folder / "node.toml").write_text(NODE.format(port=port))
    (folder / "schedules.toml").write_text(SCHEDULES)
    live = LiveNode(folder, "", arguments=["node.toml"])
    live.start()
    with mainspring.Client(live.url) as client:
        assert client.submit(mainspring.job("shop.add", 1, 2)).result(BOUND_S) == 3
    yield live, Operator(folder, port)
    if live.process is not None and live.process.poll() is None:
        live.kill()


@pytest.fixture
def node(shop: tuple[LiveNode, Operator]) -> LiveNode:
    """The node, with the cause of everything not mended, and an executor."""
    live, _ = shop
    (live.folder / "mended").unlink(missing_ok=True)
    with mainspring.Client(live.url) as client:
        client.cancel([row["id"] for state in ("running", "ready") for row in client.query("jobs", state=state)])
        wait_until(lambda: [row["used"] for row in client.query("executors")] == [0], "an executor with free slots")
    return live


@pytest.fixture
def operator(shop: tuple[LiveNode, Operator]) -> Operator:
    """Its operator."""
    return shop[1]


@pytest.fixture
def elsewhere(operator: Operator, tmp_path: Path) -> Operator:
    """An operator in an empty folder, with the tasks beside it."""
    shutil.copy(TASKS, tmp_path / "shop.py")
    return Operator(tmp_path)


@pytest.fixture
def restored(node: LiveNode, operator: Operator, elsewhere: Operator) -> Operator:
    """An operator in a folder with a data directory that was restored from a backup of the node."""
    operator.run(f"mainspring shards backup {elsewhere.folder}/copy")
    elsewhere.run("mainspring shards restore copy mainspring-data")
    return elsewhere
