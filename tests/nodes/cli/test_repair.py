"""`mainspring repair` without a node: the plan, the question, the work, and what an interruption leaves."""

import inspect
import json
from collections import Counter

import pytest
from dead_jobs import DeadJobs, Program, reach
from hypothesis import given
from hypothesis import strategies as st

from mainspring.actors.coordinator import following
from mainspring.actors.jobs.retry import RetryPolicy
from mainspring.broker.net.exceptions import Unreachable
from mainspring.broker.wire.ids import job_id
from mainspring.nodes.cli import repair
from mainspring.nodes.cli.repair_plan import STRATEGIES, action_for, read_plan
from mainspring.nodes.cli.repair_rules import (
    DEADLINE_LINES,
    LEAVE,
    OTHERS,
    RETRY,
    RULED_OUT,
    RULES,
    in_words,
    is_over,
    rule_for,
)
from mainspring.nodes.storage.shard.listing_rules import LISTINGS

SINCE = ("--failed-after", "2023-11-14T22:13:20Z")


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> DeadJobs:
    """A node with six dead letters in three groups."""
    made = DeadJobs()
    for number in range(1, 4):
        made.add(number, "shop.charge", "requests.exceptions.ConnectionError", 1000 * number)
    made.add(job_id(1, 1), "shop.charge", "requests.exceptions.ConnectionError", 3500)
    made.add(job_id(1, 2), "shop.crash", "crash_budget", 4000)
    made.add(7, "shop.ship", "ValueError", 500)
    reach(made, monkeypatch)
    return made


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Program:
    """The program."""
    return Program(capsys)


