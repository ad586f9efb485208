"""An operator's life with a cluster of real nodes: one becomes three, one is drained, one dies and is replaced."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from live_node import BOUND_S, LiveNode, wait_until

import mainspring
from mainspring.broker.net.discovery import URL_VARIABLE
from mainspring.broker.net.exceptions import ClientClosed

TASKS = """
from mainspring import task

@task
def add(first: int, second: int) -> int:
    return first + second
"""

FILE = """
[node]
name = "{name}"
data_dir = "data-{name}"

[coordinator]
shards = 2

[[executor]]
name = "executor-{name}"
tasks = ["tasks"]
process_slots = 1
"""

CLUSTER = """
[cluster]
join = {join}
rebalance_s = 0

[[cluster.members]]
name = "{name}"
member_endpoint = "ipc://{folder}/{name}.member"
client_endpoint = "ipc://{folder}/{name}.client"
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    made = Path(tempfile.mkdtemp(prefix="ms-"))
    (made / "tasks.py").write_text(TASKS)
    yield made
    shutil.rmtree(made)


class Nodes:
    """Nodes by name, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes: dict[str, LiveNode] = {}
        self.loads: list[Load] = []

    def start(self, name: str, *, join: bool = False, is_alone: bool = False) -> None:
        """Starts a node and waits until it takes jobs."""
        text = FILE.format(name=name)
        if not is_alone:
            text += CLUSTER.format(name=name, folder=self.folder, join=str(join).lower())
        self.write(name, text)
        self.nodes[name] = LiveNode(self.folder, "tasks", arguments=[f"{name}.toml"])
        self.nodes[name].log_path = self.folder / f"{name}.log"
        self.nodes[name].start()

    def write(self, name: str, text: str) -> None:
        """Writes the file of a node."""
        (self.folder / f"{name}.toml").write_text(text)

    def start_joining(self, *names: str) -> "list[threading.Thread]":
        """Starts nodes that become ready once they are taken in."""
        threads = [threading.Thread(target=self.start, args=(name,), kwargs={"join": True}) for name in names]
        for thread in threads:
            thread.start()
        for name in names:
            wait_until((self.folder / f"{name}.toml").exists, f"the file of {name}")
        return threads

    def url(self, *names: str) -> str:
        """Returns the clients' endpoints of nodes."""
        return ",".join(f"ipc://{self.folder}/{name}.client" for name in names)

    def stop(self) -> None:
        """Stops all that run."""
        for load in self.loads:
            load.abandon()
        for node in self.nodes.values():
            if node.process is not None and node.process.poll() is None:
                node.process.send_signal(signal.SIGTERM)
        for node in self.nodes.values():
            if node.process is not None:
                node.stop()


@pytest.fixture
def nodes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    """No nodes yet."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    made = Nodes(folder)
    yield made
    made.stop()


def cluster(nodes: Nodes, *words: str, ask: str = "abc") -> tuple[int, str, str]:
    """Runs `mainspring cluster` in a process of its own; gives status, stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "mainspring", "cluster", *words, "--url", nodes.url(*ask)],
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        cwd=nodes.folder,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def shown(nodes: Nodes, ask: str = "abc") -> dict[str, Any]:
    """Returns what `mainspring cluster status --json` shows."""
    return json.loads(cluster(nodes, "status", "--json", ask=ask)[1])


class Load:
    """Submits one job after the other until it is ended; each has to succeed."""

    def __init__(self, url: str) -> None:
        self.jobs: list[Any] = []
        self._is_ended = threading.Event()
        self._client = mainspring.Client(url)
        self._thread = threading.Thread(target=self._submit)
        self._thread.start()

    def _submit(self) -> None:
        with suppress(ClientClosed):
            while not self._is_ended.is_set():
                self.jobs.append(self._client.submit(mainspring.job("tasks.add", len(self.jobs), 1), timeout=BOUND_S))

    def abandon(self) -> None:
        """Ends, whatever has become of it."""
        self._is_ended.set()
        self._client.close()
        self._thread.join()

    def more(self) -> None:
        """Waits until ten more were taken."""
        before = len(self.jobs)
        wait_until(lambda: len(self.jobs) >= before + 10 or not self._thread.is_alive(), "more jobs to be taken")
        assert self._thread.is_alive(), "a submit has failed"

    def end(self) -> None:
        """Ends, and looks at every job."""
        self._is_ended.set()
        self._thread.join()
        with self._client as client:
            client.wait_all(self.jobs, timeout=BOUND_S)
            assert [job.result(1) for job in self.jobs] == list(range(1, len(self.jobs) + 1))


