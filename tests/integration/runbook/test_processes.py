"""Deploys, peers, processes, backups, the log and the metrics."""

import re
import shutil
from pathlib import Path

import pytest
import zmq
from live_node import LiveNode, wait_until
from runbook_operator import PAGE, Operator, line, logged, saw
from runbook_page import NOTHING, WAIT, shows

import mainspring

TASKS = Path(__file__).parents[1] / "runbook_tasks.py"


def test_a_deploy_and_one_that_fails(node: LiveNode, operator: Operator) -> None:
    """Broken code is named and costs nobody but its executor; mended code comes up."""
    code = (node.folder / "shop.py").read_text()
    assert re.search(r"^reloaded 1 executor in ", operator.do("a-deploy", "mainspring reload"), re.MULTILINE)
    (node.folder / "shop.py").write_text("import no_such_module\n")
    try:
        saw("a-deploy-fails", "the reload ended at main", operator.do("a-deploy-fails", "mainspring reload", status=1))
        assert "no_such_module" in operator.do("a-deploy-fails", "mainspring processes")
    finally:
        (node.folder / "shop.py").write_text(code)
    assert "reloaded 1 executor" in operator.do("a-deploy-fails", "mainspring reload")


def test_an_executor_of_another_cluster_is_refused(elsewhere: Operator) -> None:
    """A data directory that was changed under an executor is noticed; a reload has it forget the old one."""
    section = "wrong-cluster"
    first = LiveNode(elsewhere.folder, "", arguments=["node.toml"])
    (elsewhere.folder / "node.toml").write_text("")
    first.start()
    far = LiveNode(elsewhere.folder / "far", "", arguments=["node.toml"])
    far.folder.mkdir()
    shutil.copy(TASKS, far.folder / "shop.py")
    (far.folder / "node.toml").write_text(
        '[coordinator]\nenabled = false\n[[executor]]\nname = "far"\ntasks = ["shop"]\n'
        f'coordinators = ["{first.url}"]\n'
    )
    far.start()
    try:
        wait_until(lambda: "far" in elsewhere.run("mainspring executors"), "the executor to be welcome")
        assert first.stop() == 0
        first.data_dir.rename(elsewhere.folder / "old")
        first.start()
        logged(far, section, "wrong_cluster")
        assert "cluster" in elsewhere.do(section, "cat")
        assert "live jobs" in elsewhere.do(section, "mainspring shards stat")
        Operator(far.folder).run("mainspring reload node.toml")
        wait_until(lambda: "far" in elsewhere.run("mainspring executors"), "the executor to be welcome again")
    finally:
        far.kill()
        first.kill()


def test_a_peer_that_speaks_nonsense_is_counted(node: LiveNode, operator: Operator) -> None:
    """In the log and in the metrics."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.connect(node.url)
        dealer.send(b"\xc1 nonsense")
        logged(node, "a-peer-floods", "frames refused")
    assert 'scheduler_frames_refused_total{kind="unreadable"' in operator.scrape()


def test_a_silent_executor_loses_its_leases_and_comes_back(node: LiveNode, operator: Operator) -> None:
    """Nobody is listed while it is stopped; its job goes back, and runs again when it is there."""
    section = "an-executor-is-silent"
    job = operator.submit("hangs")
    operator.becomes(job, "running")
    (executor,) = node.actors("processes.executor")
    executor.suspend()
    try:
        expected = line(section, "no executor is connected")
        wait_until(lambda: shows(expected, operator.do(section, "mainspring executors")), "its lease to be over")
        saw(WAIT, "no executor is connected", operator.do(section, "mainspring executors"))
        assert "main" in operator.do(section, "mainspring processes")
    finally:
        operator.run(f"kill -CONT {executor.pid}")
    logged(node, section, "leases are over")
    wait_until(lambda: "lease left" in operator.do(section, "mainspring executors"), "it to be back")
    operator.becomes(job, "running")
    wait_until(
        lambda: re.search(r"\b(lost|returned)\b", operator.run(f"mainspring job {job}")) is not None, "the attempt"
    )
    operator.run(f"mainspring cancel --wait {job}")


def test_a_backup_is_restored_and_a_node_moved(
    node: LiveNode, operator: Operator, elsewhere: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands as they stand, on paths of this test; what runs on the result is tried where TRIED says."""
    paths = {"/backups/newest": "copy", "/backups/before-upgrade": f"{elsewhere.folder}/copy", "/new/place": "place"}

    def typed(section: str, begins: str) -> str:
        (command,) = [one for one in PAGE[section].commands if one.startswith(begins)]
        for path, here in paths.items():
            command = command.replace(path, here)
        return (operator if section == "upgrade" else elsewhere).run(command)

    typed("upgrade", "mainspring shards backup")
    assert "no damage found" in typed("restore-a-backup", "mainspring shards verify")
    assert "restored to mainspring-data" in typed("restore-a-backup", "mainspring shards restore")
    (elsewhere.folder / "place").mkdir()
    typed("move-a-node", "cp -a")
    assert "no damage found" in typed("move-a-node", "mainspring shards verify")
    assert mainspring.__version__ in operator.run("mainspring --version")


def test_the_log_says_more_and_less(node: LiveNode, operator: Operator) -> None:
    """For all, for one, and back."""
    commands = PAGE["the-log-says-too-little"].commands
    assert [operator.run(command).split(":")[0] for command in commands] == [
        "log level debug",
        "log level debug",
        "log level info",
    ]
    wait_until(lambda: "coordinator logs from level info on" in node.log(), "the log to say so")
    assert "logs from level debug on" in node.log()


def test_metrics_are_there_and_the_exporter_is_listed(node: LiveNode, operator: Operator) -> None:
    """Without a coordinator, up is 0: tried where TRIED says."""
    section = "metrics-are-missing"
    assert "exporter" in operator.do(section, "mainspring processes")
    assert f"scheduler_up {1.0}" in operator.scrape()
    assert f"`scheduler_up {1.0}`" in PAGE[section].text


def test_memory_is_bounded_by_what_the_page_writes(elsewhere: Operator) -> None:
    """The lines for the node's file are valid; what they do is tried where TRIED says."""
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE["memory-grows"].text, re.DOTALL)
    (elsewhere.folder / "node.toml").write_text(block + 'tasks = ["nix"]\n')
    saw(NOTHING, "is not found", elsewhere.run("mainspring node node.toml", status=1))
