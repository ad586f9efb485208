"""What the words of `mainspring submit` mean."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.nodes.cli.arguments import UnclearWords, job_arguments, told_apart, unknown_option, value_of
from mainspring.nodes.spans import DURATION


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("3", 3), ("-1.5", -1.5), ("true", True), ("null", None), ("[1,2]", [1, 2]), ('{"a":1}', {"a": 1}),
        ('"3"', "3"),
        ("a@b.c", "a@b.c"), ("007", "007"), ("True", "True"), ("", ""), ("NaN", "NaN"), ("-Infinity", "-Infinity"),
        ("[" * 100_000, "[" * 100_000), ("9" * 5000, "9" * 5000),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_words_are_json_where_they_parse(word: str, value: object) -> None:
    """What is no JSON must be text, and nothing may be evaluated."""
    assert value_of(word) == value


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_any_json_can_be_typed(value: object) -> None:
    """A value that is written as JSON must arrive as it is."""
    assert job_arguments([json.dumps(value)], None) == ([value], {})
    assert job_arguments([f"name={json.dumps(value)}"], None) == ([], {"name": value})


def test_names_and_values() -> None:
    """Only an identifier before the sign makes a named argument."""
    words = ["1", "to=a@b.c", "x=y=z", "3=4", "=5", "é=1", '"a=b"', "a-b=1", "empty="]
    assert job_arguments(words, '{"more": [1]}') == (
        [1, "3=4", "=5", "a=b", "a-b=1"],
        {"more": [1], "to": "a@b.c", "x": "y=z", "é": 1, "empty": ""},
    )


@pytest.mark.parametrize(
    ("words", "kwargs", "told"),
    [
        (["a=1", "a=2"], None, "the argument a is given twice"),
        (["a=1"], '{"a": 2}', "the argument a is given twice"),
        ([], "[1]", "--kwargs is no JSON object; give one such as"),
        ([], "{", "--kwargs is no JSON"),
        ([], '{"a": NaN}', "NaN is no JSON"),
    ],
)
def test_faults_are_named(words: list[str], kwargs: str | None, told: str) -> None:
    """The text must name the argument or the option."""
    with pytest.raises(ValueError, match=told):
        job_arguments(words, kwargs)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["t", "1", "--wait"], ["t", "1", "--wait=forever"]),
        (["t", "1", "--wait", "5"], ["t", "1", "--wait=5"]),
        (["t", "--wait", "1m", "--json"], ["t", "--wait=1m", "--json"]),
        (["t", "--wait", "a", "b"], ["t", "--wait=forever", "a", "b"]),
        (["--wait", "t", "1"], ["--wait=forever", "t", "1"]),
        (["--wait", "5", "t", "1"], ["--wait=5", "t", "1"]),
        (["t", "--wait=5", "1", "2"], ["t", "--wait=5", "1", "2"]),
        (["t", "--", "--wait", "5"], ["t", "--", "--wait", "5"]),
    ],
)
def test_wait_with_and_without_seconds(words: list[str], told: list[str]) -> None:
    """The seconds are the word behind `--wait` if it looks like them."""
    assert told_apart(words, DURATION) == told


def test_words_that_mean_two_things_are_refused() -> None:
    """Nobody may get a job with an argument less than he has typed."""
    with pytest.raises(UnclearWords, match=r"write --wait=1, or put --wait last"):
        told_apart(["t", "--wait", "1", "2"], DURATION)


def test_unknown_options_are_found() -> None:
    """A misspelt option must not become an argument; negative numbers and what stands behind `--` are arguments."""
    assert unknown_option(["t", "-5", "-.5", "-1e3", "-", "x"], 0) is None
    assert unknown_option(["t", "--dealy", "5"], 0) == "--dealy"
    assert unknown_option(["t", "-x"], 0) == "-x"
    assert unknown_option(["t", "--dealy", "5"], 2) is None
