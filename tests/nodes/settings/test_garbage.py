"""Whatever stands in a node's file, the answer is settings or a settings error."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mainspring.nodes.settings.errors import SettingsError
from mainspring.nodes.settings.faults import fields_by_key, sections
from mainspring.nodes.settings.load import load

SAMPLE = (Path(__file__).parents[3] / "config" / "single-node.toml").read_bytes().replace(b"\n#", b"\n")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that every example overwrites."""
    return tmp_path_factory.mktemp("garbage") / "node.toml"


def answers(path: Path, content: bytes, tasks: str = "") -> None:
    """Loads a content; any other exception than the settings' own fails the test."""
    path.write_bytes(content)
    told = None
    try:
        load(path, {"MAINSPRING_TASKS": tasks})
    except SettingsError as error:
        told = str(error)
    assert told is None or str(path) in told or "MAINSPRING_TASKS" in told


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
@example(b"\xef\xbb\xbf[node]")
@example(b"x = 1e999\ny = 99999-01-01")
def test_any_bytes_are_answered(path: Path, content: bytes) -> None:
    """Random bytes and random text must be answered."""
    answers(path, content)


@given(
    st.integers(0, len(SAMPLE)),
    st.integers(0, 30),
    st.binary(max_size=8) | st.sampled_from([b"[", b'"', b"= "]),
)
def test_a_damaged_sample_is_answered(path: Path, at: int, length: int, inserted: bytes) -> None:
    """A file with a part cut out and something else put in must be answered."""
    answers(path, SAMPLE[:at] + inserted + SAMPLE[at + length :])


SCALARS = st.one_of(
    st.booleans(),
    st.integers() | st.integers(-(10**300), 10**300),
    st.floats().map(lambda number: number if number == number and abs(number) != float("inf") else 0.5),
    st.sampled_from(
        [
            "",
            "*",
            "a",
            "B c",
            "tcp://h:1",
            "tcp://h:99999",
            "ipc:///x",
            "ipc://",
            "full",
            "json",
            "~x/y",
            "\0",
            "é",
        ]
    ),
    st.text(max_size=5, alphabet=st.characters(codec="utf-8")),
)
NAMES = sorted({key for _, model in sections() for key in fields_by_key(model)} | {"x", "[key]", "", "a.b"})


def toml(value: object) -> str:
    """Writes a value in TOML; tables as inline tables."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(str(key))} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value).replace("\x7f", "\\u007f")


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)
TABLES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "node": TABLES,
        "coordinator": TABLES
        | st.fixed_dictionaries({"retention": st.fixed_dictionaries({"queues": TABLES | VALUES})}),
        "storage": TABLES,
        "metrics": TABLES | VALUES,
        "supervisor": TABLES | VALUES,
        "executor": st.lists(TABLES | VALUES, max_size=4) | VALUES,
        "x": VALUES,
    },
)


@given(DOCUMENTS, st.sampled_from(["", "t", "t,u.py", ",,"]))
@example({"executor": [{"tasks": ["t"]}, 1, {"tasks": [3, "t", "t"]}, 2]}, "")
@example({"coordinator": {"retention": {"queues": {"[key]": {"[key]": 1}, "ok": 3}}}}, "")
def test_any_document_is_answered(path: Path, document: dict[str, object], tasks: str) -> None:
    """Right keys with wrong values, at any depth, must be answered."""
    text = "\n".join(f"{key} = {toml(value)}" for key, value in document.items())
    answers(path, text.encode("utf-8"), tasks)
