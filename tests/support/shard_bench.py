"""One shard's coordinator in memory, with clocks that the test moves and peers that say only what they are told.

It decides nothing about jobs: the machine, `take_over` and `turn()` are the real ones, every message passes the codec,
and the machine is checked after each turn.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar

from builders import Row, a_hello, a_job, a_result, a_task

from mainspring.actors.coordinator.settings import ShardSettings
from mainspring.actors.coordinator.takeover import take_over
from mainspring.actors.draws import Draws
from mainspring.actors.entries import Entry, Op, decode_entry
from mainspring.actors.events import Received
from mainspring.actors.machine import Now
from mainspring.actors.store import ShardStore
from mainspring.actors.turn import answer_reads, catch_up, turn
from mainspring.broker.wire.codec import decode, encode
from mainspring.broker.wire.ids import job_id
from mainspring.broker.wire.messages import (
    Await,
    Cancel,
    Credit,
    Ended,
    ExecutorWelcome,
    Finished,
    Goodbye,
    JobAct,
    Message,
    Query,
    Renew,
    Run,
    Submit,
    Submitted,
)  # fmt: skip
from mainspring.chaos.memory_log import MemoryLog
from mainspring.chaos.memory_store import MemoryStore

SHARD = 3
"""Not 0, so that an id is never the same as its sequence number."""

CLIENT = b"client"
OPERATOR = b"operator"
SESSION = 99
START_MS = 1_700_000_000_000
MS = 1_000_000
TURNS_MAX = 200

M = TypeVar("M", bound=Message)


class Said(NamedTuple):
    """A message that left, and when."""

    peer: bytes
    message: Message
    elapsed_ms: float
    wall_ms: int


class Leased(NamedTuple):
    """One row of a Run, with its fence."""

    id: int
    attempt: int
    task: str
    payload: str
    timeout_ms: int | None
    due_ms: int
    queue: str
    tenant: str
    trace: str | None
    left_ms: int | None
    epoch: int
    index: int
    peer: bytes


def only(said: Iterable[Said], kind: type[M]) -> list[M]:
    """Picks the messages of one kind."""
    return [one.message for one in said if isinstance(one.message, kind)]


def runs_of(said: Iterable[Said], peer: bytes | None = None) -> list[Leased]:
    """Picks the rows of all Runs, in the order in which they left."""
    return [
        Leased(*row, one.message.epoch, one.message.index, one.peer)
        for one in said
        if isinstance(one.message, Run) and peer in (None, one.peer)
        for row in one.message.jobs
    ]


class ShardBench:
    """One shard. Leases last for ever unless the settings say otherwise."""

    def __init__(self, *, store: ShardStore | None = None, log: MemoryLog | None = None, **settings: Any) -> None:
        self.settings = ShardSettings(**{"cluster": "test", "shards": 4, "lease_ttl_ms": 10**9, **settings})
        self.log = log or MemoryLog()
        self.store: Any = MemoryStore() if store is None else store
        self.elapsed_ns = 1_000 * MS
        self.wall_ms = START_MS
        self.sequence = 0
        self.request = 1 << 40
        self.lives = 0
        self.said: list[Said] = []
        self.turns = 0
        self.start()

    # The process.

    def start(self) -> None:
        """Takes over what the log and the rows hold."""
        self.lives += 1
        self.member = take_over(SHARD, self.log, self.store, self.settings, Draws(self.lives), self.now)
        self.run()

    def restart(self, *, keep_rows: bool = False) -> None:
        """Kills the process and starts it again; rows that nobody made durable are lost, too."""
        self.log.crash()
        if not keep_rows:
            self.store.revert()
        self.start()

    @property
    def now(self) -> Now:
        """Both clocks."""
        return Now(self.elapsed_ns, self.wall_ms, self.elapsed_ns % MS)

    @property
    def machine(self) -> Any:
        """The machine of this life."""
        return self.member.machine

    @property
    def state(self) -> Any:
        """What the machine remembers."""
        return self.member.machine.state

    def run(self) -> list[Said]:
        """Runs turns until nothing is left to do now; returns what left."""
        said: list[Said] = []
        for _ in range(TURNS_MAX):
            if not self.member.has_work(self.now):
                return said
            said += self.turn()
            catch_up(self.member, self.log)
            answer_reads(self.member)
        raise AssertionError(f"the shard wants turn after turn: {self.member.inbox[:3]}")

    def turn(self) -> list[Said]:
        """Runs one turn, without applying anything."""
        self.turns += 1
        sends = turn([self.member], self.now, self.log)
        self.machine.check()
        at_ms = self.elapsed_ns / MS
        said = [Said(send.peer, decode(encode(send.message)), at_ms, self.wall_ms) for send in sends]
        self.said += said
        return said

    def hear(self, peer: bytes, *messages: Message) -> list[Said]:
        """Hands messages over in one turn, goes on until all is done, and returns what left."""
        self.put(peer, *messages)
        return self.run()

    def put(self, peer: bytes, *messages: Message) -> None:
        """Puts messages into the inbox."""
        self.member.inbox.extend(Received(peer, decode(encode(message))) for message in messages)

    # Time.

    def wait(self, ms: float) -> list[Said]:
        """Lets time pass on both clocks, waking the machine as often as it wants; returns what left."""
        until_ns = self.elapsed_ns + int(ms * MS)
        said: list[Said] = []
        while True:
            wake_ns = self.machine.wake_at()
            if wake_ns > until_ns:
                break
            self._pass(max(wake_ns, self.elapsed_ns + 1))
            said += self.run()
        self._pass(until_ns)
        return said + self.run()

    def _pass(self, to_ns: int) -> None:
        wall_ns = self.wall_ms * MS + self.elapsed_ns % MS + (to_ns - self.elapsed_ns)
        self.elapsed_ns, self.wall_ms = to_ns, wall_ns // MS

    def step_wall(self, ms: int) -> None:
        """Sets the wall clock."""
        self.wall_ms += ms

    # What clients say.

    def id(self, number: int) -> int:
        """The id of the shard's n-th job."""
        return job_id(SHARD, number)

    def a_submit(self, *jobs: Row, session: int = SESSION, sequence: int | None = None, acked_below: int = 0) -> Submit:
        """A Submit under the next sequence, of one plain job if none are given."""
        if sequence is None:
            sequence = self.sequence = self.sequence + 1
        return Submit(SHARD, session, sequence, acked_below, list(jobs) or [a_job()])

    def submit(self, *jobs: Row) -> list[int]:
        """Submits jobs and returns their ids; they must be taken."""
        (answer,) = only(self.hear(CLIENT, self.a_submit(*jobs)), Submitted)
        assert not answer.existing, "use `hear` where keys are taken"
        return list(range(answer.first_id, answer.first_id + answer.count))

    def cancel(self, *ids: int) -> list[Said]:
        """Cancels jobs."""
        self.request += 1
        return self.hear(CLIENT, Cancel(SHARD, self.request, list(ids)))

    def act(
        self, action: str, *ids: int, force: bool = False, reason: str | None = None, request: int | None = None
    ) -> list[Said]:
        """Retries, skips or discards jobs."""
        self.request += 1
        return self.hear(OPERATOR, self.an_act(action, *ids, force=force, reason=reason, request=request))

    def an_act(
        self, action: str, *ids: int, force: bool = False, reason: str | None = None, request: int | None = None
    ) -> JobAct:
        """A JobAct."""
        number = self.request if request is None else request
        return JobAct(SHARD, number, "ann", action, list(ids), force, reason)

    def state_of(self, *ids: int) -> list[str]:
        """Asks for the states of jobs as a client does."""
        return [row[1] for row in self.rows_of(*ids)]

    def rows_of(self, *ids: int) -> list[Row]:
        """Asks for the Ended rows of jobs as they are now."""
        self.request += 1
        (answer,) = only(self.hear(b"asker", Await(SHARD, self.request, list(ids), True)), Ended)
        return answer.jobs

    def query(self, name: str, peer: bytes = CLIENT, **chosen: Any) -> list[Said]:
        """Asks for a listing."""
        self.request += 1
        return self.hear(peer, Query(SHARD, self.request, name, chosen))

    # What was decided.

    def entries(self) -> list[Entry]:
        """All entries of the log."""
        group = self.member.group
        return [decode_entry(record.blob) for record in self.log.read(group, 1, self.log.last_index(group))]

    def ops(self, kind: int, first: int = 1) -> list[Op]:
        """All ops of one kind, from the entry `first` on."""
        return [op for entry in self.entries()[first - 1 :] for op in entry.ops if op[0] == kind]

    def executor(self, name: str = "executor-1", **fields: Any) -> "Executor":
        """An executor that has said hello and given credit."""
        return Executor(self, name, **fields)


