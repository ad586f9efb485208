"""Whatever stands in a file of a node, of commands or of schedules: it is read, or one error says what to mend.

The files of tests/corpus/settings are kept odd ones; a document that has ever got another exception is put there.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mainspring.nodes.schedules.load import load_schedules
from mainspring.nodes.settings.command_files import read_commands
from mainspring.nodes.settings.errors import SettingsError
from mainspring.nodes.settings.load import load

DOCUMENTS = sorted((Path(__file__).parents[2] / "corpus" / "settings").glob("*.toml"))
READERS: dict[str, Callable[[Path], Any]] = {
    "node": lambda path: load(path, {}),
    "commands": read_commands,
    "schedules": load_schedules,
}
SOUND = {"node.empty", "node.windows-line-ends", "schedules.int-in-args", "schedules.never"}
"""What looks odd and is none the worse for it."""

TOLD_MAX = 20_000
LINE_MAX = 1_200


def told(kind: str, path: Path) -> str | None:
    """Reads a file; returns the error's text, None if there is none. Any other exception fails the test."""
    error: SettingsError | None = None
    try:
        READERS[kind](path)
    except SettingsError as caught:
        error = caught
    if error is None:
        return None
    assert error.faults
    assert all(fault.where == str(path) and fault.text.strip() for fault in error.faults), "a fault without a mend"
    return str(error)


def is_fit_for_a_terminal(text: str) -> bool:
    """Says whether a text is bounded and has nothing in it that a terminal obeys."""
    lines = text.split("\n")
    return len(text) <= TOLD_MAX and all(len(line) <= LINE_MAX and line.isprintable() for line in lines)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_kept_document_is_refused_in_words(path: Path) -> None:
    """The error names the file, and its text is short and can be shown."""
    text = told(path.name.split(".")[0], path)
    if path.stem in SOUND:
        assert text is None
        return
    assert text is not None, "it was taken"
    assert str(path) in text
    assert is_fit_for_a_terminal(text), ascii(text)


@pytest.mark.parametrize("line", ["[[executor]]\n", "k{} = {}\n"])
def test_a_long_document_is_refused_in_few_words(line: str, path: Path) -> None:
    """Thousands of sections or keys, all of them wrong: the text has bounds."""
    path.write_text("".join(line.format(number, number) for number in range(5000)), encoding="utf-8")
    text = told("node", path)
    assert text is not None
    assert is_fit_for_a_terminal(text), ascii(text)


def test_each_kind_of_file_has_some() -> None:
    """No reader is left out."""
    assert {path.name.split(".")[0] for path in DOCUMENTS} == READERS.keys()


KEYS = [
    "node", "commands", "schedules", "defaults", "executor", "name", "cron", "task", "args", "kwargs", "tz", "start",
    "end", "run", "env", "cwd", "timeout", "jitter", "limit", "retries", "listen", "data_dir", "shards", "x", "a b", "",
]  # fmt: skip
VALUES = [
    "nan", "inf", "-inf", "0", "-1", "1.5", "1e999", "9223372036854775808", "true", "''", "'x'", "'@daily'", "'5m'",
    "'* * * * *'", "'Europe/Rome'", "'true'", '"\\u0000"', '"\\u001b[0m"', "1979-05-27", "07:32:00",
    "1979-05-27T07:32:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00", "[]", "{}",
]  # fmt: skip

keys = st.sampled_from(KEYS).map(lambda key: key if key.isidentifier() else f'"{key}"')
values = st.recursive(
    st.sampled_from(VALUES),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
        st.dictionaries(keys, inner, max_size=3).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=5,
)
lines = st.one_of(
    st.builds("{} = {}".format, keys, values),
    st.lists(keys, min_size=1, max_size=3).map(lambda path: f"[{'.'.join(path)}]"),
    st.lists(keys, min_size=1, max_size=2).map(lambda path: f"[[{'.'.join(path)}]]"),
    st.sampled_from(
        ["[commands.x]", "run = 'true'", "[schedules.x]", "cron = '@daily'", "task = 'a.b'", "# \0", "\t="]
    ),
)
documents = st.lists(lines, max_size=10).map("\n".join)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that every example overwrites."""
    return tmp_path_factory.mktemp("documents") / "odd.toml"


@pytest.mark.parametrize("kind", READERS)
@given(text=documents)
@example(text="[schedules.x]\ncron = '@daily'\ntask = 'a.b'\nargs = [{a = nan}]")
@example(text="[commands.x]\nrun = 'true'\nenv = {\"\" = '\\u0000'}")
def test_any_document_is_read_or_refused_in_words(path: Path, kind: str, text: str) -> None:
    """Right keys with wrong values and in wrong places, TOML or nearly so."""
    path.write_text(text, encoding="utf-8")
    answer = told(kind, path)
    assert answer is None or (str(path) in answer and is_fit_for_a_terminal(answer)), ascii(answer)