def asked(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Puts somebody before the terminal, who answers."""
    for stream in ("stdin", "stderr"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda text, err: answer == "y" and err and bool(text))


def test_a_dry_run_shows_and_changes_nothing(node: DeadJobs, cli: Program) -> None:
    """It is what happens without a strategy, and tells what `auto` would do and why."""
    status, out, err = cli("repair", *SINCE)
    assert (status, err, node.acts) == (0, "", [])
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "task queue error kind jobs first last what is done why"
    assert lines[2].startswith("shop.charge default requests.exceptions.ConnectionError 4 ")
    assert lines[2].endswith(" retry something outside did not answer; it may by now")
    assert [" needs a person " in line for line in lines[2:5]] == [False, False, True]
    assert lines[-1] == "6 jobs, of which 1 needs a person"
    assert cli("repair", "--strategy", "dry-run", *SINCE)[1] == out


def test_auto_retries_what_another_attempt_may_mend(node: DeadJobs, cli: Program) -> None:
    """The table comes first; the rest is left to a person, and the counts tell by code what happened."""
    node.codes = {3: "running"}
    status, out, err = cli("repair", *SINCE, "--strategy", "auto", "--yes", "--reason", "the server is back")
    assert (status, err) == (0, "")
    assert node.acts == [
        ("retry", [job_id(1, 1), 3, 2, 1], "the server is back", False),
        ("retry", [job_id(1, 2)], "the server is back", False),
    ]
    assert out.index("needs a person") < out.index("asked for")
    assert [" ".join(line.split()) for line in out.splitlines()[-2:]] == [
        "4 retry retried runs again",
        "1 retry running runs already",
    ]
    assert list(node.jobs) == [7]


@pytest.mark.parametrize("strategy", ["retry", "skip", "discard"])
def test_a_strategy_is_for_all_that_were_chosen(node: DeadJobs, cli: Program, strategy: str) -> None:
    """What `auto` would have done stands beside, and the audit gets a reason of its own."""
    status, out, _ = cli("repair", *SINCE, "--task", "shop.ship", "--strategy", strategy, "--yes")
    assert (status, node.acts) == (0, [(strategy, [7], f"repair --strategy {strategy}", False)])
    assert "asked for; auto would leave it: its own error" in out


def test_nothing_matches(node: DeadJobs, cli: Program) -> None:
    """That is no failure, and nobody is asked."""
    assert cli("repair", *SINCE, "--task", "nix", "--strategy", "retry") == (0, "no dead letters\n", "")
    status, out, _ = cli("repair", *SINCE, "--task", "shop.ship", "--strategy", "auto")
    assert (status, node.acts) == (0, [])
    assert out.endswith("1 job, of which 1 needs a person\n")


def test_whoever_sits_there_is_asked(node: DeadJobs, cli: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the table, and no is no."""
    asked(monkeypatch, "n")
    status, out, err = cli("repair", *SINCE, "--strategy", "retry")
    assert (status, node.acts) == (1, [])
    assert "6 jobs\n" in out
    assert err.endswith("nothing was changed\n")
    asked(monkeypatch, "y")
    assert cli("repair", *SINCE, "--strategy", "retry")[0] == 0
    assert node.jobs == {}


def test_where_nobody_can_be_asked_yes_is_needed(node: DeadJobs, cli: Program) -> None:
    """The table comes all the same; with --json there is nobody to show it to."""
    status, out, err = cli("repair", *SINCE, "--strategy", "skip")
    assert (status, node.acts) == (2, [])
    assert "6 jobs\n" in out
    assert err == "mainspring: nobody can be asked here, so nothing was changed: add --yes\n"
    assert cli("repair", *SINCE, "--strategy", "skip", "--json") == (
        2, "", "mainspring: with --json nobody is asked: add --yes\n",
    )  # fmt: skip


def test_a_limit_takes_the_newest(node: DeadJobs, cli: Program) -> None:
    """What is shown is what is done, and the rest is told."""
    status, out, err = cli("repair", *SINCE, "--strategy", "retry", "--yes", "--limit", "2")
    assert (status, err) == (0, "there are more: a larger --limit takes them in, or run it again afterwards\n")
    assert "\n2 jobs\n" in out
    assert sorted(id for _, ids, _, _ in node.acts for id in ids) == [job_id(1, 1), job_id(1, 2)]


def test_an_interruption_says_how_far_it_came(node: DeadJobs, cli: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends it with 130; the counts are shown, and the same command does the rest."""
    monkeypatch.setattr(repair, "BATCH", 2)

    def interrupt() -> None:
        if len(node.acts) == 1:
            raise KeyboardInterrupt

    node.before_act = interrupt
    status, out, err = cli("repair", *SINCE, "--strategy", "retry", "--yes")
    assert status == 130
    assert err == (
        "interrupted: 2 of 6 jobs are done, and perhaps the 2 of the batch that was under way; "
        "the same command goes on with the rest\n"
    )
    assert out.splitlines()[-1].split()[:3] == ["2", "retry", "retried"]
    node.before_act = lambda: None
    assert cli("repair", *SINCE, "--strategy", "retry", "--yes")[0] == 0
    assert node.jobs == {}
    assert Counter(id for _, ids, _, _ in node.acts for id in ids).most_common(1)[0][1] == 1


def test_a_node_that_goes_away_is_told_with_how_far_it_came(node: DeadJobs, cli: Program) -> None:
    """Status 1, the node's own text, and the counts."""

    def fail() -> None:
        if node.acts:
            raise Unreachable("no node answers", "unreachable")

    node.before_act = fail
    status, out, err = cli("repair", *SINCE, "--strategy", "auto", "--yes", "--json")
    assert status == 1
    assert err.startswith("mainspring: no node answers\n4 of 5 jobs are done, and perhaps the 1 of the batch")
    found = json.loads(out)
    assert found["done"] == [{"action": "retry", "code": "retried", "count": 4}]


def test_json_is_one_document(node: DeadJobs, cli: Program) -> None:
    """Groups with instants for programs, and the counts."""
    found = json.loads(cli("repair", *SINCE, "--json")[1])
    assert (found["strategy"], found["done"], found["more"], found["interrupted"]) == ("dry-run", [], False, False)
    first = found["groups"][0]
    assert (first["count"], first["action"], first["last_at"]) == (4, "retry", "2023-11-14T22:13:23.500Z")
    node.codes = {7: "not_found"}
    words = ("repair", *SINCE, "--strategy", "discard", "--yes", "--json")
    status, out, _ = cli(*words)
    assert status == 1
    assert {row["code"]: row["count"] for row in json.loads(out)["done"]} == {"discarded": 5, "not_found": 1}


def test_tenants_are_shown_where_there_are_several(node: DeadJobs, cli: Program) -> None:
    """The column would say nothing else."""
    assert not cli("repair", *SINCE)[1].startswith("tenant")
    node.add(8, "shop.ship", "ValueError", 500, tenant="acme")
    out = cli("repair", *SINCE)[1]
    assert out.startswith("tenant")
    assert "acme      shop.ship" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "missing option '--failed-after'"),
        ([*SINCE, "--strategy", "magic"], "invalid value for '--strategy': 'magic' is no strategy; there are dry-run"),
        ([*SINCE, "--limit", "0"], "invalid value for '--limit': '0' is out of range"),
        (["--failed-after", "1h", "--failed-before", "yesterday"], "invalid value: --failed-before is not later"),
    ],
)
def test_wrong_usage_is_status_2(node: DeadJobs, cli: Program, words: list[str], told: str) -> None:
    """What was typed wrongly must be told before a node is asked."""
    status, out, err = cli("repair", *words)
    assert (status, out, node.acts) == (2, "", [])
    assert err.startswith(f"mainspring: {told}")


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["a", "b"]), st.sampled_from(["OSError", None])), max_size=30)
)
def test_the_plan_has_every_job_once(found: list[tuple[int, str, str | None]]) -> None:
    """Whatever shards, tasks and kinds there are; groups hold what is alike, the largest first."""
    node = DeadJobs()
    for number, (shard, task, kind) in enumerate(found, 1):
        node.add(job_id(shard, number), task, kind, number)
    plan = read_plan(node, {}, 1000, "auto", lambda count: None)
    assert sorted(id for group in plan.groups for id in group.ids) == sorted(node.jobs)
    for group in plan.groups:
        rows = [node.jobs[id] for id in group.ids]
        assert {(row["task"], row["error_kind"]) for row in rows} == {(group.task, group.error_kind)}
        times = [row["finished_ms"] for row in rows]
        assert (group.first_ms, group.last_ms) == (min(times), max(times))
        assert group.action == (RETRY if group.error_kind else LEAVE)
    sizes = [len(group.ids) for group in plan.groups]
    assert sizes == sorted(sizes, reverse=True)
    assert plan.count == sum(kind is not None for _, _, kind in found)
    assert not plan.more


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("ConnectionError", RETRY), ("requests.exceptions.ConnectionError", RETRY), ("socket.gaierror", RETRY),
        ("OSError", RETRY), ("crash_budget", RETRY), ("killed", RETRY), ("timeout", RETRY),
        ("FileNotFoundError", LEAVE), ("ValueError", LEAVE), ("shop.errors.ValueError", LEAVE), (None, LEAVE),
        ("memory_limit", LEAVE), ("cpu_limit", LEAVE), ("deadline", LEAVE), ("mainspring.NoRetry", LEAVE), ("", LEAVE),
    ],
)  # fmt: skip
def test_the_rule_of_auto(kind: str | None, action: str) -> None:
    """It retries or leaves alone, and nothing else."""
    assert rule_for(kind).action == action
    assert action_for("auto", rule_for(kind)) == (action, rule_for(kind).why)


