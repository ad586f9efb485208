"""What an operator does about jobs on a real node, and what SQL sees of it: retry, skip, discard, repair, cancel."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_node import BOUND_S, LiveNode, wait_until

import mainspring
from mainspring.broker.net.discovery import URL_VARIABLE
from mainspring.broker.net.who import who
from mainspring.nodes.cli import app

TASKS = """
import asyncio
import os
import sys
from pathlib import Path
from mainspring import NoRetry, task

@task(retries=0)
def charge(order: int) -> int:
    print(f"charging order {order}", flush=True)
    if not Path("payments-are-up").exists():
        raise ConnectionError("payments.example does not answer")
    return order

@task(retries=0)
def ship(order: int) -> None:
    raise ValueError(f"order {order} has no address")

@task(retries=5)
def refuse() -> None:
    raise NoRetry("not in this life")

@task(retries=0, timeout=0.2)
async def dawdle() -> None:
    await asyncio.sleep(600)

@task(retries=0, backoff=(0.02, 0.02))
def crash() -> None:
    print("last words", flush=True)
    os._exit(3)

@task
async def waits() -> None:
    await asyncio.sleep(600)
"""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveNode]:
    """A node, which the program finds by its URL."""
    (tmp_path / "shop.py").write_text(TASKS)
    live = LiveNode(tmp_path, "shop")
    live.start()
    monkeypatch.setenv(URL_VARIABLE, live.url)
    yield live
    live.kill()


class Program:
    """The program, run in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str, status: int = 0) -> str:
        """Runs a command that must end so; gives its stdout."""
        found = app.run(words)
        out, err = self.capsys.readouterr()
        assert found == status, f"status {found}\n{out}\n{err}"
        return out

    def json(self, *words: str, status: int = 0) -> Any:
        """Runs a command with --json; gives the one document that it must print."""
        return json.loads(self(*words, "--json", status=status))

    def submit(self, task: str, *words: str) -> str:
        """Submits a job; gives its id."""
        return self("submit", f"shop.{task}", *words).strip()

    def state(self, job: str) -> str:
        """Gives the state of a job."""
        return self.json("job", job)["state"]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Program:
    """The program."""
    return Program(capsys)


def rows(node: LiveNode, question: str, *bound: object) -> list[tuple[Any, ...]]:
    """Asks the shard file."""
    (path,) = node.data_dir.glob("tasks_*.db")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as shard:
        return shard.execute(question, bound).fetchall()


def expect(node: LiveNode, expected: list[tuple[Any, ...]], question: str, *bound: object) -> None:
    """Waits until the shard file answers so: it follows what was acknowledged by a moment."""
    wait_until(lambda: rows(node, question, *bound) == expected, f"{question} to give {expected}")


