"""`mainspring import crontab`: what it writes, what it says, and how it ends."""

import io
import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from mainspring.nodes.cli import app, import_crontab

ME = pwd.getpwuid(os.getuid()).pw_name
CRONTAB = """\
MAILTO=ops
# the nightly backup
30 2 * * * /srv/backup.sh --all
99 * * * * never
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Works in an empty folder, on a machine in Riga."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(import_crontab, "machine_zone", lambda: "Europe/Riga")


def cli(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Runs the program; gives status, stdout and stderr."""
    status = app.run(["import", "crontab", *words])
    return status, *capsys.readouterr()


def test_what_could_not_be_taken_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The rest must be written all the same, the status be 1, and each line have its reason."""
    (tmp_path / "mine").write_text(CRONTAB)
    status, out, err = cli(capsys, "mine", "--out", "conf")
    assert status == 1
    assert [line.split() for line in out.splitlines()[2:3]] == [
        ["backup", "30", "2", "*", "*", "*", "Europe/Riga", "mine:3"]
    ]
    assert "wrote conf/commands.toml and conf/schedules.toml" in out
    assert "the schedules are paused" in out
    assert err.splitlines() == [
        "mine:1: MAILTO=ops: no mail is sent; what the commands print is kept with their jobs",
        "mine:4: left out: minute '99': it runs from 0 to 59",
        "1 line is left out; the reasons stand above",
    ]
    assert sorted(path.name for path in (tmp_path / "conf").iterdir()) == ["commands.toml", "schedules.toml"]


def test_all_taken_is_status_0(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A remark alone is no failure."""
    (tmp_path / "mine").write_text("MAILTO=me\n@daily a\n")
    status, out, err = cli(capsys, "mine", "--active")
    assert (status, err.count("\n")) == (0, 1)
    assert "paused" not in out
    assert "paused = false" in (tmp_path / "schedules.toml").read_text()


def test_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Programs must get all of it, on stdout alone."""
    (tmp_path / "mine").write_text(CRONTAB)
    status, out, err = cli(capsys, "mine", "--json")
    found: dict[str, Any] = json.loads(out)
    assert (status, err, found["written"]) == (1, "", ["commands.toml", "schedules.toml"])
    assert found["lines"] == [
        {
            "name": "backup", "command": "backup", "cron": "30 2 * * *", "zone": "Europe/Riga", "file": "mine",
            "line": 3,
        }
    ]  # fmt: skip
    assert found["schedules"]["backup"]["note"] == "the nightly backup"
    assert found["commands"]["backup"]["argv"] == ["/bin/sh", "-c", "/srv/backup.sh --all"]
    assert [(one["line"], one["refused"]) for one in found["left_out"] + found["remarks"]] == [(4, True), (1, False)]


def test_a_dry_run_writes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It must show both files, and touch none."""
    (tmp_path / "mine").write_text("@daily a\n")
    status, out, _ = cli(capsys, "mine", "--dry-run")
    assert status == 0
    assert "[commands.a]" in out
    assert "[schedules.a]" in out
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_from_stdin(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`crontab -l | mainspring import crontab -` is how a user's crontab is had without being root."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"@daily a\n")))
    assert cli(capsys, "-", "--json")[1].count('"file": "stdin"') == 1


def test_a_system_crontab(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Its lines for others must be left out; the option must decide where the path does not."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/crontab").write_text(f"@daily {ME} a\n@daily nobody-else b\n")
    status, out, err = cli(capsys, "etc/crontab", "--json")
    assert (status, [one["name"] for one in json.loads(out)["lines"]], err) == (1, ["a"], "")
    (tmp_path / "copy").write_text(f"@daily {ME} a\n")
    assert json.loads(cli(capsys, "copy", "--system", "--out", "x", "--json")[1])["lines"][0]["name"] == "copy-a"


def test_nothing_to_take_over(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An empty file must not be a file without schedules: applied, that would remove those that are there."""
    (tmp_path / "mine").write_text("# nothing\n")
    assert cli(capsys, "mine") == (0, "nothing to take over: no file has a line that could be\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ([], 2, "missing argument 'FILE'"),
        (["mine", "--tz", "Mars"], 2, "invalid value for '--tz': there is no time zone 'Mars'"),
        (["none"], 1, "none: No such file or directory; give the path of a crontab"),
        (["mine", "--user", "no-such-user"], 1, "this machine has no user 'no-such-user'; name the one"),
    ],
)
def test_faults(capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], status: int, told: str) -> None:
    """Each must name the mend, in a line."""
    (tmp_path / "mine").write_text("@daily a\n")
    found, out, err = cli(capsys, *words)
    assert (found, out, err.count("\n")) == (status, "", 1)
    assert err.startswith(f"mainspring: {told}")


def test_a_second_import_needs_a_word(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What somebody may have edited must not be lost."""
    (tmp_path / "mine").write_text("@daily a\n")
    assert cli(capsys, "mine")[0] == 0
    status, _, err = cli(capsys, "mine")
    assert (status, err) == (
        1,
        "mainspring: commands.toml and schedules.toml: there already; give --out another folder, or add --replace\n",
    )
    assert cli(capsys, "mine", "--replace")[0] == 0


def test_a_machine_without_a_zone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A zone must not be guessed."""
    monkeypatch.setattr(import_crontab, "machine_zone", lambda: None)
    assert cli(capsys, "mine")[2] == (
        "mainspring: this machine does not say its time zone; give one with --tz, such as Europe/Riga\n"
    )


def test_import_is_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    """It has one subcommand for now, which must be named all the same."""
    assert app.run(["import"]) == 2
    assert "missing command" in capsys.readouterr().err
    assert app.run(["import", "crontab", "--help"]) == 0
    assert "mainspring import crontab" in capsys.readouterr().out
