"""`mainspring schedules apply` and `lint` without a node: what they ask for, and what they say of a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from schedule_node import Cli, Node, reach, row

from mainspring.broker.net.changes import Change
from mainspring.broker.net.discovery import URL_VARIABLE
from mainspring.broker.net.exceptions import ScheduleRefused, Unreachable
from mainspring.nodes.cli import schedule_lint

NOBODY = "ipc:///nowhere/coordinator.sock"
GOOD = '[schedules.a]\ncron = "@daily"\ntask = "a.b"\n'


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    """A node that every command reaches."""
    made = Node()
    reach(made, monkeypatch)
    return made


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """The program."""
    return Cli(capsys)


def test_a_file_is_applied_and_its_difference_shown(node: Node, cli: Cli, tmp_path: Path) -> None:
    """A dry run must say that it was one; a refusal names the file."""
    path = tmp_path / "shop.toml"
    path.write_text(GOOD)
    node.changes = [
        Change("default", "a", "changed", 1, (("expression", "@hourly", "@daily"),)),
        Change("default", "old", "removed", 2),
        Change("default", "c", "unchanged", 3),
    ]
    status, out, _ = cli("apply", str(path), "--dry-run")
    assert status == 0
    assert out == (
        "schedule a changed expression: @hourly -> @daily\nschedule old removed\n"
        "shop.toml: 1 changed, 1 removed, 1 unchanged (dry run: nothing is changed)\n"
    )
    found = cli.json("apply", str(path))
    assert (found["source"], found["dry_run"], len(found["changes"])) == ("file:shop.toml", False, 3)
    ask = ("apply", ["a"], "file:shop.toml")
    assert [asked[:3] for asked in node.asked] == [ask, ask]
    assert [asked[3]["dry_run"] for asked in node.asked] == [True, False]
    assert all(asked[3]["whole"] and asked[3]["revision"] == found["revision"] for asked in node.asked)
    node.error = ScheduleRefused("too many", "too_many_schedules")
    assert cli("apply", str(path)) == (1, "", f"mainspring: {path}: too many\n")
    path.write_text("[schedules.a]\ncron = 5")
    status, _, err = cli("apply", str(path))
    assert (status, len(node.asked)) == (2, 3)
    assert f"{path}:2: schedules.a.cron = 5: give a cron expression in quotes" in err


def test_files_are_checked(node: Node, cli: Cli, tmp_path: Path) -> None:
    """Faults are status 1, warnings only if one is strict; each with file and line."""
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(GOOD)
    bad.write_text('[schedules.a]\ncron = "* * * *"\ntask = "a.b"\njiter = 5')
    node.rows["tasks"] = [row("tasks", name="a.b", queue="default")]
    assert cli("lint", str(good)) == (0, "", "1 schedule, 0 faults, 0 warnings\n")
    assert cli("lint", str(good), "--strict")[0] == 0
    status, out, err = cli("lint", str(good), str(bad))
    assert (status, err) == (1, "1 schedule, 2 faults, 0 warnings\n")
    assert [line.partition(": ")[0] for line in out.splitlines()] == [f"{bad}:2", f"{bad}:4"]
    node.rows["tasks"] = []
    assert cli("lint", str(good))[0] == 0
    status, out, err = cli("lint", str(good), "--strict")
    assert (status, err) == (1, "1 schedule, 0 faults, 1 warning\n")
    assert out.startswith(f"{good}:1: warning: a: no executor has announced the task a.b; ")
    (found,) = cli.json("lint", str(good))
    assert (found["line"], found["schedule"], found["level"], found["kind"]) == (1, "a", "warning", "task")


def test_a_name_in_two_files_is_told(node: Node, cli: Cli, tmp_path: Path) -> None:
    """Two files that define one schedule would take it from each other."""
    paths = [tmp_path / "one.toml", tmp_path / "two.toml"]
    for path in paths:
        path.write_text(GOOD)
    node.rows["tasks"] = [row("tasks", name="a.b", queue="default")]
    status, out, _ = cli("lint", *map(str, paths), str(paths[0]))
    assert status == 0
    assert out == (
        f"{paths[1]}:1: warning: a: is in {paths[0]} as well: the file that is applied last has it; rename one\n"
    )


def test_without_a_node_files_are_checked_all_the_same(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check in a pipeline has no node; one that names a node wants it asked."""
    monkeypatch.setenv(URL_VARIABLE, NOBODY)

    @contextmanager
    def connected(_url: str | None, _timeout_s: float = 0) -> Iterator[Node]:
        raise Unreachable("no node answers")
        yield Node()

    monkeypatch.setattr(schedule_lint, "connected", connected)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "schedules.toml").write_text(GOOD)
    assert cli("lint") == (0, "", "1 schedule, 0 faults, 0 warnings; no node was asked about tasks\n")
    assert cli("lint", "--url", NOBODY) == (1, "", "mainspring: no node answers\n")
