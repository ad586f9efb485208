"""The client commands without a node: what they refuse, and how they put together what several shards say."""

from typing import Any

import pytest

from mainspring.actors.jobs.retry import RetryPolicy
from mainspring.broker.net.discovery import URL_VARIABLE
from mainspring.nodes.cli import app, executors, job, queues, tasks
from mainspring.nodes.cli.output import json_text
from mainspring.nodes.storage.shard.listing_rules import LISTINGS

NOBODY = "ipc:///nowhere/coordinator.sock"


def cli(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Runs the program; gives status, stdout and stderr."""
    status = app.run(words)
    return status, *capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["submit"], "missing argument 'TASK'"),
        (["submit", "bad name"], "invalid value: task name 'bad name' is not valid"),
        (["submit", "t", "--dealy", "5"], "invalid value: there is no option --dealy; write `--` before values"),
        (["submit", "--dealy", "t"], "invalid value: there is no option --dealy"),
        (["submit", "t", "--delay", "x"], "invalid value for '--delay': 'x' is no duration; give seconds"),
        (["submit", "t", "--at", "noon"], "invalid value for '--at': 'noon' is no ISO 8601 time"),
        (["submit", "t", "--wait", "1", "2"], "invalid value: `--wait 1 2` can mean two things"),
        (["submit", "t", "--wait=soon"], "invalid value for '--wait': 'soon' is no duration"),
        (["submit", "t", "--delay", "5", "--at", "2026-03-01"], "invalid value: delay and at are both given"),
        (["submit", "t", "--priority", "1000"], "invalid value: priority is 1000; give a whole number from -100"),
        (["submit", "t", "--priority", "high"], "invalid value for '--priority'"),
        (["submit", "t", "--timeout", "0"], "invalid value: timeout is 0.0; give more than 0 seconds"),
        (["submit", "t", "--deadline", "0"], "invalid value: deadline is 0.0; give more than 0 seconds"),
        (["submit", "t", "--queue", "a b"], "invalid value: queue 'a b' is no valid name"),
        (["submit", "t", "a=1", "a=2"], "invalid value: the argument a is given twice"),
        (["submit", "t", "--kwargs", "[1]"], "invalid value: --kwargs is no JSON object"),
        (["submit", "t", "1e999"], "invalid value: argument 1"),
        (["submit", "t", '"\\ud800"'], "invalid value: argument 1 holds half a surrogate pair"),
        (["jobs", "--state", "lost"], "invalid value for '--state': 'lost' is no state; there are scheduled, ready"),
        (["jobs", "--limit", "0"], "invalid value for '--limit'"),
        (["jobs", "--before", "x"], "invalid value: 'x' is not a job id; ids look like 1042 or 3-1042"),
        (["jobs", "--watch", "--before", "7"], "invalid value: --watch shows the newest jobs; leave --before out"),
        (["job"], "missing argument 'ID'"),
        (["job", "x"], "invalid value: 'x' is not a job id"),
        (["cancel"], "missing argument 'ID'"),
        (["cancel", "1", "9999-1"], "invalid value: '9999-1' is out of range"),
        (["queues", "extra"], "got unexpected extra argument"),
    ],
)
def test_wrong_usage_is_status_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    """What was typed wrongly must be told before any node is asked."""
    monkeypatch.setenv(URL_VARIABLE, NOBODY)
    status, out, err = cli(capsys, *words)
    assert (status, out) == (2, "")
    assert err.startswith(f"mainspring: {told}")
    assert err.endswith(f"`mainspring {words[0]} --help` shows the usage\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words", [["submit", "t"], ["jobs"], ["job", "1"], ["cancel", "1"], ["queues"], ["shards", "stat"]]
)
def test_without_a_node_the_mend_is_told(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    words: list[str],
) -> None:
    """Who has no node must read how to start or to name one."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    status, out, err = cli(capsys, *words)
    assert (status, out) == (1, "")
    assert err.startswith("mainspring: no node found: ")
    assert "start one with `mainspring up`" in err
    status, out, err = cli(capsys, *words, "--url", "localhost")
    assert (status, out) == (1, "")
    assert err == "mainspring: url names 'localhost', which is no endpoint; give ipc://PATH or tcp://HOST:PORT\n"


def test_watching_needs_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe the live view would be rubbish; the mend is JSON."""
    monkeypatch.setenv(URL_VARIABLE, NOBODY)
    status, out, err = cli(capsys, "jobs", "--watch")
    assert (status, out) == (1, "")
    assert "add --json for a line a change" in err


def test_json_that_cannot_be_written_is_escaped() -> None:
    """Half a surrogate pair in a result must not end the command with a traceback."""
    assert json_text({"é": "\ud800"}) == '{"\\u00e9": "\\ud800"}'
    assert json_text({"é": 1}) == '{"é": 1}'


def an_executor(**fields: Any) -> dict[str, Any]:
    """What one shard says of an executor."""
    return {
        "executor": "e1", "node": "n1", "incarnation": 7, "tasks": 3, "queues": "*", "slots": 10, "used": 2,
        "lease_left_ms": 9000, "silent": False,
    } | fields  # fmt: skip


def test_an_executor_is_one_row() -> None:
    """Its shares in all shards must be added up, and the worst news of it shown; two lives are two rows."""
    rows = [
        an_executor(),
        an_executor(),
        an_executor(slots=5, lease_left_ms=100, silent=True),
        an_executor(incarnation=8),
        an_executor(node="a"),
    ]
    merged = executors.merged(rows)
    assert [(row["node"], row["incarnation"]) for row in merged] == [("a", 7), ("n1", 7), ("n1", 8)]
    assert merged[1] == an_executor(slots=25, used=6, lease_left_ms=100, silent=True)
    assert rows[0] == an_executor()


def test_a_queue_is_one_row() -> None:
    """The counts of its partitions must be added up."""
    counts = dict.fromkeys(LISTINGS["queues"].columns[2:], 0)
    rows = [
        {"tenant": "t", "queue": queue, **(counts | {"ready": ready})}
        for queue, ready in (("b", 1), ("a", 2), ("b", 3))
    ]
    assert [(row["queue"], row["ready"], row["dead"]) for row in queues.merged(rows)] == [("a", 2, 0), ("b", 4, 0)]


def test_retry_policies_are_named() -> None:
    """Programs must not have to know the order of a row's columns; one of a later version is left out."""
    row = RetryPolicy(retries=2, base_ms=50, cap_ms=900, jitter="none").to_row()
    assert tasks.with_policy({"name": "a", "retry": list(row)}) == {
        "name": "a", "retries": 2, "backoff_ms": 50, "backoff_factor": 2.0, "backoff_max_ms": 900, "jitter": "none",
    }  # fmt: skip
    assert tasks.with_policy({"name": "a", "retry": [1, 2]}) == {"name": "a"}
    assert tasks.with_policy({"name": "a", "retry": None}) == {"name": "a"}


class StoredJob:
    """A client of a node that has one job."""

    def __init__(self, states: list[str], **columns: Any) -> None:
        self.states = states
        self.columns = columns

    def status(self, jobs: int) -> dict[int, str]:
        """Tells the next state."""
        return {jobs: self.states.pop(0)}

    def query(self, name: str, **chosen: Any) -> list[dict[str, Any]]:
        """Lists the job once its entry is applied: when only one state is left."""
        if name == "audit":
            return [{"id": 7, "made_ms": 2000, "who": "ann@host", "action": "job retried", "object": chosen["object"]}]
        if name == "tasks":
            return [{"name": "shop.ship", "retry": list(RetryPolicy(retries=2).to_row())}]
        assert name == "job"
        return [] if self.states else [{"id": chosen["id"], "state": "dead", "error": None, **self.columns}]

    def listing(self, name: str, **chosen: Any) -> tuple[list[str], list[list[Any]], bool]:
        """Lists one attempt."""
        columns = ["job_id", "attempt", "outcome", "scheduled_ms", "started_ms", "finished_ms", "error"]
        return columns, [[chosen["job_id"], 1, "failed", 1000, 1250, 1300, "x"]], False


def test_a_job_that_is_not_listed_yet_is_waited_for() -> None:
    """Listings lag a moment behind what was acknowledged; nobody may read NOT FOUND meanwhile."""
    found = job.read_job(StoredJob(["ready", "running", "dead"], payload='[[1],{"a":2}]', result=None), 5)
    assert found is not None
    assert (found["id"], found["job"], found["args"], found["kwargs"]) == (5, "5", [1], {"a": 2})
    assert found["error"] == "x"
    assert "retries" not in found
    (execution,) = found["executions"]
    assert (execution["duration_ms"], execution["lateness_ms"]) == (50, 250)
    assert execution["started_at"] == "1970-01-01T00:00:01.250Z"
    made = {"made_ms": 2000, "made_at": "1970-01-01T00:00:02.000Z"}
    assert found["audit"] == [{**made, "who": "ann@host", "action": "job retried"}]
    assert job.read_job(StoredJob(["not_found"]), 5) is None


def test_the_policy_of_a_job_is_its_own_or_its_tasks() -> None:
    """Whoever asks wants to know how often it is tried, wherever that was said."""
    found = job.read_job(StoredJob(["dead"], task="shop.ship", retry=None), 5)
    assert found is not None
    assert found["retries"] == 2
    found = job.read_job(StoredJob(["dead"], task="shop.ship", retry=list(RetryPolicy(retries=7).to_row())), 5)
    assert found is not None
    assert found["retries"] == 7


@pytest.mark.parametrize("payload", ["", "no json", "[1,2]", '{"a":1}', "[[1],{},3]", None])
def test_a_foreign_payload_is_shown_as_it_is(payload: str | None) -> None:
    """A job of another program may hold any text."""
    found = job.read_job(StoredJob(["dead"], payload=payload, result="no json"), 5)
    assert found is not None
    assert (found["payload"], found["result"]) == (payload, "no json")
    assert "args" not in found
