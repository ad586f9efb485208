"""A node's data folder, written by the real machine over a real log and real shard files, without processes.

It decides nothing: `take_over`, `turn` and `catch_up` are the real ones. An executor is played by whoever asks.
"""

import shutil
from pathlib import Path
from typing import Any

from builders import a_hello, a_job, a_result, a_task

from mainspring.actors.coordinator.settings import ShardSettings
from mainspring.actors.coordinator.shard import ShardMachine
from mainspring.actors.coordinator.takeover import take_over
from mainspring.actors.draws import Draws
from mainspring.actors.events import Received
from mainspring.actors.machine import Now
from mainspring.actors.turn import Member, answer_reads, catch_up, turn
from mainspring.broker.wire.messages import Credit, Finished, FinishedAck, Message, Run, Submit, Submitted
from mainspring.nodes.processes.identity import load_identity
from mainspring.nodes.storage.log.local_log import LocalLog
from mainspring.nodes.storage.shard.shard_file import ShardFile, shard_file_name

START = Now(10**12, 1_800_000_000_000)
EXECUTOR, CLIENT = b"executor", b"client"


class StoredShard:
    """One shard of a stored node."""

    def __init__(self, node: "StoredNode", number: int, incarnation: int) -> None:
        self.node = node
        self.number = number
        self.path = node.folder / shard_file_name("default", number)
        self.file = ShardFile(self.path, **node.shard_options)
        settings = ShardSettings(cluster="test", shards=node.count)
        self.member: Member[ShardMachine] = take_over(
            number, node.log, self.file, settings, Draws(node.lives), node.now
        )
        self.acked: list[int] = []
        self.recorded: set[int] = set()
        self.runs: list[tuple[Run, list[Any]]] = []
        """(message, row) of each run that was handed out and has not ended."""
        self.sequence = self.batch = 0
        self.said: list[Message] = []
        self.hear(EXECUTOR, a_hello(incarnation, tasks=[a_task()]))
        self.hear(EXECUTOR, Credit(number, 1, [["process", 20]]))

    def hear(self, peer: bytes, *messages: Message) -> list[Message]:
        """Hands messages over in one turn; returns what left."""
        self.member.inbox.extend(Received(peer, message) for message in messages)
        self.node.elapsed_ns += 30_000_000
        said = [send.message for send in turn([self.member], self.node.now, self.node.log)]
        for message in said:
            match message:
                case Submitted(_, _, _, first_id, count, _):
                    self.acked += range(first_id, first_id + count)
                case Run():
                    self.runs += [(message, row) for row in message.jobs]
                case _:
                    pass
        answer_reads(self.member)
        return said

    def submit(self, count: int = 1, **columns: Any) -> None:
        """A client submits jobs."""
        self.sequence += 1
        rows = [a_job(**{"payload": f'[[{number}],{{"text":"{"x" * 60}"}}]', **columns}) for number in range(count)]
        session = 1000 * self.node.lives + 9
        self.hear(CLIENT, Submit(self.number, session, self.sequence, self.sequence, rows))

    def end_runs(self, outcome: str = "succeeded") -> list[Message]:
        """The executor reports all that it runs; returns what was answered."""
        runs, self.runs = self.runs, []
        said = self.report(runs, outcome)
        if any(isinstance(message, FinishedAck) for message in said):
            self.recorded |= {row[0] for _, row in runs}
        return said

    def report(self, runs: list[tuple[Run, list[Any]]], outcome: str = "succeeded") -> list[Message]:
        """The executor reports these runs, under the fences that they were handed out with."""
        self.batch += 1
        rows = [
            a_result(
                row[0], row[1], epoch=run.epoch, index=run.index, outcome=outcome, result='{"ok":1}',
                started_ms=1, finished_ms=2,
            )
            for run, row in runs
        ]  # fmt: skip
        return self.hear(EXECUTOR, Finished(self.number, self.batch, rows))

    def apply(self) -> None:
        """Writes what the log holds into the shard file."""
        catch_up(self.member, self.node.log)
        answer_reads(self.member)


class StoredNode:
    """A data folder in use.

    Args:
        folder: made if it is not there.
        count: how many shards.
        shard_options: of the shard files.
        log_options: of the log.
    """

    def __init__(
        self,
        folder: Path,
        *,
        count: int = 1,
        shard_options: dict[str, Any] | None = None,
        log_options: dict[str, Any] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.count = count
        self.shard_options = shard_options or {}
        self.elapsed_ns = START.elapsed_ns
        self.lives = len(list(folder.glob("life-*"))) + 1
        (folder / f"life-{self.lives}").touch()
        self.identity = load_identity(folder)
        self.log = LocalLog(
            folder / "log", elapsed_ns=lambda: self.elapsed_ns, **{"ballast_bytes": 0, **(log_options or {})}
        )
        self.shards = [StoredShard(self, number, 100 * self.lives + number) for number in range(count)]

    @property
    def now(self) -> Now:
        """Both clocks."""
        return Now(self.elapsed_ns, START.wall_ms + (self.elapsed_ns - START.elapsed_ns) // 1_000_000)

    def work(self, rounds: int, *, jobs: int = 10) -> "StoredNode":
        """Some rounds of submits, ends and applied rows on every shard; one run fails, and one goes on."""
        for number in range(rounds):
            for shard in self.shards:
                shard.submit(jobs, key=None)
                shard.end_runs("failed" if number % 5 == 4 else "succeeded")
                shard.apply()
        self.log.maintain()
        return self

    def close(self) -> Path:
        """Stops in good order; returns the folder."""
        for shard in self.shards:
            shard.apply()
            shard.file.close()
        self.log.close()
        return self.folder

    def killed(self, into: Path) -> Path:
        """Returns the folder as a kill at this moment would leave it."""
        shutil.copytree(self.folder, into)
        return into


def spoil(path: Path, offset: int, bit: int = 0) -> None:
    """Flips one bit of a file."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ (1 << bit)]))


def spoil_every(path: Path, text: bytes) -> None:
    """Flips a bit in every copy of a text in a file: SQLite leaves stale copies behind."""
    image = path.read_bytes()
    offset = image.find(text)
    assert offset >= 0, f"{text!r} is not in {path}"
    while offset >= 0:
        spoil(path, offset + 1)
        offset = image.find(text, offset + len(text))
