"""A client and the real shards, with a network between them that loses, repeats and reorders, and shards that crash.

What must hold: what was acknowledged is there once, what was refused for good is not there, what is unknown is there
once at the most.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from client_script import a_job
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_in_memory import ShardsInMemory

from mainspring.actors.client.events import AwaitJobs, Completed, Connected, Partial, SubmitJobs
from mainspring.actors.client.session import ClientMachine
from mainspring.actors.client.settings import MS, ClientSettings
from mainspring.actors.draws import Draws
from mainspring.actors.events import Received
from mainspring.actors.machine import Now
from mainspring.actors.step import step
from mainspring.actors.store import ReadJobs
from mainspring.broker.wire.codec import decode, encode
from mainspring.broker.wire.messages import Message, Refused, Submit

PEER = b"node"
CLIENT = b"client"
HEAL_ROUNDS = 3_000


@dataclass
class Weather:
    """One client, the shards of a cluster, and the messages between them."""

    draws: Draws
    shards_count: int
    window: int = 1024
    loss: float = 0.0
    repeat: float = 0.0
    delay_ms: int = 3
    now_ns: int = 10**12
    on_the_way: list[tuple[int, int, bool, Message]] = field(default_factory=list)
    count: int = 0
    asked: dict[int, list[str]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    completed: dict[int, Completed] = field(default_factory=dict)
    submitted_under: dict[tuple[int, int, int], list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shards = ShardsInMemory(
            self.now, shards=self.shards_count, dedup_window=self.window, backlog_jobs_max=60, tasks=[("echo", "a", 0)]
        )
        self.machine = ClientMachine(77, self.draws.child("client"), ClientSettings(peers=(PEER,)))

    @property
    def now(self) -> Now:
        """Both clocks."""
        return Now(self.now_ns, self.now_ns // MS)

    def post(self, message: Message, *, to_client: bool) -> None:
        """Puts a message on its way, or loses it, or sends it twice."""
        if self.draws.fraction() < self.loss:
            return
        # A refusal does not name its session, so a repeated one could be taken for the next session's.
        copies = 2 if self.draws.fraction() < self.repeat and not isinstance(message, Refused) else 1
        for _ in range(copies):
            self.count += 1
            due_ns = self.now_ns + (1 + self.draws.below(self.delay_ms + 1)) * MS
            self.on_the_way.append((due_ns, self.count, to_client, decode(encode(message))))

    def client(self, *events: Any) -> None:
        """Gives the client a turn."""
        sends, acts = step(self.machine, events, self.now)
        self.machine.check()
        for send in sends:
            if isinstance(send.message, Submit):
                self._same_jobs(send.message)
            self.post(send.message, to_client=False)
        for act in acts:
            if isinstance(act, Partial):
                continue
            assert act.request not in self.completed, "a request was completed twice"
            self.completed[act.request] = act

    def _same_jobs(self, message: Submit) -> None:
        key = (message.shard, message.session, message.sequence)
        payloads = [row[1] for row in message.jobs]
        assert self.submitted_under.setdefault(key, payloads) == payloads, "a sequence has changed its jobs"

    def submit(self, jobs: int, timeout_ms: int | None, key: str | None = None) -> None:
        """Has the client submit jobs, each with a payload of its own; the first one under a key."""
        request = len(self.asked) + 1
        payloads = [f"{request}/{n}" for n in range(jobs)]
        self.asked[request] = payloads
        rows = [a_job(payload, queue="abcd"[n % 4]) for n, payload in enumerate(payloads)]
        if key is not None:
            rows[0] = a_job(payloads[0], queue="a", key=key)
            self.keys[payloads[0]] = key
        deadline_ns = None if timeout_ms is None else self.now_ns + timeout_ms * MS
        self.client(SubmitJobs(request, rows, deadline_ns))

    def crash(self) -> None:
        """Kills the shards; what was on its way goes down with the connection."""
        self.on_the_way.clear()
        self.shards.restart(self.now)
        self.client(Connected(PEER))

    def pass_time(self) -> bool:
        """Goes on to the next thing that happens; returns False if nothing ever will."""
        times = [due_ns for due_ns, _, _, _ in self.on_the_way]
        wake_ns = self.machine.wake_at()
        if wake_ns is not None:
            times.append(wake_ns)
        if not times:
            return False
        self.now_ns = max(self.now_ns, min(times))
        arrived = sorted(item for item in self.on_the_way if item[0] <= self.now_ns)
        self.on_the_way = [item for item in self.on_the_way if item[0] > self.now_ns]
        for _, _, to_client, message in arrived:
            if not to_client:
                self.shards.deliver(CLIENT, message)
        for send in self.shards.run(self.now):
            self.post(send.message, to_client=True)
        self.client(*[Received(PEER, message) for _, _, to_client, message in arrived if to_client])
        return True

    def heal(self) -> None:
        """Lets everything come to rest in fair weather."""
        self.loss = self.repeat = 0.0
        for _ in range(HEAL_ROUNDS):
            if self.asked.keys() <= self.completed.keys() and not self.on_the_way:
                return
            assert self.pass_time(), "the client waits for nothing"
        raise AssertionError(f"requests never complete: {self.asked.keys() - self.completed.keys()}")

    def payloads(self) -> dict[int, str]:
        """Returns the payload of every job that there is, by id."""
        found: dict[int, str] = {}
        for shard, store in enumerate(self.shards.stores):
            last = store.restore().next_sequence
            ids = [(shard << 40) + n for n in range(1, last)]
            found.update((row[0], row[2]) for row in store.read(ReadJobs(ids, "test")))
        return found

    def judge(self) -> None:
        """Holds what callers were told against what there is."""
        there = self.payloads()
        times = Counter(there.values())
        assert all(count == 1 for count in times.values()), "a job was taken twice"
        holders: dict[str, int] = {}
        for request, payloads in self.asked.items():
            done = self.completed[request]
            ids = done.value or [None] * len(payloads)
            for payload, id in zip(payloads, ids, strict=True):
                key = self.keys.get(payload)
                if id is not None and key is not None:
                    assert self.keys.get(there[id]) == key, "a key has given a job of another one"
                    assert holders.setdefault(key, id) == id, "a key has given two jobs"
                elif id is not None:
                    assert there.get(id) == payload, "an acknowledged job is not there, or another one is"
                elif done.failure is not None and done.failure.definite:
                    assert payload not in times, f"{done.failure.code} is definite, and the job is there"
                else:
                    assert done.failure is not None, "a submit without failure lacks an id"


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("submit"),
            st.integers(1, 9),
            st.sampled_from([None, None, 5, 40, 700]),
            st.sampled_from([None, "k", "l"]),
        ),
        st.tuples(st.just("pass"), st.integers(1, 12)),
        st.tuples(st.just("crash")),
        st.tuples(st.just("drain")),
    ),
    max_size=30,
)


@settings(max_examples=300)
@given(
    seed=st.integers(0, 2**32),
    shards=st.sampled_from([1, 3]),
    loss=st.sampled_from([0.0, 0.2, 0.5]),
    repeat=st.sampled_from([0.0, 0.3]),
    delay_ms=st.sampled_from([0, 4, 900]),
    plan=steps,
)
def test_nothing_is_lost_doubled_or_wrongly_denied(
    seed: int, shards: int, loss: float, repeat: float, delay_ms: int, plan: list[tuple[Any, ...]]
) -> None:
    """Through loss, repetition, reordering, crashes and drains every request is answered once, and answered truly."""
    weather = Weather(Draws(seed), shards, loss=loss, repeat=repeat, delay_ms=delay_ms)
    for step_ in plan:
        match step_:
            case ("submit", jobs, timeout_ms, key):
                weather.submit(jobs, timeout_ms, key)
            case ("pass", rounds):
                for _ in range(rounds):
                    weather.pass_time()
            case ("crash",):
                weather.crash()
            case _:
                weather.shards.drain()
    weather.heal()
    weather.judge()


def test_an_end_that_is_lost_is_found_again() -> None:
    """A client that awaits a job learns of its end, although the news was lost and the shard was started again."""
    weather = Weather(Draws(1), 1)
    weather.submit(1, None)
    weather.heal()
    (id,) = weather.completed[1].value
    weather.asked[2] = []
    weather.client(AwaitJobs(2, [id], None))
    for _ in range(5):
        weather.pass_time()
    weather.loss = 1.0
    weather.shards.handler = lambda run: ("succeeded", "3", None)
    weather.shards.restart(weather.now)
    for _ in range(3):
        weather.pass_time()
    assert 2 not in weather.completed
    weather.heal()
    assert weather.completed[2].value[0][:3] == [id, "succeeded", "3"]
