"""A full disk refuses new jobs and nothing else: log, shard file and machine on a disk that runs full."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mainspring.actors.coordinator.settings import ShardSettings
from mainspring.actors.coordinator.shard import ShardMachine
from mainspring.actors.coordinator.takeover import take_over
from mainspring.actors.draws import Draws
from mainspring.actors.events import Received
from mainspring.actors.machine import Now
from mainspring.actors.store import ReadJobs, is_done
from mainspring.actors.turn import Member, answer_reads
from mainspring.broker.wire.messages import (
    Credit,
    ExecutorHello,
    Finished,
    FinishedAck,
    Refused,
    Run,
    Submit,
    Submitted,
)  # fmt: skip
from mainspring.chaos.disk.disk import Disk
from mainspring.chaos.disk.plain_files import DiskFiles
from mainspring.chaos.disk.vfs import DiskVfs
from mainspring.nodes.processes.disk_guard import FULL_RETRY_NS, DiskGuard
from mainspring.nodes.storage.log.errors import DiskFull
from mainspring.nodes.storage.log.local_log import LocalLog
from mainspring.nodes.storage.shard.shard_file import ShardFile

SHARD = "tasks_default_shard_0.db"
START = Now(10**12, 1_800_000_000_000)
RETRY = [0, 1000, 2000, 600_000, 0]
SETTINGS = ShardSettings(cluster="test")
BALLAST_BYTES = 300_000


class Node:
    """One shard under its guard, with an executor and a client, on a disk with a capacity."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        ShardFile(directory / SHARD).close()  # the schema is made by another SQLite library
        self.directory = directory
        self.disk = Disk(directory)
        self.vfs = DiskVfs(self.disk)
        self.elapsed_ns = START.elapsed_ns
        self.is_open = True
        self.sequence = 0
        self.batch = 0
        self.messages: list[Any] = []
        self.acked: set[int] = set()
        self.runs: list[list[Any]] = []
        self.log = LocalLog(
            directory / "log", ballast_bytes=BALLAST_BYTES, elapsed_ns=lambda: self.elapsed_ns,
            vfs=self.vfs.name, files=DiskFiles(self.disk),
        )  # fmt: skip
        self.store = ShardFile(directory / SHARD, vfs=self.vfs.name, files=DiskFiles(self.disk))
        self.member: Member[ShardMachine] = take_over(0, self.log, self.store, SETTINGS, Draws(1), START)
        self.guard = DiskGuard([self.member], self.log, directory)
        tasks = [["echo", "process", "default", RETRY, None, 0]]
        self.hear(b"executor", ExecutorHello("node", "executor", 7, [], 1, ["*"], tasks, [], [], None, [], [], []))
        self.hear(b"executor", Credit(0, 1, [["process", 10]]))

    @property
    def now(self) -> Now:
        """Both clocks."""
        return Now(self.elapsed_ns, START.wall_ms + (self.elapsed_ns - START.elapsed_ns) // 1_000_000)

    def hear(self, peer: bytes, message: Any) -> list[Any]:
        """One message comes; returns what leaves, once nothing is left to do now."""
        self.member.inbox.append(Received(peer, message))
        return self.run()

    def run(self) -> list[Any]:
        """Runs turns as the loop does until nothing is left to do now; returns the messages that leave."""
        left: list[Any] = []

        def leave(sends: list[Any]) -> None:
            left.extend(send.message for send in sends)

        while self.member.has_work(self.now):
            leave(self.guard.turn(self.now, leave))
            self.guard.apply(self.member, self.now)
            answer_reads(self.member)
        for message in left:
            if isinstance(message, Submitted):
                self.acked.update(range(message.first_id, message.first_id + message.count))
            elif isinstance(message, Run):
                self.runs += [[*row[:2], message.epoch, message.index] for row in message.jobs]
        return left

    def submit(self, payload_bytes: int = 20_000) -> Any:
        """A client sends a job; returns the answer."""
        self.sequence += 1
        payload = f'[["{"x" * payload_bytes}"],{{}}]'
        rows = [["echo", payload, "default", "default", 0, *[None] * 8]]
        said = self.hear(b"client", Submit(0, 9, self.sequence, self.sequence, rows))
        (answer,) = [message for message in said if isinstance(message, Submitted | Refused)]
        return answer

    def finish(self) -> int:
        """The executor reports the oldest run; returns its job once that is acknowledged."""
        self.batch += 1
        run = self.runs.pop(0)
        said = self.hear(b"executor", Finished(0, self.batch, [[*run, "succeeded", 1, 2, "null", *[None] * 5]]))
        assert FinishedAck(0, self.batch) in said
        return run[0]

    def fill(self, room_bytes: int) -> None:
        """Leaves so much room on the disk."""
        used = sum(path.stat().st_size for path in self.directory.rglob("*") if not path.name.endswith("-shm"))
        self.disk.capacity_bytes = used + room_bytes

    def fill_until_refused(self) -> Refused:
        """Submits until a submit is refused."""
        for _ in range(200):
            answer = self.submit()
            if isinstance(answer, Refused):
                return answer
        raise AssertionError("the disk does not run full")

    def wait(self) -> None:
        """Lets a second pass, as the loop's upkeep sees it."""
        self.elapsed_ns += FULL_RETRY_NS
        self.guard.apply(self.member, self.now)
        if self.guard.due(self.now):
            self.guard.look()
        self.run()

    def close(self) -> None:
        """Closes everything; once is enough."""
        if self.is_open:
            self.is_open = False
            self.disk.capacity_bytes = None
            self.store.close()
            self.log.close()
            self.vfs.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node with room."""
    node = Node(tmp_path / "data")
    yield node
    node.close()


def known(directory: Path, ids: set[int]) -> dict[int, bool]:
    """Starts on what the directory holds; returns the jobs that are known, and whether each has ended."""
    log = LocalLog(directory / "log", ballast_bytes=0)
    store = ShardFile(directory / SHARD)
    take_over(0, log, store, SETTINGS, Draws(2), START)
    rows = store.read(ReadJobs(sorted(ids), "test"))
    store.close()
    log.close()
    return {row[0]: is_done(row) for row in rows}


def test_a_full_disk_refuses_new_jobs_and_lets_finishes_through(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    """What had no room is answered from the ballast; finishes are durable; with room, jobs are taken again."""
    caplog.set_level(logging.INFO)
    node.fill(room_bytes=400_000)
    refused = node.fill_until_refused()
    assert refused.code == "disk_full"
    assert "free space in the data directory" in refused.text
    assert node.guard.is_full
    assert len(node.acked) == node.sequence - 1, "the job that found the disk full was taken"
    finished = {node.finish() for _ in range(5)}
    node.wait()
    assert node.guard.is_full
    assert node.submit().code == "disk_full"
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert str(node.directory) in errors[0]
    assert "free some space" in errors[0]
    node.disk.capacity_bytes = None
    node.wait()
    assert not node.guard.is_full
    assert "room again" in caplog.messages[-1]
    assert isinstance(node.submit(), Submitted)
    assert (node.directory / "log/ballast").exists()
    node.close()
    found = known(node.directory, node.acked)
    assert node.acked == found.keys()
    assert finished == {id for id, ended in found.items() if ended}


def test_a_little_room_is_not_enough(node: Node) -> None:
    """Room for the ballast alone does not open the door: the next submits would fill it at once."""
    node.fill(room_bytes=400_000)
    node.fill_until_refused()
    node.fill(room_bytes=BALLAST_BYTES + 50_000)
    node.wait()
    assert (node.directory / "log/ballast").exists()
    assert node.guard.is_full
    node.fill(room_bytes=2 * BALLAST_BYTES)
    node.wait()
    assert not node.guard.is_full
    assert not (node.directory / "log/ballast.probe").exists()


def test_rows_that_find_no_room_wait_in_the_log(node: Node) -> None:
    """A shard file that cannot grow makes the disk full; its rows follow when it can."""
    node.submit()
    node.guard.turn(node.now)
    node.fill(room_bytes=30_000)
    node.member.inbox.append(Received(b"client", Submit(0, 10, 1, 1, [["echo", "[[],{}]", *_REST]])))
    released = [send.message for send in node.guard.turn(node.now)]
    assert any(isinstance(message, Submitted) for message in released)
    node.fill(room_bytes=0)
    assert not node.guard.apply(node.member, node.now)
    assert node.guard.is_full
    assert (node.directory / "log/ballast").exists(), "the ballast is the log's"
    node.wait()
    assert node.guard.is_full
    node.disk.capacity_bytes = None
    node.wait()
    node.wait()
    assert not node.member.unapplied
    assert not node.guard.is_full


_REST = ["default", "default", 0, *[None] * 8]


def test_a_disk_without_room_for_ballast_begins_full(node: Node) -> None:
    """After a restart on a full disk the room that is left still belongs to finishes."""
    node.fill(room_bytes=400_000)
    node.fill_until_refused()
    guard = DiskGuard([node.member], node.log, node.directory)
    assert guard.is_full
    assert node.log.release_ballast() is False


def test_without_ballast_the_process_ends_and_nothing_answered_is_lost(node: Node) -> None:
    """The second failure names the directory and the mend; the next start has all that was acknowledged."""
    for _ in range(3):
        node.submit()
    node.log.release_ballast()
    node.fill(room_bytes=100)
    with pytest.raises(DiskFull, match=f"no room in {node.directory}, and the ballast is used up.*free some space"):
        node.finish()
    node.close()
    assert node.acked == known(node.directory, node.acked).keys()