def test_dead_letters_are_found_shown_and_retried(node: LiveNode, cli: Program) -> None:
    """One that fails for a reason outside must succeed once that is mended; who did what and why must be kept."""
    charge, ship = cli.submit("charge", "17"), cli.submit("ship", "18")
    wait_until(lambda: len(cli.json("dead")) == 2, "both jobs to be dead")
    found = cli.json("dead", "--error-kind", "ConnectionError", "--failed-after", "1h")
    assert [(row["job"], row["task"], row["error_kind"]) for row in found] == [
        (charge, "shop.charge", "ConnectionError")
    ]
    assert re.search(rf"^ *{ship} +shop\.ship .* ValueError +ValueError: order 18 has no address", cli("dead"), re.M)
    groups = cli.json("dead", "--group")
    assert {(row["task"], row["count"], row["error"]) for row in groups} == {
        ("shop.charge", 1, "ConnectionError: payments.example does not answer"),
        ("shop.ship", 1, "ValueError: order 18 has no address"),
    }
    text = cli("job", charge)
    assert "in charge\n" in text
    assert "attempt 1 wrote at the end:\ncharging order 17\n" in text

    assert cli.json("retry", ship, "999999", status=1)[1]["code"] == "not_found"
    wait_until(lambda: cli.state(ship) == "dead", "the job that nothing has mended to be dead again")
    (node.folder / "payments-are-up").touch()
    told = cli("retry", charge, "--reason", "payments are back")
    assert re.search(rf"^ *{charge} +retried +runs again *$", told, re.MULTILINE)
    wait_until(lambda: cli.state(charge) == "succeeded", "the retried job to succeed")
    assert cli.json("retry", charge, status=1)[0]["code"] == "succeeded"
    found = cli.json("job", charge)
    assert (found["result"], [row["outcome"] for row in found["executions"]]) == (17, ["failed", "succeeded"])
    assert f"{who()}   retried: dead -> ready   payments are back" in cli("job", charge)

    expect(node, [("succeeded", 2)], "SELECT state, attempts FROM v_jobs WHERE job = ?", charge)
    question = "SELECT outcome, error_kind FROM v_executions WHERE job = ? ORDER BY attempt"
    expect(node, [("failed", "ConnectionError"), ("succeeded", None)], question, charge)
    question = "SELECT who, action, before, after, note FROM v_audit WHERE object = ?"
    expect(node, [(who(), "job retried", "dead", "ready", "payments are back")], question, charge)


def test_an_incident_is_repaired(node: LiveNode, cli: Program) -> None:
    """The dry run tells and changes nothing; `auto` retries what may be mended; a second time there is nothing left."""
    charges = [cli.submit("charge", str(order)) for order in range(5)]
    others = [cli.submit(task) for task in ("refuse", "dawdle", "crash")]
    wait_until(lambda: len(cli.json("dead")) == 8, "all jobs to be dead", bound_s=BOUND_S)
    plan = cli.json("repair", "--failed-after", "1h")
    actions = {(group["task"], group["error_kind"]): (group["action"], group["count"]) for group in plan["groups"]}
    assert actions == {
        ("shop.charge", "ConnectionError"): ("retry", 5), ("shop.refuse", "mainspring.NoRetry"): ("leave", 1),
        ("shop.dawdle", "timeout"): ("retry", 1), ("shop.crash", "crash_budget"): ("retry", 1),
    }  # fmt: skip
    text = cli("job", others[2])
    assert re.search("^given up +its process or executor has died too often$", text, re.MULTILINE)
    assert "wrote at the end:\nlast words\n" in text
    assert len(cli.json("dead")) == 8
    (node.folder / "payments-are-up").touch()
    words = ("repair", "--failed-after", "1h", "--task", "shop.charge", "--strategy", "auto")
    assert "7 jobs" not in cli(*words, status=2)  # nobody can be asked
    told = cli(*words, "--yes", "--reason", "payments are back")
    assert re.search(r"^ *5 +retry +retried +runs again *$", told, re.MULTILINE)
    for job in charges:
        wait_until(lambda job=job: cli.state(job) == "succeeded", "a repaired job to succeed")
    assert cli(*words, "--yes") == "no dead letters\n"
    question = "SELECT count(*), min(note), max(note) FROM v_audit WHERE action = 'job retried'"
    expect(node, [(5, "payments are back", "payments are back")], question)
    assert {row["job"] for row in cli.json("dead")} == set(others)


