"""`mainspring preview` without a node, and with one that is played here."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from mainspring.broker.net.discovery import URL_VARIABLE
from mainspring.broker.tasks.exceptions import MainspringError
from mainspring.nodes.cli import app, preview

FILE = """\
[defaults]
tz = "Europe/Riga"

[schedules.night]
cron = "30 3 * * *"
task = "a.b"

[schedules.often]
cron = "*/30 * * * *"
task = "a.b"
paused = true

[schedules.boot]
cron = "@reboot"
task = "a.b"
"""


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There is no node, wherever one might be looked for."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(preview, "connected", unreachable)


@contextmanager
def unreachable(url: str | None, timeout_s: float = 0.0) -> Iterator[Any]:
    """No node is found."""
    raise MainspringError("no node found")
    yield


def cli(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Runs the program; gives status, stdout and stderr."""
    status = app.run(["preview", *words])
    return status, *capsys.readouterr()


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """Runs the program, which must succeed; gives its lines without blanks at the ends."""
    status, out, err = cli(capsys, *words)
    assert (status, err) == (0, "")
    return [line.rstrip() for line in out.splitlines() if line.strip()]


def test_an_expression(capsys: pytest.CaptureFixture[str]) -> None:
    """Its times must be told in its zone and in UTC, with what the clocks do."""
    lines = shown(capsys, "30 3 * * *", "--tz", "Europe/Riga", "--after", "2026-03-28T00:00:00+02:00", "--count", "2")
    assert [re.split(r" {2,}", line) for line in (lines[0], *lines[2:4])] == [
        ["local time", "UTC", "in", "clocks"],
        ["Sat 2026-03-28 03:30:00 +02:00", "2026-03-28 01:30:00", "3 h 30 min"],
        ["Sun 2026-03-29 04:00:00 +03:00", "2026-03-29 01:00:00", "1 d 3 h", "shifted from 03:30"],
    ]
    assert lines[4:] == [
        "clocks change:",
        "  Sun 2026-03-29 04:00:00 +03:00  Europe/Riga: clocks go forward 1 h",
        "load: 1 job in the next 24 hours; at most 1 in a minute, at Sat 2026-03-28 03:30:00 +02:00",
    ]


def test_rules_for_clock_changes(capsys: pytest.CaptureFixture[str]) -> None:
    """The options must reach the calendar."""
    words = ("30 3 * * *", "--tz", "Europe/Riga", "--json", "--after", "2026-03-28T12:00:00Z")
    first = json.loads(shown(capsys, *words, "--gap", "skip")[0])["times"][0]
    assert first["local"] == "2026-03-30T03:30:00+03:00"
    words = (*words[:-1], "2026-10-24T12:00:00Z", "--count", "2")
    notes = [one["note"] for one in json.loads(shown(capsys, *words, "--fold", "both")[0])["times"]]
    assert notes == ["first of two", "second of two"]


