"""Nobody answers, or nothing starts."""

import re
import socket
import sqlite3

import psutil
import pytest
from live_node import LiveNode, wait_until
from runbook_operator import PAGE, SHARD, Operator, logged, saw
from runbook_page import NOTHING, shows
from stored_node import spoil

import mainspring


def test_what_to_type_first(node: LiveNode, operator: Operator) -> None:
    """Each of the first commands must show something of the node."""
    told = [operator.run(command) for command in PAGE[""].commands]
    for word, text in zip(("supervisor", "log index", "dead", "lease left"), told, strict=True):
        assert word in text


def test_nobody_answers(elsewhere: Operator) -> None:
    """A wrong folder, and a node that is not up, are told apart."""
    saw("nobody-answers", "no node found", elsewhere.run("mainspring queues", status=1))
    (elsewhere.folder / "mainspring-data").mkdir()
    saw("nobody-answers", "no node answers", elsewhere.run("mainspring queues", status=1))
    saw("nobody-answers", "no control.sock", elsewhere.do("nobody-answers", "mainspring processes", status=1))
    (elsewhere.folder / "node.toml").write_text("[node]\nnmae = 1\n")
    assert "nmae" in elsewhere.do("nobody-answers", "mainspring node", status=2)


def test_a_coordinator_that_was_stopped_answers_again(node: LiveNode, operator: Operator) -> None:
    """The supervisor says `ready`, nobody answers; `kill -CONT` mends it."""
    (coordinator,) = node.actors("processes.coordinator")
    coordinator.suspend()
    try:
        with mainspring.Client(node.url, timeout=0.5) as client, pytest.raises(mainspring.MainspringError):
            client.query("queues")
        assert "coordinator" in operator.do("nobody-answers", "mainspring processes")
        assert coordinator.status() == psutil.STATUS_STOPPED
    finally:
        operator.run(f"kill -CONT {coordinator.pid}")
    assert "default" in operator.run("mainspring queues")


def test_a_faulty_file_starts_nothing(elsewhere: Operator) -> None:
    """Each fault has its line; the exit status is that of wrong usage."""
    (elsewhere.folder / "node.toml").write_text('[node]\nnmae = "x"\ndrain_timeout_s = "soon"\n')
    printed = elsewhere.run("mainspring node node.toml", status=2)
    saw(NOTHING, "2 faults", printed)
    saw(NOTHING, "node.toml:3", printed)


def test_a_second_node_names_the_first(node: LiveNode, operator: Operator) -> None:
    """Its process is the one to look at."""
    printed = operator.run("mainspring node node.toml", status=1)
    saw(NOTHING, "another node uses it", printed)
    assert f"(process {node.supervisor().pid})" in printed


def test_a_port_that_is_taken_is_named(elsewhere: Operator) -> None:
    """Whoever listens there keeps it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f'listen = ["tcp://127.0.0.1:{taken.getsockname()[1]}"]\ninsecure = true\n'
        (elsewhere.folder / "node.toml").write_text(f"[node]\n{listen}")
        saw(NOTHING, "Address already in use", elsewhere.run("mainspring node node.toml", status=1))


def test_modules_that_do_not_import_are_named(elsewhere: Operator) -> None:
    """One that is not there, and one that breaks, are told apart."""
    saw(NOTHING, "is not found", elsewhere.run("mainspring up --tasks nix", status=1))
    (elsewhere.folder / "shop.py").write_text("import no_such_module\n")
    saw(NOTHING, "does not import", elsewhere.run("mainspring up --tasks shop", status=1))


def test_files_of_another_version_or_shape_are_named(restored: Operator) -> None:
    """The number of shards, a newer shard file, a newer identity; put right, the node starts."""
    data = restored.folder / "mainspring-data"
    (restored.folder / "node.toml").write_text("[coordinator]\nshards = 3\n")
    saw(NOTHING, "the settings say", restored.run("mainspring node node.toml", status=1))
    with sqlite3.connect(data / SHARD) as shard:
        (version,) = shard.execute("PRAGMA user_version").fetchone()
        shard.execute("PRAGMA user_version = 99")
    saw(NOTHING, "schema version", restored.run("mainspring up --tasks shop", status=1))
    with sqlite3.connect(data / SHARD) as shard:
        shard.execute(f"PRAGMA user_version = {version}")
    identity = (data / "identity.json").read_text()
    (data / "identity.json").write_text(identity.replace('"format": 1', '"format": 9'))
    saw(NOTHING, "has the format", restored.run("mainspring up --tasks shop", status=1))
    (data / "identity.json").write_text(identity)
    live = LiveNode(restored.folder, "shop")
    live.start()
    live.kill()


def test_a_damaged_shard_file_is_named(restored: Operator) -> None:
    """The rest of the recipe is tried where TRIED says."""
    path = restored.folder / "mainspring-data" / SHARD
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as shard:
        (root,) = shard.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'lanes'").fetchone()
    spoil(path, (root - 1) * 4096, 7)
    printed = restored.run("mainspring up --tasks shop", status=1)
    saw("a-bit-has-flipped", "is damaged", printed)
    assert shows("… is damaged (…", printed)
    assert path.name in restored.do("a-bit-has-flipped", "mainspring shards verify", status=1)


def test_a_process_that_dies_is_started_again(node: LiveNode, operator: Operator) -> None:
    """The log says how and when, the list counts it, and all is well afterwards."""
    section = "a-process-starts-again-and-again"
    (coordinator,) = node.actors("processes.coordinator")
    coordinator.kill()
    logged(node, section, "killed by signal 9")
    ready = re.compile(r"coordinator +coordinator +\d+ +ready")
    wait_until(lambda: ready.search(operator.do(section, "mainspring processes")) is not None, "it to be ready")
    assert "no damage found" in operator.do(section, "mainspring shards verify")
    operator.becomes(operator.submit("add", 1, 2), "succeeded")