def test_auto_leaves_what_a_deadline_has_ended(node: DeadJobs, cli: Program) -> None:
    """Whatever the last attempt failed with: a retry would come too late. Others of that kind are a group apart."""
    late = node.add(8, "shop.charge", "OSError", error=f"OSError: x\n{DEADLINE_LINES[0]}")
    node.add(9, "shop.charge", "OSError")
    found = json.loads(cli("repair", *SINCE, "--error-kind", "OSError", "--json")[1])
    assert {group["is_over"]: (group["action"], group["why"]) for group in found["groups"]} == {
        True: (LEAVE, rule_for("deadline").why), False: (RETRY, rule_for("OSError").why),
    }  # fmt: skip
    cli("repair", *SINCE, "--error-kind", "OSError", "--strategy", "auto", "--yes")
    assert list(node.jobs)[-1] == late


def test_the_coordinator_says_so_in_these_words() -> None:
    """A deadline that has ended a job must be told from other ends."""
    assert all(f'"{line}"' in inspect.getsource(following) for line in DEADLINE_LINES)
    assert not is_over("OSError: its deadline has passed away")
    assert not is_over(None)


def test_auto_leaves_what_no_retry_has_ended(node: DeadJobs, cli: Program) -> None:
    """A job that failed with retries left was not worth another attempt, says its task."""
    node.tasks = [{"name": "shop.charge", "retry": list(RetryPolicy(retries=3).to_row())}]
    known = dict.fromkeys(LISTINGS["executions"].columns)
    attempt = {**known, "attempt": 1, "outcome": "failed", "error_kind": "OSError"}
    newest = node.add(9, "shop.charge", "OSError")
    node.executions[newest] = [attempt]
    words = ("repair", *SINCE, "--error-kind", "OSError", "--json")
    (group,) = json.loads(cli(*words)[1])["groups"]
    assert (group["action"], group["why"]) == (LEAVE, RULED_OUT.why)
    node.executions[newest] = [{**attempt, "attempt": number} for number in range(1, 5)]
    (group,) = json.loads(cli(*words)[1])["groups"]
    assert group["action"] == RETRY


def test_the_rules_are_told_in_one_place() -> None:
    """No kind has two rules, and each is in the help; auto puts nothing aside."""
    kinds = [kind for rule in RULES for kind in rule.kinds]
    assert len(kinds) == len(set(kinds))
    assert {rule.action for rule in (*RULES, OTHERS)} == {RETRY, LEAVE}
    assert all(kind in in_words() for kind in kinds)
    assert in_words() in (repair.command.__doc__ or "")
    assert {action_for(strategy, rule_for("ValueError"))[0] for strategy in STRATEGIES} == {
        LEAVE,
        "retry",
        "skip",
        "discard",
    }
