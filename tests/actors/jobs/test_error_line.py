"""The line of an error that stands for the whole."""

import traceback

import pytest

from mainspring.actors.jobs.error_line import error_line


def text_of(fault: BaseException) -> str:
    """The traceback of an exception that is raised here."""
    try:
        raise fault
    except BaseException as raised:  # noqa: BLE001  (groups of them, too)
        return "".join(traceback.format_exception(raised))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (None, ""),
        (" \n", ""),
        ("killed by signal 9\n", "killed by signal 9"),
        ("exit status 3\nthe last words", "the last words"),
        ("Traceback\n  File\nValueError: x\n", "ValueError: x"),
        ("Traceback (most recent call last):\n  File\nMemoryError\nraise `memory`", "raise `memory`"),
        ("Traceback (most recent call last):\n  File\n[…]\nthe end", "the end"),
        ("Traceback (most recent call last):\n  File", "File"),
    ],
)
def test_texts(error: str | None, line: str) -> None:
    """The last line, unless a traceback says where its exception stands."""
    assert error_line(error) == line


def test_a_message_of_several_lines_does_not_hide_its_exception() -> None:
    """Its last line would say nothing about what was raised; nor does a note."""
    fault = ValueError("boom\nsecond line\n  third")
    fault.add_note("a note")
    assert error_line(text_of(fault)) == "ValueError: boom"


def test_of_a_group_a_part_is_named() -> None:
    """Not the frame that is drawn around it."""
    group = ExceptionGroup("two", [ValueError("never raised"), KeyError("inner")])
    assert error_line(text_of(group)) == "ExceptionGroup: two (2 sub-exceptions)"
    part = KeyError("inner")
    text_of(part)  # it has been raised, so it has frames
    assert error_line(text_of(ExceptionGroup("one", [part]))) == "KeyError: 'inner'"
