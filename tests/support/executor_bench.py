"""One executor's machine, with a coordinator and runner children that say only what the test tells them to.

It decides nothing about runs: the machine and `step()` are the real ones, every message passes the codec, and the
machine is checked after each turn.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar

from builders import Row, a_run, a_task

from mainspring.actors.events import Received
from mainspring.actors.executor.acts import Act, RunOn, SpawnChild
from mainspring.actors.executor.events import ChildDone, ChildExited, ChildReady
from mainspring.actors.executor.machine import ExecutorMachine
from mainspring.actors.executor.runs import NOT_STARTED
from mainspring.actors.executor.settings import ExecutorSettings
from mainspring.actors.machine import Now
from mainspring.actors.step import step
from mainspring.broker.wire.codec import decode, encode
from mainspring.broker.wire.messages import (
    CancelRun,
    Credit,
    ExecutorHello,
    ExecutorWelcome,
    Finished,
    FinishedAck,
    Message,
    Renew,
    Renewed,
    Run,
)

PEER = b"coordinator"
MS = 1_000_000
START_MS = 1_700_000_000_000
TASKS = [a_task("echo"), a_task("io", runner="asyncio"), a_task("slow", timeout_ms=3_000)]
TTL_MS = 10_000

M = TypeVar("M", bound=Message)
A = TypeVar("A", bound=Act)


class Result(NamedTuple):
    """One row of a Finished."""

    id: int
    attempt: int
    epoch: int
    index: int
    outcome: str
    started_ms: int | None
    finished_ms: int | None
    result: str | None
    error: str | None
    error_kind: str | None
    output: str | None
    verdict: str | None
    after_ms: int | None


class Said(NamedTuple):
    """What one turn, or several, gave: messages and acts, each with the elapsed ms since the start."""

    messages: list[tuple[float, bytes, Message]]
    acts: list[tuple[float, Act]]

    def only(self, kind: type[M]) -> list[M]:
        """Picks the messages of one kind."""
        return [message for _, _, message in self.messages if isinstance(message, kind)]

    def acted(self, kind: type[A]) -> list[A]:
        """Picks the acts of one kind."""
        return [act for _, act in self.acts if isinstance(act, kind)]

    def times(self, kind: type[Any]) -> list[float]:
        """The times of the messages or acts of one kind."""
        found = [at for at, _, message in self.messages if isinstance(message, kind)]
        return found + [at for at, act in self.acts if isinstance(act, kind)]

    def results(self) -> list[Result]:
        """The rows of all Finished."""
        return [Result(*row) for finished in self.only(Finished) for row in finished.results]

    def outcomes(self) -> dict[int, str]:
        """Job id -> outcome, of all results."""
        return {row.id: row.outcome for row in self.results()}

    def credit(self) -> dict[str, int] | None:
        """The windows of the last Credit, None if there is none."""
        found = self.only(Credit)
        return dict(found[-1].windows) if found else None

    def given(self) -> dict[int, int]:
        """Job id -> child, of all runs that were handed out."""
        return {row[1]: act.child for act in self.acted(RunOn) for row in act.rows}


class ExecutorBench:
    """One executor. `up` brings its children up and opens its link."""

    def __init__(self, *, peers: Iterable[bytes] = (PEER,), **settings: Any) -> None:
        self.settings = ExecutorSettings(**{"node": "node-1", "name": "executor-1", "incarnation": 7, **settings})
        self.elapsed_ns = self.started_ns = 5_000 * MS
        self.wall_ms = START_MS
        self.machine = ExecutorMachine(self.settings, list(peers), self.now)
        self.epoch = 1
        self.sequence = 0
        self.run_ids: dict[int, int] = {}
        self.children: dict[int, int] = {}
        self.kinds: dict[int, str] = {}

    @property
    def now(self) -> Now:
        """Both clocks."""
        return Now(self.elapsed_ns, self.wall_ms, self.elapsed_ns % MS)

    @property
    def state(self) -> Any:
        """What the machine remembers."""
        return self.machine.state

    @property
    def link(self) -> Any:
        """The link to the first coordinator."""
        return next(iter(self.state.links.values()))

    # Turns and time.

    def turn(self, *events: Any) -> Said:
        """Runs one turn."""
        sends, acts = step(self.machine, events, self.now)
        self.machine.check()
        at_ms = (self.elapsed_ns - self.started_ns) / MS
        for act in acts:
            if isinstance(act, SpawnChild):
                self.kinds[act.child] = act.kind
            elif isinstance(act, RunOn):
                for row in act.rows:
                    self.run_ids[row[1]], self.children[row[1]] = row[0], act.child
        messages = [(at_ms, send.peer, decode(encode(send.message))) for send in sends]
        return Said(messages, [(at_ms, act) for act in acts])

    def hear(self, *messages: Message, peer: bytes = PEER) -> Said:
        """Runs a turn in which these messages came."""
        return self.turn(*[Received(peer, decode(encode(message))) for message in messages])

    def wait(self, ms: float, *, renewing: bool = False) -> Said:
        """Lets time pass, waking the machine as often as it wants; a renewing coordinator answers its heartbeats."""
        until_ns = self.elapsed_ns + int(ms * MS)
        said = Said([], [])
        turns = 0
        while True:
            wake_ns = self.machine.wake_at()
            if wake_ns is None or wake_ns > until_ns:
                break
            turns = turns + 1 if wake_ns <= self.elapsed_ns else 0
            assert turns < 20, "the machine wants to be woken again and again"
            self._pass(max(wake_ns, self.elapsed_ns))
            found = self.turn()
            said = _joined(said, found)
            if renewing:
                renews = [Renewed(0, m.link, self.epoch, m.sent_ms) for m in found.only(Renew)]
                if renews:
                    said = _joined(said, self.hear(*renews))
        self._pass(until_ns)
        return _joined(said, self.turn())

    def _pass(self, to_ns: int) -> None:
        self.wall_ms += to_ns // MS - self.elapsed_ns // MS
        self.elapsed_ns = to_ns

    # The coordinator.

    def up(self, tasks: list[Row] | None = None) -> Said:
        """Has the first child report the tasks, all children come up, and the coordinator welcome the hello."""
        said = self.turn()
        while spawned := said.acted(SpawnChild):
            said = self.turn(*[ChildReady(act.child, TASKS if tasks is None else tasks, []) for act in spawned])
        return self.welcome()

    def welcome(self, lost: Iterable[Row] = (), *, shards: int = 1, **fields: Any) -> Said:
        """The coordinator's answer to the last hello; Runs are numbered from 1 again."""
        self.sequence = 0
        link = fields.get("link", self.link.number)
        return self.hear(
            *[
                ExecutorWelcome(shard, self.epoch, "test", shards, link, fields.get("lease_ttl_ms", TTL_MS), list(lost))
                for shard in range(shards)
            ]
        )

    def a_run(self, *rows: Row, sequence: int | None = None, **fields: Any) -> Run:
        """A Run of these rows under the open link's next number."""
        if sequence is None:
            sequence = self.sequence = self.sequence + 1
        values = {"shard": 0, "link": self.link.number, "epoch": self.epoch, "index": 40 + sequence, **fields}
        return Run(values["shard"], values["link"], sequence, values["epoch"], values["index"], list(rows))

    def run(self, *ids: int, **columns: Any) -> Said:
        """Has jobs arrive in one Run."""
        return self.hear(self.a_run(*[a_run(id, **columns) for id in ids]))

    def cancel(self, id: int, attempt: int = 1) -> Said:
        """The coordinator asks a run to stop."""
        return self.hear(CancelRun(0, self.epoch, [[id, attempt]]))

    def ack(self, said: Said) -> Said:
        """Acknowledges every Finished among these messages."""
        return self.hear(*[FinishedAck(message.shard, message.batch) for message in said.only(Finished)])

    def hello(self, said: Said) -> ExecutorHello:
        """The only hello among these messages."""
        (hello,) = said.only(ExecutorHello)
        return hello

    # The children.

    def ends(self, *ids: int, outcome: str = "succeeded", took_ms: int = 5, **fields: Any) -> Said:
        """The children report how these jobs' runs ended."""
        return self.turn(*[ChildDone(self.children[id], [self.done_row(id, outcome, took_ms, fields)]) for id in ids])

    def done_row(self, id: int, outcome: str, took_ms: int, fields: dict[str, Any]) -> Row:
        """A row of a ChildDone."""
        started_ms = self.wall_ms - took_ms
        return [
            self.run_ids[id], outcome, started_ms, self.wall_ms, fields.get("result"), fields.get("error"),
            fields.get("error_kind"), fields.get("output"), fields.get("verdict"), fields.get("after_ms"),
        ]  # fmt: skip

    def hands_back(self, *ids: int) -> Said:
        """The children say that they had not begun these jobs."""
        rows = [
            (self.children[id], [self.run_ids[id], "returned", *[None] * 4, NOT_STARTED, *[None] * 3]) for id in ids
        ]
        return self.turn(*[ChildDone(child, [row]) for child, row in rows])

    def dies(self, child: int, how: str = "was killed by signal 9", output: str | None = None) -> Said:
        """A child is dead."""
        return self.turn(ChildExited(child, how, output))

    def quick(self) -> Said:
        """Has enough short runs end that jobs are taken ahead of free slots."""
        said = Said([], [])
        for id in range(10_000, 10_060):
            self.run(id)
            said = self.ends(id, took_ms=0)
            self.ack(said)
        return said


def _joined(one: Said, other: Said) -> Said:
    return Said(one.messages + other.messages, one.acts + other.acts)
