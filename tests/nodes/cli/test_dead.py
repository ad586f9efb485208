"""`mainspring dead` without a node: what it lists, in which groups, and how it goes on."""

import json

import pytest
from dead_jobs import START_MS, DeadJobs, Program, reach

from mainspring.broker.wire.ids import job_id
from mainspring.nodes.cli.dead_groups import read_groups


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> DeadJobs:
    """A node of two shards with five dead letters, and one job that has been cancelled."""
    made = DeadJobs()
    for number in range(1, 4):
        made.add(number, "shop.charge", "ConnectionError", 1000 * number)
    made.add(job_id(1, 2), "shop.charge", "ConnectionError", 3500)
    made.add(job_id(1, 1), "shop.ship", "ValueError", 500, queue="slow")
    made.add(9, "shop.ship", None, 9000, state="cancelled")
    reach(made, monkeypatch)
    return made


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Program:
    """The program."""
    return Program(capsys)


def test_dead_letters_are_listed(node: DeadJobs, cli: Program) -> None:
    """Newest first, with what failed and how; only dead ones."""
    status, out, err = cli("dead")
    assert (status, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["id", "task", "queue", "failed", "attempts", "error", "kind", "error"]
    assert [line[0] for line in lines[2:]] == ["1-2", "3", "2", "1", "1-1"]
    assert out.splitlines()[2].endswith("1   ConnectionError   ConnectionError: job 1099511627778")
    (row,) = json.loads(cli("dead", "--queue", "slow", "--json")[1])
    assert (row["job"], row["error_kind"], row["finished_ms"]) == ("1-1", "ValueError", START_MS + 500)
    assert cli("dead", "--task", "nix") == (0, "no dead letters\n", "")


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--error-kind", "ConnectionError"], ["1-2", "3", "2", "1"]),
        (["--failed-after", "2023-11-14T22:13:22Z"], ["1-2", "3", "2"]),
        (["--failed-after", "2023-11-14T22:13:21Z", "--failed-before", "2023-11-14T22:13:23Z"], ["2", "1"]),
    ],
)
def test_filters(node: DeadJobs, cli: Program, words: list[str], ids: list[str]) -> None:
    """Times include the first and exclude the last instant."""
    assert [row["job"] for row in json.loads(cli("dead", *words, "--json")[1])] == ids


def test_the_next_page_keeps_the_filters(node: DeadJobs, cli: Program) -> None:
    """The command that is printed must show the rest."""
    words = ["dead", "--error-kind", "ConnectionError", "--failed-after", "2023-11-14T22:13:21Z", "--limit", "3"]
    status, out, err = cli(*words, "--json")
    assert (status, len(json.loads(out))) == (0, 3)
    assert err == (
        "next page: mainspring dead --error-kind ConnectionError --failed-after 2023-11-14T22:13:21.000Z --limit 3 "
        "--before 2\n"
    )
    rows = json.loads(cli(*err.split()[3:], "--json")[1])
    assert [row["job"] for row in rows] == ["1"]


def test_groups(node: DeadJobs, cli: Program) -> None:
    """What failed alike is one line over all shards: how often, since when, and the newest of them."""
    groups = json.loads(cli("dead", "--group", "--json")[1])
    assert [(group["task"], group["count"], group["job"]) for group in groups] == [
        ("shop.charge", 4, "1-2"), ("shop.ship", 1, "1-1"),
    ]  # fmt: skip
    assert (groups[0]["first_ms"], groups[0]["last_at"]) == (START_MS + 1000, "2023-11-14T22:13:23.500Z")
    status, out, err = cli("dead", "--group", "--limit", "1")
    assert (status, err) == (0, "1 more groups: --limit 2 shows them all\n")
    assert out.splitlines()[2].split()[:4] == ["4", "shop.charge", "default", "ConnectionError"]
    assert cli("dead", "--group", "--task", "nix")[1] == "no dead letters\n"


def test_many_are_groups_on_a_terminal(node: DeadJobs, cli: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks at more than a page sees groups first, unless told otherwise."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")  # where it is narrow, headings are broken
    assert "such as" in cli("dead", "--limit", "3")[1]
    assert "such as" not in cli("dead", "--limit", "3", "--each")[1]
    assert "such as" not in cli("dead", "--limit", "5")[1]


def test_a_cut_list_of_groups_says_so(node: DeadJobs, cli: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may take a part for the whole."""
    listing = node.listing
    monkeypatch.setattr(node, "listing", lambda name, **chosen: (*listing(name, **chosen)[:2], True))
    assert read_groups(node, {})[1]
    assert cli("dead", "--group")[2].startswith("there are more groups than a node lists: narrow them down")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--failed-after", "soon"], "invalid value for '--failed-after': 'soon' is no moment since 1970"),
        (["--failed-after", "90"], "invalid value for '--failed-after': '90' has no unit"),
        (["--failed-after", "2999-01-01"], "invalid value: --failed-after lies in the future"),
        (["--failed-after", "1h", "--failed-before", "2h"], "invalid value: --failed-before is not later than"),
        (["--limit", "0"], "invalid value for '--limit': '0' is out of range; give a whole number from 1 to 100000"),
        (["--limit", "x"], "invalid value for '--limit': 'x' is out of range"),
        (["--group", "--before", "7"], "invalid value: --group shows all of them; leave --before out"),
        (["--before", "x"], "invalid value: 'x' is not a job id"),
    ],
)
def test_wrong_usage_is_status_2(node: DeadJobs, cli: Program, words: list[str], told: str) -> None:
    """What was typed wrongly must be told, with the mend."""
    status, out, err = cli("dead", *words)
    assert (status, out) == (2, "")
    assert err.startswith(f"mainspring: {told}")


def test_jobs_take_the_same_filters(node: DeadJobs, cli: Program) -> None:
    """`jobs` chooses among finished ones as `dead` does, and keeps it for the next page."""
    words = ["jobs", "--state", "dead", "--error-kind", "ConnectionError", "--finished-before", "2023-11-14T22:13:23Z"]
    assert [row["job"] for row in json.loads(cli(*words, "--json")[1])] == ["2", "1"]
    err = cli(*words, "--limit", "1")[2]
    assert "--error-kind ConnectionError --finished-before 2023-11-14T22:13:23.000Z --limit 1 --before 2" in err
    assert cli("jobs", "--finished-after", "2999-01-01")[0] == 2
