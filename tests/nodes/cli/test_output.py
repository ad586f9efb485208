"""What commands print, for people and for programs."""

import json

import pytest

from mainspring.nodes.cli.output import Column, cell, show_list, show_one

COLUMNS = [Column("id", "job", right=True), Column("state", "state")]
ROWS = [{"id": 7, "state": "ready", "more": None}, {"id": 1042, "state": "[red]dead[/]", "more": [1]}]


def test_a_list_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """It must have the columns asked for, numbers to the right, and no markup in the values."""
    show_list(ROWS, COLUMNS, as_json=False)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line] == [
        " job   state",
        "───────────────────",
        "   7   ready",
        "1042   [red]dead[/]",
    ]


def test_a_list_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """It must be one array, with every key, and be one even when it is empty."""
    show_list(ROWS, COLUMNS, as_json=True)
    assert json.loads(capsys.readouterr().out) == ROWS
    show_list([], COLUMNS, as_json=True, empty="no jobs")
    assert capsys.readouterr().out == "[]\n"


def test_a_wide_table_is_not_cut_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody looks, each row must be one whole line."""
    show_list([{"id": 1, "state": "x" * 500}], COLUMNS, as_json=False)
    assert "x" * 500 in capsys.readouterr().out


def test_an_empty_list_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """People must read a sentence rather than a heading over nothing."""
    show_list([], COLUMNS, as_json=False, empty="no jobs")
    assert capsys.readouterr().out == "no jobs\n"


def test_one_thing(capsys: pytest.CaptureFixture[str]) -> None:
    """Its values must stand below each other, further lines of a value under the first."""
    thing = {"id": 7, "error": "a\nb", "done": False}
    show_one(thing, as_json=False)
    assert capsys.readouterr().out == "id     7\nerror  a\n       b\ndone   no\n"
    show_one(thing, as_json=True)
    assert json.loads(capsys.readouterr().out) == thing


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (True, "yes"), (1_000, "1000"), ("é", "é"), ("\x1b[2J", "\\x1b[2J"), (["a"], '["a"]')],
)
def test_cells(value: object, text: str) -> None:
    """Nothing printed may steer the terminal."""
    assert cell(value) == text
