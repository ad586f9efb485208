"""What a process tells its supervisor arrives as it was said."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.nodes.processes import death
from mainspring.nodes.processes.status import STATUS_BYTES_MAX, StatusReader, report_failed, report_ready
from mainspring.nodes.runners import frames


def said(*reports: tuple[str, str]) -> bytes:
    """Returns what a process writes into its pipe."""
    read_fd, write_fd = os.pipe()
    try:
        for word, text in reports:
            if word == "ready":
                report_ready(write_fd)
            else:
                report_failed(write_fd, text)
        os.close(write_fd)
        return os.read(read_fd, 2 * STATUS_BYTES_MAX)
    finally:
        os.close(read_fd)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=200).map(str.strip)


@given(st.lists(TEXTS, max_size=5), st.integers(1, 50))
def test_texts_arrive_whatever_they_hold(texts: list[str], chunk: int) -> None:
    """Line ends and backslashes must come through, and the size of the reads must not matter."""
    data = said(*(("failed", text) for text in texts), ("ready", ""))
    reader = StatusReader()
    told = [pair for at in range(0, len(data), chunk) for pair in reader.feed(data[at : at + chunk])]
    assert told == [*(("failed", text) for text in texts), ("ready", "")]


def test_a_line_without_an_end_counts_at_the_end() -> None:
    """A process that dies in its last word must still be heard."""
    reader = StatusReader()
    assert reader.feed(b"failed no mo") == []
    assert reader.feed(b"re memory") == []
    assert reader.feed(b"", is_end=True) == [("failed", "no more memory")]


@pytest.mark.parametrize("data", [b"\n", b"hello\n", b"\xff\xfe\n", b"READY\n", b"readyish\n"])
def test_other_lines_are_dropped(data: bytes) -> None:
    """Nothing but the two words may mean anything."""
    assert StatusReader().feed(data, is_end=True) == []


def test_what_a_process_may_say_is_bounded() -> None:
    """A text beyond the bound must be cut where it is written, and dropped where it is read."""
    data = said(("failed", "x" * 2 * STATUS_BYTES_MAX))
    assert len(data) == STATUS_BYTES_MAX
    reader = StatusReader()
    told = [pair for _ in range(20) for pair in reader.feed(b"failed " + b"x" * 4096)]
    assert sum(len(text) for _, text in told) < STATUS_BYTES_MAX


def test_without_a_supervisor_nothing_is_told() -> None:
    """A process that was started by hand must run as well."""
    report_ready(None)
    report_failed(None, "no memory")


def test_a_supervisor_that_is_gone_is_no_error() -> None:
    """The process dies of it soon enough."""
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    report_ready(write_fd)
    os.close(write_fd)


def test_orphans_of_both_kinds_exit_alike() -> None:
    """The status that runners document must be the one that the shared function uses."""
    assert death.EXIT_ORPHAN == frames.EXIT_ORPHAN
