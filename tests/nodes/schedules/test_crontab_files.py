"""Which files an import reads, whose they are, the machine's zone; and that what it writes loads again."""

import os
import pwd
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.broker.wire.rows import SCHEDULE_COLUMNS
from mainspring.nodes.schedules.crontab_files import UnreadableCrontab, machine_zone, owner_of_node, sources
from mainspring.nodes.schedules.crontab_import import Import, Owner, Source, take_over
from mainspring.nodes.schedules.crontab_toml import (
    COMMANDS_FILE,
    SCHEDULES_FILE,
    FileExists,
    commands_text,
    schedules_text,
    write,
)
from mainspring.nodes.schedules.load import load_schedules, read_schedules
from mainspring.nodes.settings.command_files import read_commands

CRONTABS = Path(__file__).parent / "crontabs"
OWNER = Owner("deploy", "/home/deploy")


def written(path: Path, text: str = "0 1 * * * root a\n") -> Path:
    """Writes a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_path_says_whether_there_is_a_user_column(tmp_path: Path) -> None:
    """The two forms look alike, so it must be known from where cron itself knows it; an option has the last word."""
    paths = [
        written(tmp_path / name)
        for name in ("etc/crontab", "etc/cron.d/php", "var/spool/cron/crontabs/eva", "var/spool/cron/max", "crontab")
    ]
    found, _ = sources(paths, OWNER, system=None)
    assert [(source.system, source.owner) for source in found] == [
        (True, "deploy"), (True, "deploy"), (False, "eva"), (False, "max"), (False, "deploy"),
    ]  # fmt: skip
    assert {source.system for source in sources(paths, OWNER, system=False)[0]} == {False}


def test_a_folder_is_read_as_cron_reads_it(tmp_path: Path) -> None:
    """What cron passes over for its name must be passed over here, and be told."""
    folder = tmp_path / "etc/cron.d"
    for name in ("b", "a_1", "c.dpkg-old", ".placeholder", "d~", "sub/e"):
        written(folder / name)
    found, remarks = sources([folder], OWNER, system=None)
    assert [Path(source.shown).name for source in found] == ["a_1", "b"]
    assert [remark.partition(":")[0].rpartition("/")[2] for remark in remarks] == ["c.dpkg-old", "d~"]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Each fault must name the file and the mend."""
    with pytest.raises(UnreadableCrontab, match="none: No such file or directory; give the path of a crontab"):
        sources([tmp_path / "none"], OWNER, system=None)
    with pytest.raises(UnreadableCrontab, match=r"periods in days.*@daily"):
        sources([written(tmp_path / "etc/anacrontab")], OWNER, system=None)
    with pytest.raises(UnreadableCrontab, match="a crontab is far smaller"):
        sources([written(tmp_path / "big", "#" * (1 << 20) + "\n")], OWNER, system=None)


def test_the_user_of_the_node() -> None:
    """Without a name it is who asks; a name must be one of this machine."""
    me = pwd.getpwuid(os.getuid())
    assert owner_of_node(None) == owner_of_node(me.pw_name) == Owner(me.pw_name, me.pw_dir)
    with pytest.raises(UnreadableCrontab, match="no user 'no-such-user'; name the one that the node runs as"):
        owner_of_node("no-such-user")


def test_the_zone_of_the_machine(tmp_path: Path) -> None:
    """The link must count more than the text, as for cron; no name is better than a wrong one."""
    assert machine_zone(tmp_path) is None
    written(tmp_path / "etc/timezone", "Asia/Tokyo\n")
    assert machine_zone(tmp_path) == "Asia/Tokyo"
    (tmp_path / "etc/localtime").symlink_to("../usr/share/zoneinfo/Europe/Riga")
    assert machine_zone(tmp_path) == "Europe/Riga"
    written(tmp_path / "other/etc/timezone", "Here/There\n")
    assert machine_zone(tmp_path / "other") is None


def of_texts(*texts: str) -> Import:
    """Takes texts over, as user crontabs."""
    made = [Source(f"crontab-{number}", text, False, OWNER.name) for number, text in enumerate(texts)]
    return take_over(made, OWNER, "Europe/Riga", paused=True)


def loaded_again(found: Import, folder: Path) -> None:
    """Checks that what is written loads as it was meant."""
    commands, schedules = write(found, folder, replace=False)
    read = read_commands(commands)
    assert {
        name: {"argv": list(one.argv), "cwd": str(one.cwd), "env": one.env, "stdin": one.stdin}
        for name, one in read.items()
    } == {name: {"stdin": "", **table} for name, table in found.commands.items()}
    rows = {row[0]: row for row in load_schedules(schedules).rows}
    assert list(rows) == [one.name for one in found.taken]
    for one in found.taken:
        row = dict(zip(SCHEDULE_COLUMNS, rows[one.name], strict=True))
        assert (row["task"], row["expression"], row["zone"]) == (f"command.{one.command}", one.cron, one.zone)
        assert (row["paused"], row["overlap"], row["catch_up"]) == (found.paused, "allow", "skip")
        assert row["note"] == found.schedules[one.name].get("note")


def test_all_awkward_crontabs_load_again(tmp_path: Path) -> None:
    """The loaders of a node must take every file that an import writes, all crontabs in one."""
    found = take_over(
        [
            Source(path.name, path.read_text("utf-8"), ".system." in path.name, OWNER.name)
            for path in sorted(CRONTABS.glob("*.txt"))
        ],
        OWNER,
        "Europe/Riga",
        paused=False,
    )
    assert len(found.taken) > 60
    loaded_again(found, tmp_path)


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"), min_size=1, max_size=30),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0\"'"), max_size=20),
)
def test_any_text_loads_again(command: str, value: str) -> None:
    """Quotes, backslashes, control characters and all of Unicode must come through TOML unharmed."""
    found = of_texts(f'A="{value}"\n# {command}\n0 1 * * * x {command}\n0 2 * * * y %{command}\n')
    assert tomllib.loads(commands_text(found)) == {"commands": found.commands} if found.commands else True
    read = tomllib.loads(schedules_text(found))
    assert read.get("schedules", {}) == found.schedules
    assert read["defaults"] == {"tz": "Europe/Riga", "catch_up": "skip", "overlap": "allow", "paused": True}
    if found.taken:
        read_schedules("schedules.toml", schedules_text(found))


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A file that somebody has edited must stay, and both files with it, unless it is said otherwise."""
    found = of_texts("0 1 * * * a\n")
    written(tmp_path / SCHEDULES_FILE, "mine")
    with pytest.raises(FileExists, match=r"schedules\.toml: there already; give --out another"):
        write(found, tmp_path, replace=False)
    assert not (tmp_path / COMMANDS_FILE).exists()
    assert write(found, tmp_path, replace=True) == [tmp_path / COMMANDS_FILE, tmp_path / SCHEDULES_FILE]
    assert (tmp_path / SCHEDULES_FILE).read_text() == schedules_text(found)


@pytest.mark.parametrize("path", [Path("/etc/crontab"), Path("/etc/cron.d")], ids=str)
def test_the_crontabs_of_this_machine(path: Path, tmp_path: Path) -> None:
    """What Debian brings must be taken without a fault, by a node of root."""
    if not path.exists():
        pytest.skip(f"this machine has no {path}")
    found_sources, _ = sources([path], Owner("root", "/root"), system=None)
    found = take_over(found_sources, Owner("root", "/root"), "UTC", paused=True)
    assert [told.text for told in found.told if told.refused and "it runs as" not in told.text] == []
    if found.taken:
        loaded_again(found, tmp_path)
