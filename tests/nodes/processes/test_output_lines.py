"""What jobs write, among the lines of a JSON log."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mainspring.nodes.processes.output_lines import LINE_BYTES_MAX, OutputLines


def _told(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def test_a_line_becomes_an_object() -> None:
    """It says who wrote it, and that it is output."""
    lines = OutputLines("executor-1", "node-1")
    (told,) = _told(lines.take(3, b'say "hello"\n'))
    assert told.pop("time").endswith("Z")
    assert told == {
        "level": "info", "actor": "executor-1", "node": "node-1", "message": 'say "hello"', "stream": "output",
        "child": 3,
    }  # fmt: skip


def test_children_do_not_mix() -> None:
    """Half a line waits for its end, each child's for its own; at the death of the child it is told as it is."""
    lines = OutputLines("executor", "")
    assert lines.take(1, b"one") == lines.take(2, b"two") == b""
    assert [line["message"] for line in _told(lines.take(2, b"!\n"))] == ["two!"]
    assert [line["message"] for line in _told(lines.end(1))] == ["one"]
    assert lines.end(1) == lines.end(2) == b""


def test_a_line_without_end_is_told_in_pieces() -> None:
    """It does not grow in memory."""
    lines = OutputLines("executor", "")
    told = _told(lines.take(1, b"x" * (3 * LINE_BYTES_MAX)))
    assert [len(line["message"]) for line in told] == [LINE_BYTES_MAX] * 2
    assert len(_told(lines.end(1))[0]["message"]) == LINE_BYTES_MAX


@given(st.lists(st.binary(max_size=40), max_size=12))
def test_whatever_is_written_is_json(parts: list[bytes]) -> None:
    """Every line can be read, and nothing is lost but what is no text."""
    lines = OutputLines("executor", "")
    told = _told(b"".join(lines.take(1, part) for part in parts) + lines.end(1))
    text = b"".join(parts).decode("utf-8", "replace").removesuffix("\n")
    if text:
        assert "\n".join(line["message"] for line in told) == text
