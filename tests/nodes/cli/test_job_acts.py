"""`retry`, `skip`, `discard` and `cancel` without a node: what they refuse, ask for and say."""

import io
import json
import re

import pytest
from dead_jobs import DeadJobs, Program, reach

from mainspring.broker.wire.ids import job_id
from mainspring.broker.wire.limits import REASON_CHARS_MAX
from mainspring.broker.wire.rows import JOB_ACTIONS
from mainspring.nodes.cli.job_acts import MEANINGS, WANTED


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> DeadJobs:
    """A node that every command reaches."""
    made = DeadJobs()
    reach(made, monkeypatch)
    return made


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Program:
    """The program."""
    return Program(capsys)


@pytest.mark.parametrize("action", JOB_ACTIONS)
def test_a_line_a_job(node: DeadJobs, cli: Program, action: str) -> None:
    """Each id must have its line, in the order given, with what happened in words; the reason must travel."""
    node.codes = {7: "not_found"}
    status, out, err = cli(action, "3-42", "7", "3-42", "--reason", "mended")
    assert (status, err) == (1, "")
    lines = [line.split(maxsplit=2) for line in out.splitlines()[2:]]
    assert [line[0] for line in lines] == ["3-42", "7"]
    assert lines[1][1:] == ["not_found", "no job has this id, or retention has removed it"]
    assert lines[0][2].strip() == MEANINGS[action][lines[0][1]]
    assert node.acts == [(action, [job_id(3, 42), 7], "mended", False)]


@pytest.mark.parametrize(("action", "code"), [(action, code) for action in JOB_ACTIONS for code in MEANINGS[action]])
def test_the_status_says_whether_all_is_as_wanted(node: DeadJobs, cli: Program, action: str, code: str) -> None:
    """A job that is so already is no failure: the same command may be run again."""
    node.codes = {5: code}
    status, out, _ = cli(action, "5", "6", "--json")
    assert status == (0 if code in WANTED[action] else 1)
    first, second = json.loads(out)
    assert first == {"id": 5, "job": "5", "code": code, "meaning": MEANINGS[action][code]}
    assert second["code"] in WANTED[action]


@pytest.mark.parametrize("action", ["retry", "skip"])
def test_force_is_passed_on(node: DeadJobs, cli: Program, action: str) -> None:
    """Only where it was said."""
    assert cli(action, "5", "--force")[0] == 0
    assert node.acts == [(action, [5], None, True)]


def test_ids_come_from_stdin(node: DeadJobs, cli: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` stands for its lines; empty ones are left out, and none at all is no failure."""
    monkeypatch.setattr("sys.stdin", io.StringIO("3-42\n\n  7 \n3-42\n"))
    assert cli("discard", "5", "-")[0] == 0
    assert node.acts == [("discard", [5, job_id(3, 42), 7], None, False)]
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert cli("retry", "-") == (0, "", "no ids, so nothing was done\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("5\nsix\n"))
    status, out, err = cli("retry", "-")
    assert (status, out, len(node.acts)) == (2, "", 1)
    assert err.startswith("mainspring: invalid value: 'six' is not a job id; ids look like 1042 or 3-1042")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["retry"], "missing argument 'ID"),
        (["retry", "x"], "invalid value: 'x' is not a job id"),
        (["skip", "1", "--reason", ""], "invalid value for '--reason': it has 0 characters; give 1 to 1000"),
        (["skip", "1", "--reason", "x" * (REASON_CHARS_MAX + 1)], "invalid value for '--reason': it has 1001 char"),
        (["discard", "1", "--force"], "no such option: --force"),
    ],
)
def test_wrong_usage_is_status_2(node: DeadJobs, cli: Program, words: list[str], told: str) -> None:
    """What was typed wrongly must be told before a node is asked."""
    status, out, err = cli(*words)
    assert (status, out, node.acts) == (2, "", [])
    assert err.startswith(f"mainspring: {told}")


def test_a_cancel_that_waits_tells_who_won(node: DeadJobs, cli: Program) -> None:
    """Only jobs that were asked are waited for, and how each ended is told in words."""
    node.codes = {1: "asked", 2: "asked", 3: "finished", 4: "asked"}
    for id, state in ((1, "cancelled"), (2, "succeeded"), (4, "expired")):
        node.add(id, "shop.mail", None, state=state)
    status, out, _ = cli("cancel", "1", "2", "3", "4", "--wait")
    assert (status, node.waited) == (0, [1, 2, 4])
    for text in (
        "1 +asked +was running, and has been stopped",
        "2 +asked +was running, and succeeded before it could be stopped",
        "3 +finished +had ended already",
        "4 +asked +was running, and has ended as expired",
    ):
        assert re.search(rf"^ *{text} *$", out, re.MULTILINE)
    node.waited.clear()
    rows = json.loads(cli("cancel", "1", "3", "--json")[1])
    assert (rows[0], node.waited) == ({"id": 1, "job": "1", "code": "asked"}, [])
    assert json.loads(cli("cancel", "1", "--wait", "--json")[1])[0]["state"] == "cancelled"
