"""The parts of a crontab's lines: assignments, the input behind %, comments as notes, names."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.broker.tasks.options import check_task_name
from mainspring.nodes.schedules.crontab import read, split_input
from mainspring.nodes.schedules.crontab_assignments import assignment
from mainspring.nodes.schedules.crontab_names import NAME_CHARS_MAX, program_of, unique


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("A=b", ("A", "b")),
        ("A = b", ("A", "b")),
        ("A\t=\tb c \t", ("A", "b c")),
        ("A=", ("A", "")),
        ("A=''", ("A", "")),
        ("A='  b  '", ("A", "  b  ")),
        ('"A"="b=c"', ("A", "b=c")),
        ("'A' = b", ("A", "b")),
        ("A=b'c'", ("A", "b'c'")),
        ("A=b=c", ("A", "b=c")),
        ('A="b" c', None),
        ('A="b', None),
        ("A b=c", None),
        ("'A=b", None),
        ("* * * * * A=b c", None),
        ("@daily A=b", None),
        ("A", None),
    ],
)
def test_assignments(line: str, meant: tuple[str, str] | None) -> None:
    """Quotes must be taken as cron takes them, and a command with an = must stay one."""
    assert assignment(line) == meant


@pytest.mark.parametrize(
    ("rest", "command", "stdin"),
    [
        ("a", "a", None),
        ("a%", "a", None),
        ("a%b", "a", "b\n"),
        ("a%b%", "a", "b\n"),
        ("a%%b", "a", "\nb\n"),
        (r"a \% b", "a % b", None),
        (r"a\%b%c\%d%e", "a%b", "c%d\ne\n"),
        (r"a\nb%c\nd", r"a\nb", "c\\nd\n"),
        (r"a\\%b", "a\\", "b\n"),
    ],
)
def test_input_stands_behind_a_percent_sign(rest: str, command: str, stdin: str | None) -> None:
    """The first bare % must end the command, and further ones must be ends of lines."""
    assert split_input(rest) == (command, stdin)


def by_states(rest: str) -> tuple[str, str]:
    """How cron itself goes through a command (do_command.c): one letter after the other, with one flag."""
    command, given, escaped = "", "", False
    for place, letter in enumerate(rest):
        if escaped:
            command = command[:-1] + letter if letter in "%\\" else command + letter
            escaped = False
        elif letter == "%":
            given = rest[place + 1 :]
            break
        else:
            command, escaped = command + letter, letter == "\\"
    written, escaped = "", False
    for letter in given:
        if escaped:
            written += "" if letter == "%" else "\\"
        elif letter == "%":
            letter = "\n"
        escaped = letter == "\\"
        written += "" if escaped else letter
    return command, written + "\\" * escaped


@settings(max_examples=200, deadline=None)
@given(st.text("ab%\\ ", max_size=12))
def test_input_is_split_as_cron_does(rest: str) -> None:
    """Whatever backslashes and percent signs a line has, it must mean the same as under cron."""
    command, given = by_states(rest)
    if given and not given.endswith("\n"):
        given += "\n"
    assert split_input(rest) == (command, given or None)


def test_a_note_is_the_comment_right_above() -> None:
    """A note must speak of the line below it: not of another one, of a variable, or of crontabs as such."""
    lines = [
        "# one", "A=b", "0 1 * * * a", "# two", "", "0 1 * * * b", "# m h dom mon dow command", "0 1 * * * c",
        "# lost", "#", "# kept", "## too", "0 1 * * * d", "# 0 1 * * * /switched/off", "0 1 * * * e", "0 1 * * * f",
    ]  # fmt: skip
    notes = {entry.command: entry.note for entry in read("\n".join(lines) + "\n", system=False).entries}
    assert notes == {"a": None, "b": None, "c": None, "d": "kept too", "e": None, "f": None}


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40) | st.text("a/.-;|&(){}$'\"\\= \n\t9_é", max_size=30))
def test_every_command_has_a_name(command: str) -> None:
    """Any text may stand in a crontab, and its name must be one that a task can have."""
    name = program_of(command)
    assert 0 < len(name) <= NAME_CHARS_MAX
    check_task_name(f"command.{name}")


def test_unique_names_do_not_depend_on_what_follows() -> None:
    """A line that is added below must not rename those above."""
    first = unique("a", ("x",), [])
    second = unique("a", ("y",), [first])
    third = unique("a", ("y",), [first, second])
    assert first == "a"
    assert len({first, second, third}) == 3
    assert unique("a", ("y",), [first, "b"]) == second