class Executor:
    """One executor as its coordinator sees it."""

    def __init__(
        self,
        bench: ShardBench,
        name: str = "executor-1",
        *,
        incarnation: int = 7,
        slots: int | dict[str, int] = 1000,
        tasks: Iterable[Row] | None = None,
        queues: Iterable[str] = ("*",),
        replaces: Iterable[int] = (),
    ) -> None:
        self.bench = bench
        self.name = name
        self.peer = f"{name}/{incarnation}".encode()
        self.incarnation = incarnation
        self.tasks = [a_task()] if tasks is None else list(tasks)
        self.queues = list(queues)
        self.link = 0
        self.batch = 0
        self.said = self.hello(replaces=replaces)
        self.said += self.credit(slots)

    def hello(self, *, held: Iterable[Leased] = (), replaces: Iterable[int] = ()) -> list[Said]:
        """Says hello, holding these leases."""
        self.link += 1
        rows = [[SHARD, run.id, run.attempt, run.epoch, run.index] for run in held]
        hello = a_hello(
            self.incarnation,
            link=self.link,
            name=self.name,
            tasks=self.tasks,
            queues=self.queues,
            held=rows,
            replaces=replaces,
            epochs=[[SHARD, self.bench.state.epoch]],
        )
        return self.bench.hear(self.peer, hello)

    def credit(self, slots: int | dict[str, int]) -> list[Said]:
        """Says how many jobs it takes."""
        windows = {"process": slots} if isinstance(slots, int) else slots
        return self.bench.hear(self.peer, Credit(SHARD, self.link, [list(item) for item in windows.items()]))

    def finish(self, *runs: Leased, outcome: str = "succeeded", **columns: Any) -> list[Said]:
        """Reports how runs ended."""
        return self.bench.hear(self.peer, self.finished(*runs, outcome=outcome, **columns))

    def finished(self, *runs: Leased, outcome: str = "succeeded", **columns: Any) -> Finished:
        """A Finished of these runs."""
        self.batch += 1
        rows = [
            a_result(run.id, run.attempt, **{"epoch": run.epoch, "index": run.index, "outcome": outcome, **columns})
            for run in runs
        ]
        return Finished(SHARD, self.batch, rows)

    def renew(self, seen: int | None = None) -> list[Said]:
        """Sends a heartbeat; by default it has seen every Run."""
        if seen is None:
            link = self.bench.state.links.by_peer.get(self.peer)
            seen = 0 if link is None else link.run_sequence
        return self.bench.hear(self.peer, Renew(SHARD, self.link, 123, seen, []))

    def goodbye(self) -> list[Said]:
        """Leaves in good order."""
        return self.bench.hear(self.peer, Goodbye(self.incarnation))

    def lost(self, said: Iterable[Said]) -> list[Row]:
        """The `lost` of the welcome among these messages."""
        (welcome,) = only(said, ExecutorWelcome)
        return welcome.lost
