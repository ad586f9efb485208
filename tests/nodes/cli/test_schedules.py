"""`mainspring schedules` without a node: what it refuses, what it asks for, and how it shows what it is told."""

from datetime import UTC, datetime
from typing import Any

import pytest
from schedule_node import NOW_MS, Cli, Node, reach, row

from mainspring.broker.net.changes import Change
from mainspring.broker.net.exceptions import ScheduleNotFound, ScheduleRefused
from mainspring.nodes.cli import schedule_formats, schedule_list


def a_schedule(**values: Any) -> dict[str, Any]:
    """Makes a whole schedule."""
    usual = {
        "schedule": 1, "tenant": "default", "name": "nightly", "state": "active", "expression": "30 3 * * *",
        "zone": "Europe/Riga", "fold": "first", "gap": "shift", "queue": "default", "task": "shop.nightly",
        "payload": '[["eu"],{"n":1}]', "priority": 0, "jitter_ms": 30_000, "catch_up": "latest", "window_ms": 3_600_000,
        "grace_ms": 60_000, "overlap": "skip", "source": "file:schedules.toml", "revision": "abc", "paused": 0,
        "cursor_ms": NOW_MS, "next_ms": NOW_MS + 1000, "runs": 0, "created_ms": NOW_MS, "changed_ms": NOW_MS,
    }  # fmt: skip
    return row("schedule", **(usual | values))


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


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["show"], "missing argument 'NAME'"),
        (["pause"], "missing argument 'NAME'"),
        (["list", "--state", "idle"], "invalid value for '--state': 'idle' is no state; there are active, paused"),
        (["list", "--after", "x"], "invalid value: --after 'x' names no tenant; write such as default/x"),
        (["ticks", "a", "--reason", "x"], "invalid value for '--reason': 'x' is no reason; there are on_time"),
        (["ticks", "a", "--fate", "x"], "invalid value for '--fate': 'x' is no fate; there are fired"),
        (["ticks", "a", "--until", "noon"], "invalid value for '--until': 'noon' is no ISO 8601 time"),
        (["add", "a", "--task", "t"], "missing option '--cron'"),
        (["add", "a", "--cron", "61 * * * *", "--task", "t"], "invalid value: cron expression '61 * * * *'"),
        (["add", "a", "--cron", "@daily", "--task", "a b"], "invalid value: task name 'a b' is not valid"),
        (["add", "a", "--cron", "@daily", "--task", "t", "--tz", "Mars"], "invalid value: cron expression '@daily'"),
        (["add", "a", "--cron", "@daily", "--task", "t", "--args", "{}"], "invalid value: --args is no JSON array"),
        (["add", "a", "--cron", "@daily", "--task", "t", "--kwargs", "x"], "invalid value: --kwargs is no JSON ("),
        (["add", "a", "--cron", "@daily", "--task", "t", "--jitter", "x"], "invalid value for '--jitter': 'x' is no"),
        (["run", "a", "--wait", "soon"], "got unexpected extra argument"),
        (["lint", "--url"], "option '--url' requires an argument"),
    ],
)
def test_wrong_usage_is_status_2(node: Node, cli: Cli, words: list[str], told: str) -> None:
    """What was typed wrongly must be told before a node is asked."""
    status, out, err = cli(*words)
    assert (status, out) == (2, "")
    assert err.startswith(f"mainspring: {told}")
    assert err.endswith(" --help` shows the usage\n")
    assert node.asked == []


def test_wrong_usage_names_the_command_that_was_meant(cli: Cli) -> None:
    """The usage of a group would not show the option that is missing."""
    _, _, err = cli("add", "a", "--task", "t")
    assert err == "mainspring: missing option '--cron': `mainspring schedules add --help` shows the usage\n"
    assert cli("list", "--limit", "0")[2].endswith(": `mainspring schedules list --help` shows the usage\n")


def test_schedules_are_listed_in_their_own_zone(node: Node, cli: Cli) -> None:
    """Each time must be the zone's, with how far it is away; programs get instants."""
    fired = {"fired_ms": NOW_MS - 3_600_000, "fired_job": 7, "runs": 2, "runs_max": 5}
    node.rows["schedules"] = [
        row("schedules", schedule=1, tenant="acme", name="b", state="paused", expression="TZ=Asia/Tokyo 0 0 * * *",
            zone="UTC", next_ms=NOW_MS + 90_000, source="code", **fired),
        row("schedules", schedule=2, tenant="default", name="c", state="ended", expression="@daily", zone="UTC",
            next_ms=None, runs=0, source="client"),
    ]  # fmt: skip
    status, out, err = cli()
    assert (status, err) == (0, "")
    _, _, first, second = out.splitlines()
    assert first.split("  ")[0] == "acme/b"
    assert "Asia/Tokyo" in first
    assert "2026-03-28 21:01:30   1 min 30 s" in first
    assert "2 of 5   2026-03-28 20:00:00 job 7" in first
    assert second.split()[:5] == ["c", "@daily", "UTC", "-", "-"]
    told = cli.json("list")
    assert told[0]["next_at"] == "2026-03-28T12:01:30.000Z"
    assert [(one["fired_job_id"], one["fired_job"]) for one in told] == [(7, "7"), (None, None)]
    assert cli.json("list", "--state", "paused", "--task", "t", "--queue", "q", "--tenant", "x", "--source", "code")
    filters = {"state": "paused", "task": "t", "queue": "q", "tenant": "x", "source": "code", "limit": 100}
    assert node.asked[-1] == ("schedules", filters)


