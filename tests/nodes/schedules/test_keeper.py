"""How a node keeps to its file: what is read when, what a bad file changes, and what the log says."""

import logging
import os
from pathlib import Path

import pytest

from mainspring.broker.net.changes import Change
from mainspring.broker.net.exceptions import RequestRefused, Unreachable
from mainspring.broker.tasks.exceptions import MainspringError
from mainspring.nodes.schedules.difference import told
from mainspring.nodes.schedules.keeper import LOOK_S, RETRY_MAX_S, SETTLE_S, ScheduleKeeper
from mainspring.nodes.schedules.load import Declared

TWO = """
[schedules.a]
cron = "@daily"
task = "a.b"
[schedules.b]
cron = "@daily"
task = "a.b"
"""
ONE = TWO[: TWO.index("[schedules.b]")]
BAD = ONE.replace("cron", "corn")


class Node:
    """A node that takes what it is told, or fails."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.taken: list[list[str]] = []
        self.failures: list[MainspringError] = []
        self.changes: list[Change] = []

    def apply(self, declared: Declared) -> list[Change]:
        """Takes a file."""
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append([row[0] for row in declared.rows])
        return self.changes


class Bench:
    """A keeper with its file, its node and its clock."""

    def __init__(self, folder: Path, log: pytest.LogCaptureFixture) -> None:
        self.path = folder / "schedules.toml"
        self.node = Node()
        self.log = log
        self.log.set_level(logging.INFO, "mainspring.schedules")
        self.edits = 0
        self.write(TWO)
        self.keeper = ScheduleKeeper(self.path, self.node.apply, lambda: self.node.now_s)

    def write(self, text: str) -> None:
        """Writes the file, as much later as a clock can tell."""
        self.path.write_text(text)
        self.edits += 1
        os.utime(self.path, (self.edits, self.edits))

    def look(self, *, is_asked: bool = False) -> float:
        """Lets the keeper look, and time go by as it says."""
        wait_s = self.keeper.look(is_asked=is_asked)
        self.node.now_s += wait_s
        return wait_s

    def said(self) -> list[str]:
        """Gives what was logged since the last call."""
        lines = [record.getMessage() for record in self.log.records]
        self.log.clear()
        return lines


@pytest.fixture
def bench(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Bench:
    """A keeper that has not looked yet."""
    return Bench(tmp_path, caplog)


def test_the_file_is_applied_at_once_and_after_each_change(bench: Bench) -> None:
    """A start must not wait; a change is read when the file has stayed the same for a moment, and then once."""
    assert not bench.keeper.has_answer
    assert bench.look() == LOOK_S
    assert bench.keeper.has_answer
    assert bench.look() == LOOK_S
    bench.write(ONE)
    assert bench.look() == SETTLE_S
    assert bench.node.taken == [["a", "b"]]
    assert bench.look() == LOOK_S
    assert bench.node.taken == [["a", "b"], ["a"]]
    bench.look()
    assert len(bench.node.taken) == 2


def test_a_file_that_is_still_being_written_is_not_read(bench: Bench) -> None:
    """The first half of a file is valid, and would remove the schedules of the second."""
    bench.look()
    bench.write(ONE)
    assert bench.look() == SETTLE_S
    bench.write(TWO + "# done")
    assert bench.look() == SETTLE_S
    bench.look()
    assert bench.node.taken == [["a", "b"]]
    assert bench.said()[-1] == "schedules.toml has changed, its schedules have not"


def test_a_touched_file_is_not_told(bench: Bench) -> None:
    """What has the same content is no news."""
    bench.look()
    bench.said()
    bench.write(TWO)
    bench.look()
    bench.look()
    assert bench.said() == []


def test_a_bad_file_changes_nothing_and_is_told_once(bench: Bench) -> None:
    """The log must name file and line, once for a content; the next good one is applied."""
    bench.look()
    bench.said()
    bench.write(BAD)
    for _ in range(4):
        bench.look()
    assert bench.node.taken == [["a", "b"]]
    first, *faults = bench.said()
    assert first == "schedules.toml has faults, so nothing is changed"
    assert [fault.partition(": ")[0] for fault in faults] == [f"{bench.path}:2", f"{bench.path}:3"]
    bench.write(ONE)
    bench.look()
    bench.look()
    assert bench.node.taken[-1] == ["a"]


def test_a_file_that_is_gone_changes_nothing(bench: Bench) -> None:
    """Some editors take it away for a moment; if it stays away, that is told once."""
    bench.look()
    bench.said()
    bench.path.unlink()
    bench.look()
    assert bench.said() == []
    bench.look()
    bench.look()
    assert len(bench.said()) == 2
    assert bench.node.taken == [["a", "b"]]
    bench.write(ONE)
    bench.look()
    bench.look()
    assert bench.node.taken[-1] == ["a"]


def test_a_bad_file_at_the_start_is_an_answer(bench: Bench) -> None:
    """A node must come up although the file went bad after it was checked."""
    bench.write(BAD)
    bench.keeper = ScheduleKeeper(bench.path, bench.node.apply, lambda: bench.node.now_s)
    bench.look()
    assert bench.keeper.has_answer
    assert bench.node.taken == []


def test_a_node_that_does_not_answer_is_asked_again(bench: Bench) -> None:
    """The waits must grow up to a bound, and one reason be told once."""
    bench.node.failures = [Unreachable("nobody answers") for _ in range(10)]
    begun_s, waits = bench.node.now_s, []
    while not bench.node.taken:
        left = len(bench.node.failures)
        bench.look()
        if len(bench.node.failures) < left:
            waits.append(bench.node.now_s - begun_s)
        assert bench.keeper.has_answer == bool(bench.node.taken)
    assert bench.said()[:-1] == ["schedules.toml is not applied yet, and tried again: nobody answers"]
    assert 60 < bench.node.now_s - begun_s < 10 * RETRY_MAX_S
    assert bench.node.taken == [["a", "b"]]


def test_what_is_not_applied_yet_is_replaced_by_what_comes_later(bench: Bench) -> None:
    """Only the last good content counts, and it need not wait for the retry of the one before."""
    bench.node.failures = [Unreachable("nobody answers") for _ in range(8)]
    for _ in range(20):
        bench.look()
    bench.node.failures = []
    bench.write(ONE)
    bench.look()
    bench.look()
    assert bench.node.taken == [["a"]]


def test_a_file_that_is_put_back_is_applied_although_nobody_answered(bench: Bench) -> None:
    """An apply without an answer may have been taken, so the content before it is news again."""
    bench.look()
    bench.node.failures = [Unreachable("nobody answers") for _ in range(8)]
    for content in (ONE, TWO):
        bench.write(content)
        bench.look()
        bench.look()
    while bench.node.failures:
        bench.node.failures.pop()
        bench.look()
    bench.look()
    assert bench.node.taken == [["a", "b"], ["a", "b"]]


def test_a_refusal_is_told_and_is_an_answer(bench: Bench) -> None:
    """A tenant that the node does not know must not keep it from coming up."""
    bench.node.failures = [RequestRefused("tenant 'x' is not known here", "unknown_tenant")]
    bench.look()
    assert bench.keeper.has_answer
    assert bench.said() == ["schedules.toml is not applied yet, and tried again: tenant 'x' is not known here"]
    bench.look()
    assert bench.node.taken == [["a", "b"]]


def test_an_operator_can_ask_for_it(bench: Bench) -> None:
    """SIGHUP must apply the file although it has not changed: somebody may have changed the schedules otherwise."""
    bench.look()
    bench.look(is_asked=True)
    assert bench.node.taken == [["a", "b"]] * 2
    bench.write(BAD)
    bench.said()
    for _ in range(2):
        bench.look(is_asked=True)
    assert len(bench.said()) == 6


def test_the_difference_is_told_line_by_line(bench: Bench) -> None:
    """An operator must read in the log what an edit has done."""
    bench.node.changes = [
        Change("default", "nightly", "changed", 1, (("expression", "0 3 * * *", "0 4 * * *"), ("note", None, "x"))),
        Change("acme", "old", "removed", 2),
        Change("default", "new", "added", 3),
        Change("default", "same", "unchanged", 4),
    ]
    assert told(bench.node.changes) == [
        "schedule nightly changed expression: 0 3 * * * -> 0 4 * * *",
        "schedule nightly changed note: none -> x",
        "schedule acme/old removed",
        "schedule new added",
    ]
    bench.look()
    assert bench.said() == [*told(bench.node.changes), "schedules.toml is applied"]