def test_one_node_becomes_three_and_outlives_one(nodes: Nodes) -> None:
    """The recipes of docs/cluster.md, one after the other, while jobs are submitted."""
    nodes.start("a", is_alone=True)
    with mainspring.Client(f"ipc://{nodes.folder}/data-a/coordinator.sock") as client:
        first = client.submit(mainspring.job("tasks.add", 1, 2))
        assert first.result(BOUND_S) == 3
    assert nodes.nodes["a"].stop() == 0

    nodes.start("a")
    with mainspring.Client(nodes.url("a")) as client:
        assert client.status(first.id) == {first.id: "succeeded"}, "what was there before is there now"
    load = Load(nodes.url("a"))
    nodes.loads.append(load)
    threads = nodes.start_joining("b", "c")
    status, out, err = cluster(nodes, "grow", "b.toml", "c.toml", ask="a")
    assert (status, out) == (0, "b is a voting member\nc is a voting member\n"), err
    for thread in threads:
        thread.join()
    load.more()
    assert cluster(nodes)[0] == 0
    assert [one["name"] for one in shown(nodes)["members"]] == ["a", "b", "c"]

    assert cluster(nodes, "transfer", "b", "--shard", "1")[:2] == (0, "b leads\n")
    load.more()
    assert cluster(nodes, "drain", "a")[0] == 0
    assert shown(nodes)["members"][0]["leads"] == []
    load.more()

    nodes.nodes["b"].kill()
    load.more()
    status, out, _ = cluster(nodes, "status")
    assert status == 1
    assert "fault: b does not answer" in out
    assert all(shard["leader"] in ("a", "c") for shard in shown(nodes)["shards"])

    threads = nodes.start_joining("d")
    endpoints = (f"ipc://{nodes.folder}/d.member", f"ipc://{nodes.folder}/d.client")
    words = ["--member-endpoint", endpoints[0], "--client-endpoint", endpoints[1]]
    status, out, err = cluster(nodes, "replace", "b", "d", *words)
    assert (status, out) == (0, "d votes in the place of b: delete the data folder of b\n"), err
    for thread in threads:
        thread.join()
    load.more()
    found = shown(nodes, ask="d")
    assert (found["ok"], [one["name"] for one in found["members"]]) == (True, ["a", "c", "d"])
    load.end()


def test_a_members_data_keeps_its_name(nodes: Nodes) -> None:
    """A lone node may be named anew; a member under another name is refused, and goes on under its own."""
    nodes.start("a", is_alone=True)
    assert nodes.nodes["a"].stop() == 0
    data, identity = nodes.folder / "data-x", "identity.json"
    (nodes.folder / "data-a").rename(data)
    nodes.start("x", is_alone=True)
    assert nodes.nodes["x"].stop() == 0
    assert json.loads((data / identity).read_text())["name"] == "x"
    nodes.start("x")
    assert nodes.nodes["x"].stop() == 0

    data.rename(nodes.folder / "data-y")
    nodes.write("y", (FILE + CLUSTER).format(name="y", folder=nodes.folder, join="false"))
    done = subprocess.run(
        [sys.executable, "-m", "mainspring", "node", "y.toml"], cwd=nodes.folder, capture_output=True, text=True,
        timeout=BOUND_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "data-y is the data of member x, and the settings say y: set name = " in done.stderr
    (nodes.folder / "data-y").rename(data)
    nodes.start("x")


def test_the_three_nodes_of_the_samples(nodes: Nodes) -> None:
    """The files of `mainspring init --three-nodes`, over sockets, in one `mainspring up`; one fails, two go on."""
    done = subprocess.run(
        [sys.executable, "-m", "mainspring", "init", "here", "--three-nodes"], cwd=nodes.folder, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    files = [line.removeprefix("wrote ") for line in done.stdout.splitlines() if line.endswith(".toml")][:3]
    for file in files:
        path = nodes.folder / file
        text = path.read_text()
        for number in (1, 2, 3):
            text = text.replace(f"tcp://127.0.0.1:742{number}", f"ipc://{nodes.folder}/{'abc'[number - 1]}.member")
            text = text.replace(f"tcp://127.0.0.1:741{number}", f"ipc://{nodes.folder}/{'abc'[number - 1]}.client")
        path.write_text(text)
    node = nodes.nodes["all"] = LiveNode(nodes.folder, "tasks", arguments=files)
    node.start()
    wait_until(lambda: shown(nodes)["ok"], "leaders of all shards")
    assert [one["answers"] for one in shown(nodes)["members"]] == [True, True, True]
    with mainspring.Client(nodes.url("a", "b", "c")) as client:
        assert client.submit(mainspring.job("tasks.add", 2, 2)).result(BOUND_S) == 4
        os.kill(int((nodes.folder / "here" / "data-b" / "supervisor.lock").read_text()), signal.SIGKILL)
        assert client.submit(mainspring.job("tasks.add", 2, 3)).result(BOUND_S) == 5
    wait_until(lambda: "b.toml has ended with status -9; the others go on" in node.log(), "the others to be told")
    wait_until(lambda: all(shard["leader"] in ("a", "c") for shard in shown(nodes)["shards"]), "other leaders")
    assert node.stop() == 1, "one of them has not stopped in good order"