def test_a_paused_schedule_has_its_next_time_ahead(node: Node, cli: Cli) -> None:
    """Its row may name a time that has passed: it is brought up to date once an hour."""
    usual = {
        "tenant": "default", "name": "a", "state": "paused", "expression": "0 * * * *", "runs": 0, "source": "code",
        "fold": "first", "gap": "shift", "next_ms": NOW_MS - 600_000,
    }  # fmt: skip
    node.rows["schedules"] = [row("schedules", schedule=1, zone="UTC", **usual)]
    assert "2026-03-28 13:00:00   1 h" in cli()[1]
    node.rows["schedules"] = [row("schedules", schedule=1, zone="Mars/Base", **usual)]
    assert "10 min" in cli()[1]


def test_pages_of_schedules_follow_each_other(node: Node, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long list must be read page by page, and the next page be named."""
    monkeypatch.setattr(schedule_list, "PAGE_MAX", 2)
    usual = {"schedule": 1, "state": "active", "expression": "@daily", "zone": "UTC", "runs": 0, "source": "client"}
    node.rows["schedules"] = [row("schedules", tenant="t", name=name, **usual) for name in "abcdefg"]
    assert [found["name"] for found in cli.json("list", "--limit", "5")] == list("abcde")
    assert len(node.asked) == 3
    _, _, err = cli("list", "--limit", "5", "--state", "active")
    assert err == "next page: mainspring schedules list --state active --limit 5 --after t/e\n"
    assert [found["name"] for found in cli.json("list", "--after", "t/e")] == ["f", "g"]
    node.rows["schedules"] = []
    assert cli()[1].startswith("no schedules: `mainspring schedules add` makes one")


def test_a_schedule_is_shown_with_its_next_times(node: Node, cli: Cli) -> None:
    """What the clocks do to a time must stand beside it; the arguments as `submit` takes them."""
    node.rows["schedule"] = [a_schedule()]
    node.rows["ticks"] = [
        row("ticks", from_ms=NOW_MS - 7_200_000, to_ms=NOW_MS - 3_600_000, count=2, fate="skipped", reason="paused"),
    ]
    status, out, _ = cli("show", "nightly")
    assert status == 0
    assert 'arguments  "eu" n=1\n' in out
    assert "catch up   latest, window 1h, grace 1m\n" in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "2026-03-29 04:00:00 +03:00 13 h shifted from 03:30" in lines
    assert "2026-03-28 12:00:00 … 2026-03-28 13:00:00 2 skipped - - the schedule was paused" in lines
    found = cli.json("show", "nightly")
    assert [one["local"] for one in found["next"][:2]] == ["2026-03-29 04:00:00 +03:00", "2026-03-30 03:30:00 +03:00"]
    assert (len(found["next"]), found["next"][0]["note"]) == (10, "shifted from 03:30")
    assert found["ticks"][0]["meaning"] == "the schedule was paused"
    assert (found["ticks"][0]["job_id"], found["ticks"][0]["job"], found["paused"]) == (None, None, False)
    assert found["changed_at"] == "2026-03-28T12:00:00.000Z"


def test_a_schedule_without_next_times_says_why(node: Node, cli: Cli) -> None:
    """Of a name that was given before, the one that is there must be shown; else the one that was removed last."""
    node.rows["schedule"] = [
        a_schedule(state="removed", removed_ms=NOW_MS) | {"changed_ms": NOW_MS + 5},
        a_schedule() | {"expression": "@reboot"},
    ]
    assert "no next time: it runs when the host of the node was started\n" in cli("show", "nightly")[1]
    node.rows["schedule"].pop()
    assert "no next time: it is removed\n" in cli("show", "nightly")[1]


@pytest.mark.parametrize("words", [["show", "nope"], ["ticks", "nope"]])
def test_a_schedule_that_does_not_exist_is_status_1(node: Node, cli: Cli, words: list[str]) -> None:
    """A misspelled name must be answered with the mend."""
    status, out, err = cli(*words)
    assert (status, out) == (1, "")
    assert err.startswith("mainspring: no schedule of tenant 'default' is named 'nope'; `mainspring schedules` lists")


def test_ticks_have_their_reasons(node: Node, cli: Cli) -> None:
    """The meaning of each reason must stand beside it; the filters go to the node."""
    node.rows["schedule"] = [a_schedule()]
    node.rows["ticks"] = [
        row(
            "ticks",
            schedule=1,
            from_ms=NOW_MS + at,
            to_ms=NOW_MS + at,
            count=1,
            fate="fired",
            reason="on_time",
            job_id=9,
        )
        for at in (0, 1000)
    ]
    words = (
        "ticks",
        "nightly",
        "--reason",
        "on_time",
        "--fate",
        "fired",
        "--until",
        "2026-04-01T00:00Z",
        "--limit",
        "7",
    )
    found = cli.json(*words)
    assert [one["from_ms"] for one in found] == [NOW_MS + 1000, NOW_MS]
    assert (found[0]["job"], found[0]["meaning"]) == ("9", "the job was made at its time, or within the grace")
    assert node.asked[-1][1] == {
        "name": "nightly", "tenant": "default", "reason": "on_time", "fate": "fired", "until_ms": 1_775_001_600_000,
        "limit": 7,
    }  # fmt: skip
    node.rows["ticks"] = []
    assert cli("ticks", "nightly")[1] == "none of its times has come yet\n"


def test_a_schedule_is_added(node: Node, cli: Cli) -> None:
    """Each option must arrive as the library takes it; the next time must be told."""
    node.changes = [Change("default", "a", "changed", 3, (("zone", "UTC", "Europe/Riga"),))]
    words = (
        "add", "a", "--cron", "30 3 * * *", "--task", "x.y", "--args", "[1]", "--kwargs", '{"b": 2}', "--tz",
        "Europe/Riga", "--jitter", "1m", "--paused", "--limit", "3", "--overlap", "allow", "--retries", "2",
        "--start", "2026-01-01T00:00:00Z",
    )  # fmt: skip
    status, out, _ = cli(*words)
    assert status == 0
    assert out == ("a: changed (zone: 'UTC' -> 'Europe/Riga')\nnext time: 2026-03-29 04:00:00 +03:00, in 13 h\n")
    assert node.asked == [
        ("add", "a", "x.y", '[[1],{"b":2}]', "30 3 * * *", {
            "tz": "Europe/Riga", "jitter": 60, "paused": True, "limit": 3, "overlap": "allow", "retries": 2,
            "start": datetime(2026, 1, 1, tzinfo=UTC),
        }),
        ("pause", "a", None, "default"),  # it may have been resumed since its definition said so
    ]  # fmt: skip
    assert cli.json(*words)["fields"] == [{"field": "zone", "before": "UTC", "after": "Europe/Riga"}]
    node.error = ScheduleRefused("tenant 'x' is not known here", "invalid_schedule")
    assert cli(*words) == (1, "", "mainspring: tenant 'x' is not known here\n")


def test_what_is_done_by_name_tells_each(node: Node, cli: Cli) -> None:
    """Those that were found must be shown also where another was not; that one makes the status 1."""
    node.changes = [Change("default", "a", "paused", 1), Change("default", "b", "unchanged", 2)]
    status, out, err = cli("pause", "a", "b", "--note", "quiet")
    assert (status, err) == (0, "")
    assert [line.split() for line in out.splitlines()[2:]] == [["a", "paused"], ["b", "unchanged"]]
    assert cli.json("resume", "a", "--tenant", "acme")[1]["change"] == "unchanged"
    node.error = ScheduleNotFound("no schedule of tenant 'default' is named 'c'; correct it", node.changes[:1])
    status, out, err = cli("remove", "a", "c")
    assert (status, err) == (1, "mainspring: no schedule of tenant 'default' is named 'c'; correct it\n")
    assert out.splitlines()[-1].split() == ["a", "paused"]
    assert node.asked == [
        ("pause", ["a", "b"], "quiet", "default"), ("resume", ["a"], "acme"), ("remove", ["a", "c"], "default"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("away_ms", "told"), [(0, "now"), (999, "now"), (-999, "now"), (90_000, "in 1 min 30 s"), (-3_600_000, "1 h ago")]
)
def test_how_far_an_instant_is_away(away_ms: int, told: str) -> None:
    """The past must not read like the future."""
    assert schedule_formats.ahead(NOW_MS + away_ms, NOW_MS) == told


def test_instants_in_a_zone() -> None:
    """A zone that this machine does not know is UTC, and what is beyond all calendars is a number."""
    assert schedule_formats.zone_time(NOW_MS, "Europe/Riga", offset=True) == "2026-03-28 14:00:00 +02:00"
    assert schedule_formats.zone_time(NOW_MS, "Mars/Base") == "2026-03-28 12:00:00"
    assert schedule_formats.zone_time(None, "UTC") == "-"
    assert schedule_formats.zone_time(10**17, "UTC") == "100000000000000000 ms"
    assert schedule_formats.zone_of("CRON_TZ=Asia/Tokyo @daily", "UTC") == "Asia/Tokyo"
    assert schedule_formats.zone_of("@daily", "UTC") == "UTC"