def test_expressions_without_times(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing comes, that must be said in words."""
    assert shown(capsys, "@reboot") == ["no times: @reboot fires when the host was started"]
    assert shown(capsys, "0 0 30 2 *", "--after", "2026-01-01T00:00:00Z") == [
        "no time comes up after 2026-01-01 00:00:00"
    ]


def test_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """All its schedules must be looked at together, paused ones too."""
    (tmp_path / "s.toml").write_text(FILE)
    lines = shown(capsys, "s.toml", "--after", "2026-03-01T01:00:00Z", "--count", "3", "--hours", "2")
    assert lines[0] == "s.toml: 3 schedules, 1 of them paused and looked at as if they ran"
    assert [line.split()[6:] for line in lines[3:6]] == [["30", "min", "night", "Europe/Riga"]] + [
        [*span, "often", "Europe/Riga"] for span in (["30", "min"], ["1", "h"])
    ]
    assert lines[6] == "fire when the host was started: boot"
    assert lines[7].startswith("load: 5 jobs in the next 2 hours; at most 2 in a minute, at Sun 2026-03-01 03:30:00")
    assert lines[8].strip("\n").lstrip(" ").startswith("▄")
    assert lines[9:] == [
        "collisions: 1 second with more than one schedule; the fullest:",
        "  Sun 2026-03-01 03:30:00 +02:00  2  night, often",
    ]


class PlayedNode:
    """A client of a node with these schedules, in two shards that each cut their listing."""

    def __init__(self, *shards: list[dict[str, Any]]) -> None:
        self.shards = shards
        self.asked = 0

    def listing(self, name: str, **chosen: Any) -> tuple[list[str], list[list[Any]], bool]:
        """Lists a page, a part of each shard, as the cluster does."""
        assert name == "schedules"
        self.asked += 1
        rows: list[list[Any]] = []
        more = False
        after = (chosen.get("after_name", ""), chosen.get("after_tenant", ""), chosen.get("after_schedule", 0))
        for shard in self.shards:
            found = [row for row in shard if (row["name"], row["tenant"], row["schedule"]) > after]
            more = more or len(found) > chosen["limit"]
            rows += [list(row.values()) for row in found[: chosen["limit"]]]
        return list(self.shards[0][0]), rows, more


def stored(name: str, number: int, **more: Any) -> dict[str, Any]:
    """A schedule as a node lists it."""
    return {
        "schedule": number, "tenant": "default", "name": name, "state": "active", "expression": "*/30 * * * *",
        "zone": "UTC", "fold": "first", "gap": "shift", "start_ms": None, "end_ms": None, "jitter_ms": 0,
        "source": "client",
    } | more  # fmt: skip


def plays(monkeypatch: pytest.MonkeyPatch, node: PlayedNode) -> None:
    """Makes the command find this node."""

    @contextmanager
    def reached(url: str | None, timeout_s: float = 0.0) -> Iterator[Any]:
        yield node

    monkeypatch.setattr(preview, "connected", reached)


def test_the_schedules_of_the_node(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word the node must be asked, to the end."""
    plays(monkeypatch, PlayedNode([stored("a", 1), stored("b", 2, state="ended")]))
    found = json.loads(shown(capsys, "--json", "--after", "2026-03-01T00:00:00Z", "--hours", "1")[0])
    assert (found["schedules"], found["load"]["jobs"]) == (1, 2)


def test_all_pages_of_all_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards that are cut at different names must lose no schedule and give none twice."""
    monkeypatch.setattr(preview, "PAGE", 5)
    early = [stored(f"a{number:02}", number) for number in range(1, 13)]
    late = [stored(f"b{number:02}", number) for number in range(1, 8)]
    node: Any = PlayedNode(early, [stored("a00", 1), *late])
    names = [row["name"] for row in preview.all_schedules(node)]
    assert sorted(names) == sorted(row["name"] for row in [stored("a00", 1), *early, *late])
    assert len(set(names)) == len(names)
    assert node.asked > 2


def test_what_a_file_changes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The node's load with the file must count the file's schedules in place of those that it replaces."""
    (tmp_path / "s.toml").write_text(FILE)
    node = PlayedNode([stored("a", 1), stored("gone", 2, source="file:s.toml"), stored("x", 3, source="file:y.toml")])
    plays(monkeypatch, node)
    lines = shown(capsys, "s.toml", "--after", "2026-03-01T01:00:00Z", "--hours", "2")
    assert "  the node now: 12 jobs, at most 3 in a minute; with this file: 13 jobs, at most 4 (+1)" in lines
    plays(monkeypatch, PlayedNode([*node.shards[0], stored("often", 4, source="client")]))  # the file takes it over
    found = json.loads(shown(capsys, "s.toml", "--after", "2026-03-01T01:00:00Z", "--hours", "2", "--json")[0])
    assert (found["change"]["before"]["jobs"], found["change"]["after"]["jobs"]) == (16, 13)


def test_a_picture(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The file must be written, and be named."""
    lines = shown(capsys, "0 * * * *", "--picture", "out.svg")
    assert lines[-1] == "drew out.svg"
    assert ElementTree.fromstring((tmp_path / "out.svg").read_text()).tag.endswith("svg")
    status, _, err = cli(capsys, "0 * * * *", "--picture", "no/such/folder.svg")
    assert (status, err) == (
        1, "mainspring: no/such/folder.svg: No such file or directory; give another file for the picture\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["x"], "invalid value: cron expression 'x': 1 fields; give 5"),
        (["* * * * *", "--tz", "Mars"], "invalid value: cron expression '* * * * *': there is no time zone 'Mars'"),
        (["* * * * *", "--fold", "never"], "invalid value: fold 'never' is not known"),
        (["* * * * *", "--jitter", "2d"], "invalid value for '--jitter': 2d is more than a day"),
        (["* * * * *", "--jitter", "x"], "invalid value for '--jitter': 'x' is no duration"),
        (["* * * * *", "--after", "noon"], "invalid value for '--after': 'noon' is no ISO 8601 time"),
        (["* * * * *", "--count", "0"], "invalid value for '--count'"),
        (["* * * * *", "--hours", "745"], "invalid value for '--hours'"),
        (["*", "*", "*"], "invalid value: put the expression in quotes"),
        (["s.toml", "--tz", "UTC"], "invalid value: --tz goes with an expression; schedules have their own"),
        (["--jitter", "5"], "invalid value: --jitter goes with an expression"),
    ],
)
def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str], words: list[str], told: str) -> None:
    """What was typed wrongly must be told with its mend, in a line."""
    status, out, err = cli(capsys, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"mainspring: {told}")


def test_a_faulty_file_is_status_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """All faults of a file must be told, with their lines."""
    (tmp_path / "s.toml").write_text('[schedules.a]\ncron = "x"\ntask = "a.b"\n')
    status, out, err = cli(capsys, "s.toml")
    assert (status, out) == (2, "")
    assert err.startswith("mainspring: s.toml:2: schedules.a.cron")
    assert cli(capsys, "none.toml")[0] == 2
    assert cli(capsys)[2] == "mainspring: no node found\n"
