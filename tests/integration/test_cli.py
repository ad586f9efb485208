"""The client commands against a real node: what they print, for people and for programs, and their exit statuses."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_node import BOUND_S, LiveNode, wait_until

from mainspring.broker.net.discovery import URL_VARIABLE
from mainspring.nodes.cli import app

TASKS = """
import asyncio
from mainspring import task

@task
def add(a: int, b: int) -> int:
    return a + b

@task(retries=0)
def boom() -> None:
    raise ValueError("on \\x1b[31mpurpose")

@task
async def waits() -> None:
    await asyncio.sleep(600)

@task(queue="other", priority=5, timeout=90)
def echo(*values: object, **named: object) -> object:
    return [values, named]
"""
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """One node for the whole file."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "cli_tasks.py").write_text(TASKS)
    live = LiveNode(folder, "cli_tasks")
    live.start()
    yield live
    live.kill()


class Program:
    """The program, run in this process against the node."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str, status: int = 0) -> str:
        """Runs a command that must end so; gives its stdout."""
        return self.both(*words, status=status)[0]

    def both(self, *words: str, status: int = 0) -> tuple[str, str]:
        """Runs a command that must end so; gives stdout and stderr."""
        found = app.run(words)
        out, err = self.capsys.readouterr()
        assert found == status, f"status {found}\n{out}\n{err}"
        return out, err

    def json(self, *words: str, status: int = 0) -> Any:
        """Runs a command with --json; gives the one document that it must print."""
        return json.loads(self(*words, "--json", status=status))


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], node: LiveNode, monkeypatch: pytest.MonkeyPatch) -> Program:
    """The program, which finds the node by its URL."""
    monkeypatch.setenv(URL_VARIABLE, node.url)
    return Program(capsys)


def test_submit_prints_an_id_and_job_shows_it(cli: Program) -> None:
    """The id must be all that stands on stdout, and name the job from then on."""
    id = cli("submit", "cli_tasks.add", "1", "b=2").strip()
    assert id.isdecimal()
    assert cli("submit", "cli_tasks.add", "1", "2", "--wait", str(int(BOUND_S))) == "3\n"
    told = cli.json("submit", "cli_tasks.add", "-1", "2", "--key", "once")
    assert (
        cli.json("submit", "cli_tasks.add", "-1", "2", "--key", "once")
        == told
        == {"id": int(told["job"]), "job": told["job"]}
    )


def test_submit_waits_for_the_result(cli: Program) -> None:
    """The result must be JSON on stdout, the id on stderr."""
    out, err = cli.both("submit", "cli_tasks.echo", "--wait", "a@b.c", "[1, null]", "x=é", "--kwargs", '{"y": true}')
    assert json.loads(out) == [["a@b.c", [1, None]], {"x": "é", "y": True}]
    assert re.fullmatch(r"job \d+\n", err)
    assert "é" in out
    told = json.loads(cli("submit", "--json", "cli_tasks.echo", "--wait=60", "--", "--flag"))
    assert (told["state"], told["result"], told["error"]) == ("succeeded", [["--flag"], {}], None)


def test_submit_tells_a_failure(cli: Program) -> None:
    """A job that fails must fail the command, with its traceback, which must not steer the terminal."""
    out, err = cli.both("submit", "cli_tasks.boom", "--wait", status=1)
    assert out == ""
    assert "is dead after 1 attempt" in err
    assert r"ValueError: on \x1b[31mpurpose" in err
    told = cli.json("submit", "cli_tasks.boom", "--wait", status=1)
    assert (told["state"], told["result"]) == ("dead", None)
    assert told["error"].endswith("ValueError: on \x1b[31mpurpose")


def test_submit_tells_an_unknown_task(cli: Program) -> None:
    """The text must name the task and the mend."""
    out, err = cli.both("submit", "cli_tasks.nix", status=1)
    assert out == ""
    assert err.startswith("mainspring: task 'cli_tasks.nix' is not known here; add its module")


def test_a_wait_that_is_too_short_leaves_the_job_alone(cli: Program) -> None:
    """Status 1, and the command that shows the job."""
    out, err = cli.both("submit", "cli_tasks.add", "1", "2", "--delay", "1h", "--wait", "50ms", status=1)
    (id,) = re.findall(r"^job (\d+)$", err, re.MULTILINE)
    assert out == ""
    assert f"job {id} has not ended in time, and goes on: `mainspring job {id}` shows it" in err
    assert cli.json("job", id)["state"] == "scheduled"


def test_options_of_a_submit_reach_the_job(cli: Program) -> None:
    """Every option must be in what is stored."""
    words = ("--at", "2100-01-01T00:00:00Z", "--key", "k-1", "--queue", "late", "--priority", "7", "--retries", "2")
    id = cli("submit", "cli_tasks.add", "1", "2", *words, "--timeout", "90", "--expires", "2d").strip()
    found = cli.json("job", id)
    assert found["due_at"] == "2100-01-01T00:00:00.000Z"
    assert (found["key"], found["queue"], found["priority"], found["retries"]) == ("k-1", "late", 7, 2)
    assert (found["timeout_ms"], found["expires_ms"] - found["created_ms"]) == (90_000, 172_800_000)
    assert (found["args"], found["kwargs"], found["executions"]) == ([1, 2], {}, [])
    text = cli("job", id)
    assert re.search(r"^arguments +1 2$", text, re.MULTILINE)
    assert re.search(r"^timeout +1 min 30 s$", text, re.MULTILINE)


def test_job_shows_attempts(cli: Program) -> None:
    """State, times, result and each attempt must be there, for programs and for people."""
    id = cli.json("submit", "cli_tasks.boom", "--wait", status=1)["job"]
    found = cli.json("job", id)
    assert (found["job"], found["state"], found["task"]) == (id, "dead", "cli_tasks.boom")
    assert ISO.fullmatch(found["created_at"])
    assert ISO.fullmatch(found["finished_at"])
    (execution,) = found["executions"]
    assert (execution["attempt"], execution["outcome"], execution["error_kind"]) == (1, "failed", "ValueError")
    assert execution["duration_ms"] >= 0
    text = cli("job", id)
    assert re.search(r"^state +dead$", text, re.MULTILINE)
    assert re.search(r"^ +1 +failed +executor-\d ", text, re.MULTILINE)
    assert text.endswith("ValueError: on \\x1b[31mpurpose\n")
    assert "Traceback" in text
    done = cli.json("submit", "cli_tasks.add", "1", "2", "--wait")["job"]
    assert re.search(r"^result +3$", cli("job", done), re.MULTILINE)
    assert cli.json("job", done)["result"] == 3


@pytest.mark.parametrize("id", ["999999", "7-1"])
def test_a_job_that_is_not_there(cli: Program, id: str) -> None:
    """It must be said plainly, with status 1; a shard that does not exist has no jobs either."""
    out, err = cli.both("job", id, status=1)
    assert (out, err[: len(id) + 40]) == ("", f"mainspring: job {id} was NOT FOUND: no job has this"[: len(id) + 40])
    assert cli.json("job", id, status=1)["state"] == "not_found"


def test_jobs_in_pages(cli: Program) -> None:
    """The newest come first; the command that is printed must show the next page."""
    ids = [cli("submit", "cli_tasks.add", "1", "2", "--queue", "paged", "--delay", "1h").strip() for _ in range(5)]
    words = ["jobs", "--queue", "paged", "--state", "scheduled", "--limit", "2"]
    seen: list[str] = []
    while words:
        out, err = cli.both(*words, "--json")
        rows = json.loads(out)
        assert len(rows) <= 2
        seen += [row["job"] for row in rows]
        found = re.fullmatch(
            r"next page: mainspring (jobs --state scheduled --queue paged --limit 2 --before \d+)\n", err
        )
        assert bool(found) or not err
        words = found[1].split() if found else []
    assert seen == ids[::-1]
    text = cli("jobs", "--queue", "paged", "--task", "cli_tasks.add")
    lines = [line.split() for line in text.splitlines()]
    assert lines[0][:4] == ["id", "state", "task", "queue"]
    assert [line[0] for line in lines[2:]] == ids[::-1]
    assert cli("jobs", "--queue", "nix") == "no jobs\n"
    assert cli.json("jobs", "--queue", "nix") == []


def test_cancel_tells_a_code_for_each(cli: Program) -> None:
    """What runs is asked, what has ended is left alone, and a missing one makes the status 1."""
    done = cli.json("submit", "cli_tasks.add", "1", "2", "--wait")["job"]
    later = cli("submit", "cli_tasks.add", "1", "2", "--delay", "1h").strip()
    runs = cli("submit", "cli_tasks.waits").strip()
    wait_until(lambda: cli.json("job", runs)["state"] == "running", "the job to run")
    codes = cli.json("cancel", later, runs, done, later)
    assert [(row["job"], row["code"]) for row in codes] == [(later, "cancelled"), (runs, "asked"), (done, "finished")]
    wait_until(lambda: cli.json("job", runs)["state"] == "cancelled", "the job to be cancelled")
    assert cli.json("cancel", "999999", status=1) == [{"id": 999999, "job": "999999", "code": "not_found"}]
    text = cli("cancel", later, "999999", status=1)
    assert re.search(rf"^ *{later} +finished +had ended already", text, re.MULTILINE)


def test_queues_executors_and_tasks(cli: Program) -> None:
    """Each must be a table for people and an array for programs."""
    cli("submit", "cli_tasks.echo", "--wait")
    (queue,) = [row for row in cli.json("queues") if row["queue"] == "other"]
    assert (queue["tenant"], queue["succeeded"] >= 1, queue["ready"], queue["running"]) == ("default", True, 0, 0)
    assert re.search(r"^default +other +0 ", cli("queues"), re.MULTILINE)
    found = cli.json("executors")
    assert [row["executor"] for row in found] == ["executor-1", "executor-2"]
    assert all(row["tasks"] == 4 and row["slots"] > 0 and row["silent"] is False for row in found)
    assert re.search(r"^executor-1 +\S+ +connected ", cli("executors"), re.MULTILINE)
    (task,) = [row for row in cli.json("tasks") if row["name"] == "cli_tasks.echo"]
    assert (task["runner"], task["queue"], task["priority"], task["timeout_ms"]) == ("process", "other", 5, 90_000)
    assert (task["retries"], task["backoff_ms"]) == (3, 1000)
    assert re.search(r"^cli_tasks\.boom +process +default +0 +- +0 *$", cli("tasks"), re.MULTILINE)


def test_shards_of_a_running_node(cli: Program, node: LiveNode) -> None:
    """The node and its files must tell the same, and SQL over the files must see every job."""
    cli("submit", "cli_tasks.add", "1", "2", "--wait")
    (row,) = cli.json("shards", "stat")
    assert (row["shard"], row["applied"] <= row["log_index"]) == (0, True)
    assert row["rows"]["finished"] >= 1
    assert row["file"]["bytes"] > 0
    assert row["log"]["segments"] == 1
    (read,) = cli.json("shards", "stat", "--data", str(node.data_dir))
    assert read["epoch"] == row["epoch"]
    assert read["applied"] >= row["applied"]
    sql = "SELECT count(*) AS jobs FROM v_jobs WHERE task = 'cli_tasks.add'"
    (line,) = cli("shards", "query", sql, "--data", str(node.folder), "--json").splitlines()
    assert json.loads(line)["jobs"] >= 1
    refused = cli.both("shards", "query", "DELETE FROM jobs", "--data", str(node.data_dir), status=1)[1]
    assert refused == "mainspring: this command only reads, and the statement would change something; give a SELECT\n"


def test_the_nearest_node_is_found(node: LiveNode, tmp_path: Path) -> None:
    """From a folder below the one with the data, without a URL, by the program as it is installed."""
    below = node.folder / "src"
    below.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name != URL_VARIABLE}

    def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mainspring", *words]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=BOUND_S)

    done = run(below, "submit", "cli_tasks.add", "20", "22", "--wait")
    assert (done.returncode, done.stdout) == (0, "42\n")
    lost = run(tmp_path, "jobs")
    assert (lost.returncode, lost.stdout) == (1, "")
    assert "start one with `mainspring up`" in lost.stderr


def test_watch_writes_changes_as_lines(cli: Program, node: LiveNode) -> None:
    """A job that is submitted, and then its end, must appear as lines of JSON; Ctrl-C is the good end."""
    command = [sys.executable, "-m", "mainspring", "jobs", "--watch", "--json", "--queue", "watched", "--url", node.url]
    watcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert watcher.stdout is not None
        id = cli("submit", "cli_tasks.add", "1", "2", "--queue", "watched", "--delay", "1h").strip()
        first = json.loads(watcher.stdout.readline())
        cli("cancel", id)
        second = json.loads(watcher.stdout.readline())
        watcher.send_signal(2)
        assert watcher.wait(BOUND_S) == 0
        assert [(row["job"], row["state"]) for row in (first, second)] == [(id, "scheduled"), (id, "cancelled")]
    finally:
        watcher.kill()
        watcher.communicate()


def test_a_stopped_node_can_be_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """After a stop, files and SQL must still tell everything, and the commands that need a node say so."""
    (tmp_path / "cli_tasks.py").write_text(TASKS)
    live, program = LiveNode(tmp_path, "cli_tasks"), Program(capsys)
    live.start()
    url = live.url
    program("submit", "cli_tasks.add", "1", "2", "--wait", "--url", url)
    assert live.stop() == 0
    (row,) = program.json("shards", "stat", "--data", str(tmp_path))
    assert row["rows"]["finished"] == 1
    assert row["log_index"] == row["applied"] > 0
    out = program("shards", "query", "SELECT state, result FROM v_jobs", "--data", str(tmp_path), "--csv")
    assert out == "state,result\nsucceeded,3\n"
    out, err = program.both("shards", "stat", "--url", url, status=1)
    assert (out, err[:12]) == ("", "mainspring: ")
    assert "start one with `mainspring up`" in err
    assert err.endswith("--data DIR reads the files of a stopped node\n")
