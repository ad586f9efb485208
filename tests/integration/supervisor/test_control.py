"""A node of stand-ins that is told things: reloads, levels, questions, nonsense; and a stop in the middle of it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from stand_in_node import Node, answer

NAMES = ["supervisor", "coordinator", "executor-1", "executor-2"]
ASKED, STARTED = "asked to stop", "started"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node whose failed processes wait for long."""
    made = Node(tmp_path, "restart_backoff_min_ms=20000", "drain_timeout_s=20")
    yield made
    made.ear.close()
    if made.process is not None:
        made.process.kill()
        made.process.communicate()


def stop(node: Node) -> str:
    """Stops the node in good order; gives its log."""
    assert node.process is not None
    node.process.send_signal(signal.SIGTERM)
    status, log = node.end()
    assert status == 0, log
    return log


def restarts(node: Node) -> list[tuple[str, str]]:
    """Waits until both executors have started again; gives who was asked to stop or started, in order."""
    before = len(node.seen)
    for name in ("executor-1", "executor-2"):
        node.event(STARTED, name)
    return [(event["name"], event["what"]) for event in node.seen[before:] if event["what"] in (ASKED, STARTED)]


ONE_BY_ONE = [("executor-1", ASKED), ("executor-1", STARTED), ("executor-2", ASKED), ("executor-2", STARTED)]


def test_a_reload_goes_from_one_executor_to_the_next(node: Node) -> None:
    """The next one must be asked only when the one before it is ready; the coordinator is left alone."""
    node.up()
    assert node.ask({"do": "reload"}) == [
        {"event": "restarting", "process": "executor-1"},
        {"event": "ready", "process": "executor-1"},
        {"event": "restarting", "process": "executor-2"},
        {"event": "ready", "process": "executor-2"},
        {"done": True, "ok": True, "code": "reloaded", "process": None, "text": "",
         "restarted": ["executor-1", "executor-2"]},
    ]  # fmt: skip
    assert restarts(node) == ONE_BY_ONE
    stop(node)


def test_sighup_reloads(node: Node) -> None:
    """A service manager's reload must do the same; nor may a closed terminal end the node."""
    node.up()
    assert node.process is not None
    node.process.send_signal(signal.SIGHUP)
    assert restarts(node) == ONE_BY_ONE
    stop(node)


def test_a_reload_ends_where_new_code_fails_and_the_next_does_not_wait(node: Node) -> None:
    """The second executor must not be touched; mended code must start the failed one although it waits for long."""
    node.up()
    node.behave("executor-1", "fail no module named shop")
    *_, told = node.ask({"do": "reload"})
    assert told == {
        "done": True, "ok": False, "code": "failed", "process": "executor-1", "text": "no module named shop",
        "restarted": [],
    }  # fmt: skip
    rows = {row["process"]: row for row in node.ask({"do": "status"})[:-1]}
    assert (rows["executor-1"]["phase"], rows["executor-1"]["error"]) == ("waiting", "no module named shop")
    assert (rows["executor-2"]["phase"], rows["executor-2"]["restarts"]) == ("ready", 0)
    node.behave("executor-1", "")
    assert node.ask({"do": "reload"})[-1]["restarted"] == ["executor-1", "executor-2"]
    log = stop(node)
    assert (
        "executor-1: does not come up on new code, so the reload ends here; on the code that they had: executor-2"
        in log
    )


def test_a_stop_wins_over_a_reload_and_a_second_reload_is_refused(node: Node) -> None:
    """Both who asked must hear what came of it."""
    node.behave("executor-1", "stubborn")
    node.up()
    first = node.asking(b'{"do": "reload"}')
    node.event(ASKED, "executor-1")
    (refused,) = node.ask({"do": "reload"})
    assert (refused["code"], refused["text"]) == (
        "under_way",
        "a reload is under way, at executor-1: ask again when it is over",
    )
    assert node.ask({"do": "status"})[0]["phase"] == "reloading"
    assert node.process is not None
    node.process.send_signal(signal.SIGTERM)
    told = answer(first)[-1]
    assert (told["ok"], told["code"], told["text"]) == (False, "stopping", "the node stops")
    (late,) = node.ask({"do": "reload"})
    assert late["text"] == "the node stops: start it again instead"
    node.process.send_signal(signal.SIGTERM)
    assert node.end()[0] == 1
    assert all(event["name"] != "coordinator" for event in node.seen if event["what"] == ASKED)


def test_the_status_is_told_while_the_coordinator_is_away(node: Node) -> None:
    """Each process with its pid, the supervisor first, and why one is gone."""
    pids = node.up()
    assert node.process is not None
    os.kill(pids["coordinator", "started"], signal.SIGKILL)
    while (rows := node.ask({"do": "status"})[:-1])[1]["phase"] == "ready":
        pass  # its end is noticed within the next turns
    found = {row["process"]: (row["kind"], row["pid"], row["phase"], row["restarts"], row["error"]) for row in rows}
    assert found == {
        "supervisor": ("supervisor", node.process.pid, "ready", 0, ""),
        "coordinator": ("coordinator", None, "waiting", 0, "killed by signal 9 (SIGKILL)"),
        "executor-1": ("executor", pids["executor-1", "started"], "ready", 0, ""),
        "executor-2": ("executor", pids["executor-2", "started"], "ready", 0, ""),
    }
    assert all(row["since_ms"] > 1_600_000_000_000 for row in rows)
    stop(node)


def test_a_process_that_starts_has_the_level_in_force(node: Node) -> None:
    """One process alone, or all; who is away has it from its next start on."""
    pids = node.up()
    (told,) = node.ask({"do": "log-level", "level": "debug", "process": "executor-2"})
    assert told == {"done": True, "ok": True, "level": "debug", "changed": ["executor-2"], "later": []}
    node.ask({"do": "reload"})
    levels = {name: node.event(STARTED, name)["log_level"] for name in NAMES[2:]}
    assert levels == {"executor-1": "info", "executor-2": "debug"}
    os.kill(pids["coordinator", "started"], signal.SIGKILL)
    while node.ask({"do": "status"})[1]["pid"] is not None:
        pass  # its end is noticed within the next turns
    (told,) = node.ask({"do": "log-level", "level": "error"})
    assert told["later"] == ["coordinator"]
    assert [row["log_level"] for row in node.ask({"do": "status"})[:-1]] == ["error"] * 4
    stop(node)


def test_nonsense_is_answered_and_changes_nothing(node: Node) -> None:
    """Whatever comes, the answer must say what is wrong, and the node goes on."""
    node.up()
    for line in (
        b"",
        b"hello",
        b"{}",
        b'{"do": "dance"}',
        b'{"do": "log-level", "level": "loud"}',
        b"[" * 5000,
        b"\xff",
    ):
        (told,) = answer(node.asking(line))
        assert (told["done"], told["ok"], told["code"]) == (True, False, "malformed"), told
        assert told["text"]
    rows = node.ask({"do": "status"})[:-1]
    assert [(row["process"], row["phase"], row["restarts"]) for row in rows] == [(name, "ready", 0) for name in NAMES]
    stop(node)
    assert not (node.data_dir / "control.sock").exists()


def test_the_socket_of_a_killed_node_is_replaced(node: Node) -> None:
    """The next node must answer on it."""
    node.up()
    assert node.process is not None
    node.process.kill()
    node.end()
    assert (node.data_dir / "control.sock").exists()
    node.up()
    assert node.ask({"do": "status"})[0]["pid"] == node.process.pid
    stop(node)
