"""Awkward crontabs, each a file beside its outcome: what is taken, as what, and what is left out, and why."""

from pathlib import Path

import pytest

from mainspring.nodes.schedules.crontab_import import Import, Owner, Source, take_over

FOLDER = Path(__file__).parent / "crontabs"
OWNER = Owner("deploy", "/home/deploy")
ZONE = "Europe/Riga"
USUAL = {"HOME": OWNER.home, "LOGNAME": OWNER.name, "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}


def taken(text: str, name: str = "crontab", *, system: bool = False) -> Import:
    """Takes one text over."""
    shown = f"/etc/cron.d/{name}" if system else name
    return take_over([Source(shown, text, system, OWNER.name)], OWNER, ZONE, paused=True)


def outcome(found: Import) -> str:
    """Writes everything that an import has found, a fact a line."""
    lines: list[str] = []
    for one in found.taken:
        command, schedule = found.commands[one.command], found.schedules[one.name]
        assert command["cwd"] == command["env"]["HOME"]
        assert command["argv"][:2] == [command["env"]["SHELL"], "-c"]
        assert (schedule["task"], schedule["cron"]) == (f"command.{one.command}", one.cron)
        lines.append(f"{one.line}: {one.name}")
        lines.append(f"    {one.cron}")
        if one.zone != ZONE:
            assert schedule["tz"] == one.zone
            lines.append(f"    tz {one.zone}")
        if one.command != one.name:
            lines.append(f"    the command of {one.command}")
        lines.append(f"    runs {command['argv'][2]!r}")
        lines += [f"    {key} {schedule[key]!r}" for key in ("note", "jitter") if key in schedule]
        lines += [f"    stdin {command['stdin']!r}"] if "stdin" in command else []
        lines += [f"    {key}={value!r}" for key, value in command["env"].items() if USUAL.get(key) != value]
    lines += [f"{told.line}: {'left out: ' if told.refused else ''}{told.text}" for told in found.told]
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_each_crontab_has_its_outcome(path: Path) -> None:
    """Nothing of a crontab may be lost without a word, and nothing may mean something else than under cron."""
    name, _, kind = path.stem.partition(".")
    found = taken(path.read_text("utf-8"), name, system=kind == "system")
    assert outcome(found) == path.with_suffix(".outcome").read_text("utf-8")


def test_every_crontab_is_looked_at() -> None:
    """A file without an outcome, or the other way round, would prove nothing."""
    names = {path.stem for path in FOLDER.glob("*.txt")}
    assert names == {path.stem for path in FOLDER.glob("*.outcome")}
    assert len(names) >= 15


def test_windows_line_ends() -> None:
    """A carriage return must not become the last letter of a command."""
    found = taken("MAILTO=me\r\n0 1 * * * one \r\n\r\n@daily two%a\r\n")
    assert outcome(found) == (
        "2: one\n    0 1 * * *\n    runs 'one '\n    MAILTO='me'\n"
        "4: two\n    @daily\n    runs 'two'\n    stdin 'a\\n'\n    MAILTO='me'\n"
        "1: the lines end as on Windows; cron would hand each \\r to its command, here they go\n"
        "1: MAILTO=me: no mail is sent; what the commands print is kept with their jobs\n"
    )


def test_no_newline_at_the_end() -> None:
    """Other crons read such a file, so it is taken; Debian's would not, so that is said."""
    found = taken("0 1 * * * one\n0 2 * * * two")
    assert [one.name for one in found.taken] == ["one", "two"]
    assert [str(told) for told in found.told] == [
        "crontab:2: the file ends without a newline, so Debian's cron ignores all of it"
    ]
    assert taken("0 1 * * * one\n# the end").told == []


def test_bytes_that_are_no_text() -> None:
    """A line in another encoding, or with a zero byte, is left out alone; a byte order mark goes."""
    text = b"\xef\xbb\xbf0 1 * * * one\n0 2 * * * caf\xe9\n0 3 * * * a\0b\nA=\xff\n0 4 * * * four\n"
    found = taken(text.decode("utf-8", "surrogateescape"))
    assert [one.name for one in found.taken] == ["one", "four"]
    assert "A" not in found.commands["four"]["env"]
    assert [(told.line, told.refused, told.text) for told in found.told] == [
        (1, False, "the byte order mark before the line is passed over"),
        (2, True, "the line is not UTF-8: save the file in that encoding"),
        (3, True, "the line holds a zero byte: take it out"),
        (4, True, "the line is not UTF-8: save the file in that encoding"),
    ]