def test_jobs_are_skipped_and_discarded(node: LiveNode, cli: Program) -> None:
    """What runs only by force, what waits at once; a discarded one is a dead letter no more, but can be read."""
    runs, later, dead = cli.submit("waits"), cli.submit("charge", "1", "--delay", "1h"), cli.submit("ship", "2")
    wait_until(lambda: (cli.state(runs), cli.state(dead)) == ("running", "dead"), "one job to run and one to die")
    assert cli.json("skip", runs, status=1)[0]["code"] == "running"
    codes = cli.json("skip", runs, later, "--force", "--reason", "withdrawn")
    assert [row["code"] for row in codes] == ["asked", "skipped"]
    wait_until(lambda: cli.state(runs) == "skipped", "the running job to stop")
    assert [row["code"] for row in cli.json("skip", runs, later)] == ["ended", "ended"]
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        with pytest.raises(mainspring.JobSkipped):
            client.job(later).result(timeout=BOUND_S)
        assert client.discard(dead, reason="no address will ever come") == {int(dead): "discarded"}
        with pytest.raises(mainspring.JobDiscarded):
            client.job(dead).result(timeout=BOUND_S)
    assert cli("dead") == "no dead letters\n"
    assert {row["job"] for row in cli.json("jobs", "--state", "skipped")} == {runs, later}
    assert [row["job"] for row in cli.json("jobs", "--state", "discarded", "--error-kind", "ValueError")] == [dead]
    (queue,) = cli.json("queues")
    assert (queue["skipped"], queue["discarded"], queue["dead"]) == (2, 1, 0)
    assert "discarded: dead -> discarded" in cli("job", dead)
    question = "SELECT job, state FROM v_jobs ORDER BY id"
    expect(node, [(runs, "skipped"), (later, "skipped"), (dead, "discarded")], question)
    expect(node, [("cancelled",)], "SELECT outcome FROM v_executions WHERE job = ?", runs)
    question = "SELECT object, action, note FROM v_audit ORDER BY id"
    withdrawn = [(job, "job skipped", "withdrawn") for job in (runs, later)]
    expect(node, [*withdrawn, (dead, "job discarded", "no address will ever come")], question)


def test_cancels_tell_who_won(node: LiveNode, cli: Program) -> None:
    """With `--wait` the end of a job that runs is known when the command ends."""
    runs, later = cli.submit("waits"), cli.submit("charge", "1", "--delay", "1h")
    wait_until(lambda: cli.state(runs) == "running", "the job to run")
    text = cli("cancel", runs, later, "--wait")
    assert re.search(rf"^ *{runs} +asked +was running, and has been stopped *$", text, re.MULTILINE)
    assert re.search(rf"^ *{later} +cancelled +will not run *$", text, re.MULTILINE)
    assert cli.json("cancel", runs, "--wait") == [{"id": int(runs), "job": runs, "code": "finished"}]


def test_a_repair_can_be_interrupted(node: LiveNode, cli: Program) -> None:
    """Ctrl-C while the node does not answer must end the program with 130, and say how far it came."""
    job = cli.submit("ship", "1")
    wait_until(lambda: cli.state(job) == "dead", "the job to be dead")
    words = ["repair", "--failed-after", "1h", "--strategy", "retry", "--yes"]
    command = [sys.executable, "-c", f"import signal\n{_HOLD}", *words]
    (coordinator,) = node.actors("processes.coordinator")
    environment = {**os.environ, "COORDINATOR": str(coordinator.pid)}
    repair = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert repair.stdout is not None
        while not repair.stdout.readline().startswith("1 job"):
            assert repair.poll() is None, repair.communicate()
        wait_until(lambda: coordinator.status() == "stopped", "the coordinator to be held")
        repair.send_signal(signal.SIGINT)
        _, err = repair.communicate(timeout=BOUND_S)
    finally:
        repair.kill()
        coordinator.send_signal(signal.SIGCONT)
    assert repair.returncode == 130
    assert err.startswith("interrupted: 0 of 1 jobs are done, and perhaps the 1 of the batch that was under way")


_HOLD = """
import os, sys
from mainspring.nodes.cli import app, repair
act = repair.act
def held(*args, **more):
    sys.stdout.flush()
    os.kill(int(os.environ["COORDINATOR"]), signal.SIGSTOP)
    return act(*args, **more)
repair.act = held
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
sys.exit(app.run(sys.argv[1:]))
"""
"""The program, which holds the coordinator before it acts: so the interruption comes in the middle."""
