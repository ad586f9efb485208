"""How a file of schedules is read: what it means, and how every class of fault in it is told."""

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from mainspring.broker.wire.rows import SCHEDULE_COLUMNS
from mainspring.nodes.schedules.load import FILE, load_schedules, read_schedules
from mainspring.nodes.schedules.models import SchedulesFile
from mainspring.nodes.settings.errors import SettingsError
from mainspring.nodes.settings.faults import fields_by_key, sections
from mainspring.nodes.settings.wanted import sections_in

CASES = Path(__file__).with_name("faults.txt").read_text(encoding="utf-8").split("\n=== ")[1:]
LEAST = 'cron = "* * * * *"\ntask = "a.b"\n'


def read(text: str) -> list[dict[str, Any]]:
    """Reads a file; gives each schedule by its columns."""
    rows = read_schedules("schedules.toml", text).rows
    return [dict(zip(SCHEDULE_COLUMNS, row, strict=True)) for row in rows]


@pytest.mark.parametrize("case", CASES, ids=[case.partition("\n")[0] for case in CASES])
def test_faults_are_told_with_line_key_value_and_mend(case: str) -> None:
    """Each fault must give one line that says where it is, what was given, and what would be right."""
    given, _, told = case.partition("\n")[2].removeprefix("=>\n").rpartition("=>\n")
    with pytest.raises(SettingsError) as caught:
        read_schedules("schedules.toml", given)
    assert str(caught.value) == (told or case.partition("=>\n")[2]).strip()


def test_an_expression_that_is_none_is_told_with_its_line() -> None:
    """What the calendar has against an expression must be told at the key."""
    with pytest.raises(SettingsError) as caught:
        read_schedules("schedules.toml", '[schedules.a]\ncron = "61 * * * *"\ntask = "a.b"')
    assert str(caught.value).startswith('schedules.toml:2: schedules.a.cron = "61 * * * *": ')
    assert "cron expression" not in str(caught.value)


def test_what_is_left_out_has_the_documented_default() -> None:
    """A schedule of two lines must mean what the reference says, whoever is connected."""
    assert read(f"[schedules.a]\n{LEAST}") == [
        {
            "name": "a", "tenant": "default", "queue": "default", "task": "a.b", "payload": "[[],{}]", "priority": 0,
            "retry": None, "timeout_ms": None, "expression": "* * * * *", "zone": "UTC", "fold": "first",
            "gap": "shift", "start_ms": None, "end_ms": None, "jitter_ms": 0, "catch_up": "latest",
            "window_ms": 3_600_000, "grace_ms": 60_000, "overlap": "skip", "runs_max": None, "paused": None,
            "note": None,
        }
    ]  # fmt: skip


def test_every_option_arrives() -> None:
    """Each key must end in its column, in the column's unit."""
    text = f"""
    [schedules.a]
    {LEAST}
    args = ["eu", 2026-01-02]
    kwargs = {{deep = [{{x = 1}}]}}
    tz = "Europe/Riga"
    fold = "both"
    gap = "skip"
    start = 2026-01-01T00:00:00+02:00
    end = 2027-01-01T00:00:00Z
    jitter = "1m30s"
    catch_up = "all"
    window = 0.5
    grace = "0s"
    overlap = "buffer_one"
    limit = 3
    paused = true
    note = "ask Ieva"
    queue = "mail"
    tenant = "acme"
    priority = -5
    retries = 2
    timeout = "10m"
    """
    (found,) = read(text)
    assert json.loads(found.pop("payload")) == [["eu", "2026-01-02"], {"deep": [{"x": 1}]}]
    assert found.pop("retry")[1:2] == [1000]
    assert found == {
        "name": "a", "tenant": "acme", "queue": "mail", "task": "a.b", "priority": -5, "timeout_ms": 600_000,
        "expression": "* * * * *", "zone": "Europe/Riga", "fold": "both", "gap": "skip",
        "start_ms": 1_767_218_400_000, "end_ms": 1_798_761_600_000, "jitter_ms": 90_000, "catch_up": "all",
        "window_ms": 500, "grace_ms": 0, "overlap": "buffer_one", "runs_max": 3, "paused": True, "note": "ask Ieva",
    }  # fmt: skip


def test_a_schedule_wins_over_the_defaults() -> None:
    """Defaults must hold for those that say nothing else, also where they say what is built in."""
    defaults = '[defaults]\njitter = 5\ntz = "Europe/Riga"\n'
    text = f'{defaults}[schedules.a]\n{LEAST}[schedules.b]\n{LEAST}jitter = 0\ntz = "UTC"'
    assert [(row["jitter_ms"], row["zone"]) for row in read(text)] == [(5000, "Europe/Riga"), (0, "UTC")]


def test_the_revision_is_that_of_the_meaning() -> None:
    """Comments, order and defaults change nothing; an option does."""
    one, two = f"[schedules.a]\n{LEAST}", f"[schedules.b]\n{LEAST}"
    first = read_schedules("x", one + two)
    same = read_schedules("x", f"# more\n{two}{one}tz = 'UTC'")
    assert first.revision == same.revision
    assert re.fullmatch(r"[0-9a-f]{12}", first.revision)
    assert read_schedules("x", f"{one}{two}tz = 'Europe/Riga'").revision != first.revision
    assert same.lines == {"b": 2, "a": 5}


def test_a_file_may_have_no_schedule(tmp_path: Path) -> None:
    """Whoever removes the last one must be able to say so; the source is named after the file."""
    path = tmp_path / "shop.toml"
    path.write_text("# none left\n[schedules]")
    found = load_schedules(path)
    assert (found.rows, found.source) == ([], "file:shop.toml")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """The text must speak of schedules, and not of a node's file."""
    with pytest.raises(SettingsError, match="no such file: give the path of a file of schedules"):
        load_schedules(tmp_path / "none.toml")
    path = tmp_path / "large.toml"
    path.write_bytes(b"#" * (FILE.bytes_max + 1))
    with pytest.raises(SettingsError, match="has more than 8_388_608 bytes: make fewer schedules"):
        load_schedules(path)


def sample() -> str:
    """The sample that `mainspring init` writes."""
    return resources.files("mainspring").joinpath("config", "schedules.toml").read_text(encoding="utf-8")


def test_the_sample_loads_as_it_is_and_without_its_marks() -> None:
    """As it is handed out it has no schedule; with every # taken away it has them all, and shows every key."""
    assert read(sample()) == []
    text = re.sub(r"^#(?=[a-z\[])", "", sample(), flags=re.MULTILINE)
    assert [row["name"] for row in read(text)] == ["nightly-sum", "welcome", "pulse", "after-boot"]
    shown = set(re.findall(r"^([a-z_]+) = ", text, flags=re.MULTILINE))
    assert shown == {
        key
        for _, model in sections(SchedulesFile)
        for key, field in fields_by_key(model).items()
        if sections_in(field.annotation) is None
    }
