"""A node of stand-ins on real processes: restarts, stops, refusals, and what is left after a kill."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import wait_dead
from stand_in_node import PATIENCE_S, Node


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    """A list that kills what a failed test leaves behind."""
    made: list[Node] = []
    yield made
    for node in made:
        node.ear.close()
        if node.process is not None:
            node.process.kill()
            node.process.communicate()


@pytest.fixture
def node(nodes: list[Node], tmp_path: Path) -> Node:
    """A node that restarts at once."""
    nodes.append(Node(tmp_path, "restart_backoff_min_ms=1", "drain_timeout_s=20"))
    return nodes[0]


def test_a_node_comes_up_and_drains_in_order(node: Node) -> None:
    """Executors must be asked first, and the coordinator only when they have ended; the status is 0."""
    node.up()
    assert (node.data_dir / "coordinator.url").read_text() == f"ipc://{node.data_dir}/coordinator.sock\n"
    assert node.data_dir.stat().st_mode & 0o777 == 0o700
    node.process.send_signal(signal.SIGTERM)
    asked = [node.event("asked to stop")["name"] for _ in range(3)]
    assert sorted(asked[:2]) == ["executor-1", "executor-2"]
    assert asked[2] == "coordinator"
    assert node.end()[0] == 0


def test_every_process_has_a_session_of_its_own(node: Node) -> None:
    """Ctrl-C in the terminal must reach the supervisor alone."""
    node.up()
    sessions = {event["pid"]: event["session"] for event in node.seen if event["what"] == "started"}
    assert len(sessions) == 3
    assert all(pid == session for pid, session in sessions.items())
    node.process.send_signal(signal.SIGINT)
    assert node.end()[0] == 0


def test_a_killed_coordinator_starts_again(node: Node) -> None:
    """Only the coordinator must be started again, and the log must say how it ended."""
    pids = node.up()
    os.kill(pids["coordinator", "started"], signal.SIGKILL)
    assert node.event("started")["name"] == "coordinator"
    node.process.send_signal(signal.SIGTERM)
    status, log = node.end()
    assert status == 0
    assert "coordinator: killed by signal 9 (SIGKILL); starts again in 0.001 s" in log


def test_a_killed_executor_starts_again_when_its_children_are_dead(node: Node) -> None:
    """The new life must name the former ones, and no child of those may be left."""
    pids = node.up()
    lives = [e["incarnation"] for e in node.seen if e["name"] == "executor-1" and e["what"] == "started"]
    victim, runner = pids["executor-1", "started"], pids["executor-1", "runner started"]
    for _ in range(2):
        os.kill(victim, signal.SIGKILL)
        started = node.event("started", "executor-1")
        assert started["replaces"] == lives
        wait_dead([victim, runner])
        lives.append(started["incarnation"])
        victim, runner = started["pid"], node.event("runner started", "executor-1")["pid"]
    assert len(set(lives)) == 3
    node.process.send_signal(signal.SIGTERM)
    assert node.end()[0] == 0


def test_a_process_that_fails_later_waits_longer_each_time(node: Node) -> None:
    """After the first readiness a failure must not stop the node, and the waits must double."""
    pids = node.up()
    node.behave("executor-2", "fail no module named shop")
    os.kill(pids["executor-2", "started"], signal.SIGKILL)
    for _ in range(3):
        node.event("started", "executor-2")
    node.process.send_signal(signal.SIGTERM)
    status, log = node.end()
    assert status == 0
    assert "executor-2: killed by signal 9 (SIGKILL); starts again in 0.001 s" in log
    assert "executor-2: no module named shop; starts again in 0.002 s" in log
    assert "executor-2: no module named shop; starts again in 0.004 s" in log


def test_a_failure_at_the_first_start_stops_the_node(node: Node) -> None:
    """The status must be 1, the text must be told once, and the others must be asked to stop."""
    for name in ("executor-1", "executor-2"):
        node.behave(name, "fail no module named shop\nas the traceback says")
    node.start()
    status, log = node.end()
    assert status == 1
    told = "failed at its first start: no module named shop\n    as the traceback says\n"
    assert log.count(told) == log.count("no module named shop") == 1


def test_an_exit_without_a_word_at_the_first_start_stops_the_node(node: Node) -> None:
    """How the process ended must stand in for the text."""
    node.behave("coordinator", "exit 7")
    node.start()
    status, log = node.end()
    assert status == 1
    assert "error   supervisor coordinator: failed at its first start: exited with status 7\n" in log


def test_a_second_signal_stops_at_once(node: Node) -> None:
    """What does not stop must be killed, children included, and the status must tell."""
    node.behave("executor-1", "stubborn")
    pids = node.up()
    node.process.send_signal(signal.SIGINT)
    node.event("asked to stop", "executor-1")
    node.process.send_signal(signal.SIGINT)
    status, log = node.end()
    assert status == 1
    assert "supervisor stops at once\n" in log
    wait_dead(list(pids.values()))
    assert all(event["name"] != "coordinator" for event in node.seen if event["what"] == "asked to stop")


def test_what_does_not_stop_in_time_is_killed(nodes: list[Node], tmp_path: Path) -> None:
    """A drain must end at its timeout, and the coordinator must still stop in good order."""
    node = Node(tmp_path, "drain_timeout_s=0")
    nodes.append(node)
    node.behave("executor-1", "stubborn")
    node.up()
    node.process.send_signal(signal.SIGTERM)
    node.event("asked to stop", "coordinator")
    status, log = node.end()
    assert status == 1
    assert "executor-1: has not stopped in time; killed\n" in log


def test_nothing_outlives_a_killed_supervisor(node: Node) -> None:
    """Every process and every runner must die with it, and the next supervisor must get the directory."""
    pids = node.up()
    node.process.kill()
    node.process.wait()
    node.process.stdout.close()
    node.process.stderr.close()
    second = node.up()
    wait_dead(list(pids.values()))
    assert not set(pids.values()) & set(second.values())
    node.process.send_signal(signal.SIGTERM)
    assert node.end()[0] == 0


def test_a_second_node_on_the_same_directory_is_refused(node: Node) -> None:
    """It must name the directory, who holds it and the mend, and leave the first alone."""
    node.up()
    second = subprocess.run(
        [sys.executable, "-m", "stand_ins.node", str(node.data_dir)],
        capture_output=True,
        text=True,
        env=node.environment,
        timeout=PATIENCE_S,
    )
    assert second.returncode == 1
    assert second.stderr == (
        f"{node.data_dir}: another node uses it (process {node.process.pid}): stop that one, or give this node a"
        " data_dir of its own\n"
    )
    assert node.ask({"do": "status"})[-1] == {"done": True, "ok": True}, "the first one's socket is still there"
    node.process.send_signal(signal.SIGTERM)
    assert node.end()[0] == 0


def test_of_two_that_start_at_once_one_runs(nodes: list[Node], tmp_path: Path) -> None:
    """Whoever comes first must run, the other must name it; killed, it must leave the directory to the next."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        nodes.append(Node(tmp_path / name, data_dir=tmp_path / "data"))
    processes = [node.start() for node in nodes]
    lines = [process.stdout.readline() for process in processes if process.stdout]
    assert sorted(lines) == ["", f"ready ipc://{tmp_path}/data/coordinator.sock\n"]
    loser, winner = nodes if lines[0] == "" else reversed(nodes)
    assert winner.process is not None
    status, log = loser.end()
    assert status == 1
    assert f"{tmp_path}/data: another node uses it (process {winner.process.pid}): stop that one" in log
    winner.process.kill()
    winner.end()
    loser.up()
    assert loser.ask({"do": "status"})[-1]["ok"]
    loser.process.send_signal(signal.SIGTERM)
    assert loser.end()[0] == 0
