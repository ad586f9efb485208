"""On which lines the scanner finds the keys of a TOML text."""

import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from mainspring.nodes.settings.errors import KeyPath
from mainspring.nodes.settings.lines import key_lines, line_of

TEXT = '''\
top = """
[not.a.table]  # nor a comment
also = "no" \\""" key"""
a.'b c'."d\\u0065" = 1  # three keys

[[fruit]]  # the first
name = 'x # ['
[fruit.kind]
sour = true
[[fruit.sort]]
n = [1, [
  2,
  3], # ]
  {deep = { er = 1 }},
]
[[fruit]]
  [fruit.kind]
  sour = 2020-01-01 10:00:00
["fruit".'kind'.more]
""""" = 1
'''.replace('""""" = 1', '"" = 1')


def test_each_way_to_write_a_key_has_its_line() -> None:
    """Dotted and quoted keys, headers, arrays of tables, inline tables and nested lists must all be found."""
    assert key_lines(TEXT) == {
        ("top",): 1,
        ("a",): 4,
        ("a", "b c"): 4,
        ("a", "b c", "de"): 4,
        ("fruit",): 6,
        ("fruit", 0): 6,
        ("fruit", 0, "name"): 7,
        ("fruit", 0, "kind"): 8,
        ("fruit", 0, "kind", "sour"): 9,
        ("fruit", 0, "sort"): 10,
        ("fruit", 0, "sort", 0): 10,
        ("fruit", 0, "sort", 0, "n"): 11,
        ("fruit", 0, "sort", 0, "n", 0): 11,
        ("fruit", 0, "sort", 0, "n", 1): 11,
        ("fruit", 0, "sort", 0, "n", 1, 0): 12,
        ("fruit", 0, "sort", 0, "n", 1, 1): 13,
        ("fruit", 0, "sort", 0, "n", 2): 14,
        ("fruit", 0, "sort", 0, "n", 2, "deep"): 14,
        ("fruit", 0, "sort", 0, "n", 2, "deep", "er"): 14,
        ("fruit", 1): 16,
        ("fruit", 1, "kind"): 17,
        ("fruit", 1, "kind", "sour"): 18,
        ("fruit", 1, "kind", "more"): 19,
        ("fruit", 1, "kind", "more", ""): 20,
    }


def test_a_key_that_is_not_there_has_the_line_of_the_table_around_it() -> None:
    """A fault about a missing key must still point somewhere near."""
    lines = key_lines("\n[node]\n[[executor]]\n[[executor]]\n")
    assert line_of(lines, ("executor", 1, "tasks")) == 4
    assert line_of(lines, ("storage", "x")) is None


def test_windows_line_ends_count_once() -> None:
    """A file written on Windows must have the same lines."""
    assert key_lines("a = 1\r\nb = '''\r\n'''\r\nc = 1\r\n") == {("a",): 1, ("b",): 2, ("c",): 4}


KEYS = st.sampled_from(["a", "b", "c-1", '"a"', "'b'", '"x.y"', '"\\t#"', '""'])
DOTTED = st.lists(KEYS, min_size=1, max_size=3).map(" . ".join)
SCALARS = st.sampled_from(
    [
        "1",
        "-1.5e3",
        "true",
        "2020-01-01 10:00:00",
        '"x # ] } = , \\" \\\\"',
        "'\\'",
        '""',
        '"""\n[a]\nb = 1 " "" \\""" \\\n  x"""""',
        '"""a"""',
        "'''\n[[a]] '' \\'''''",
        "''''''",
        '""""""',
    ]
)
GAPS = st.sampled_from(["", " ", "\n", " # ]\n\t"])


def _array(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pieces = st.lists(st.tuples(GAPS, items, GAPS).map("".join), max_size=3).map(",".join)
    return st.builds(
        lambda inner, comma, gap: f"[{inner}{comma if inner else ''}{gap}]",
        pieces,
        st.sampled_from(["", ","]),
        GAPS,
    )


def _inline_table(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.builds("{} = {}".format, DOTTED, items), max_size=2)
    return pairs.map(lambda parts: "{ " + ", ".join(parts) + " }")


VALUES = st.recursive(SCALARS, lambda items: _array(items) | _inline_table(items), max_leaves=5)
STATEMENTS = st.one_of(
    st.builds("{} = {}".format, DOTTED, VALUES),
    st.builds("[{}]  # x = 1".format, DOTTED),
    st.builds("[[ {} ]]".format, DOTTED),
    st.sampled_from(["", "# [a]"]),
)


def _paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, (*path, index))


@given(st.lists(STATEMENTS, max_size=6))
def test_the_scanner_finds_what_the_parser_finds(statements: list[str]) -> None:
    """For any valid document, the paths must be those of the parsed one, each on a line of the text."""
    text = "\n".join(statements)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assume(False)
        raise
    lines = key_lines(text)
    assert set(lines) == set(_paths(document))
    rows = text.split("\n")
    for path, line in lines.items():
        assert 1 <= line <= len(rows)
        last = path[-1]
        if isinstance(last, str) and last.isalpha():
            assert last in rows[line - 1]


@given(st.text(alphabet="ab[]{}=.,'\"\\# \n\t1\r", max_size=40))
def test_the_scanner_survives_what_the_parser_refuses(text: str) -> None:
    """No text at all may make the scanner fail or hang."""
    assert all(line >= 1 for line in key_lines(text).values())
