"""A client machine and a peer that says only what the test tells it to.

Decides nothing: it counts requests, keeps the clock, checks the machine after each turn, and sorts what comes out.
"""

from typing import Any

from mainspring.actors.client.events import Completed, Connect, Disconnect, Partial, SubmitJobs
from mainspring.actors.client.session import ClientMachine
from mainspring.actors.client.settings import MS, ClientSettings
from mainspring.actors.draws import Draws
from mainspring.actors.events import Received
from mainspring.actors.machine import Now
from mainspring.actors.step import step
from mainspring.broker.wire.codec import decode, encode
from mainspring.broker.wire.messages import ClientWelcome, Message, Refused, Submit, Submitted

PEER = b"ipc:///node"
SESSION = 77


def a_job(payload: str = "[[],{}]", **fields: Any) -> list[Any]:
    """Makes a row of JOB_COLUMNS."""
    values = {"task": "echo", "queue": "default", "tenant": "default", "priority": 0, "key": None, **fields}
    return [
        values["task"], payload, values["queue"], values["tenant"], values["priority"], None, None, values["key"],
        None, None, None, None, None,
    ]  # fmt: skip


def a_welcome(shard: int = 0, shards: int = 1, **fields: Any) -> ClientWelcome:
    """Makes a welcome of epoch 1 that knows the task `echo`."""
    values = {"epoch": 1, "cluster": "test", "tasks": [["echo", "default", 0]], "payload_bytes_max": 2**20, **fields}
    return ClientWelcome(
        shard, values["epoch"], values["cluster"], shards, values["tasks"], values["payload_bytes_max"]
    )


class ClientScript:
    """One client, and all that it has said."""

    def __init__(self, *, peers: tuple[bytes, ...] = (PEER,), **settings: Any) -> None:
        self.machine = ClientMachine(SESSION, Draws(5), ClientSettings(peers=peers, **settings))
        self.now_ns = 1_000 * MS
        self.request = 0
        self.completed: dict[int, Completed] = {}
        self.partial: list[Partial] = []
        self.moves: list[Connect | Disconnect] = []

    def turn(self, *events: Any) -> list[Message]:
        """Runs a turn and returns the messages that it sent."""
        return [message for _, message in self.turn_to_peers(*events)]

    def turn_to_peers(self, *events: Any) -> list[tuple[bytes, Message]]:
        """Runs a turn and returns (peer, message) of what it sent; every message has passed the codec."""
        sends, acts = step(self.machine, events, Now(self.now_ns, self.now_ns // MS))
        self.machine.check()
        for act in acts:
            if isinstance(act, Partial):
                self.partial.append(act)
            elif isinstance(act, Connect | Disconnect):
                self.moves.append(act)
            else:
                assert act.request not in self.completed, f"request {act.request} is completed twice"
                self.completed[act.request] = act
        return [(send.peer, decode(encode(send.message))) for send in sends]

    def hear(self, *messages: Message, peer: bytes = PEER) -> list[Message]:
        """Runs a turn in which these messages came, and returns what it sent."""
        return self.turn(*[Received(peer, message) for message in messages])

    def wait(self, ms: float) -> list[Message]:
        """Lets time pass, waking the machine as often as it wants, and returns what it sent."""
        until_ns = self.now_ns + int(ms * MS)
        said: list[Message] = []
        for _ in range(10_000):
            wake_ns = self.machine.wake_at()
            if wake_ns is None or wake_ns > until_ns:
                self.now_ns = until_ns
                return said
            self.now_ns = max(self.now_ns, wake_ns)
            said += self.turn()
        raise AssertionError("the machine wants to be woken again and again")

    def submit(self, *jobs: list[Any], timeout_ms: int | None = None) -> list[Message]:
        """Asks for jobs to be submitted, under the next request number."""
        return self.turn(self.command(*jobs, timeout_ms=timeout_ms))

    def command(self, *jobs: list[Any], timeout_ms: int | None = None) -> SubmitJobs:
        """Makes the command of `submit`."""
        deadline_ns = None if timeout_ms is None else self.now_ns + timeout_ms * MS
        return SubmitJobs(self.next_request(), list(jobs) or [a_job()], deadline_ns)

    def next_request(self) -> int:
        """Returns a new request number."""
        self.request += 1
        return self.request

    def code(self, request: int | None = None) -> str | None:
        """Returns the failure's code of a completed request, by default the last one."""
        failure = self.completed[request or self.request].failure
        return None if failure is None else failure.code


def welcomed(**settings: Any) -> ClientScript:
    """A client that has submitted one job (request 1, id 1), so that its session is open."""
    script = ClientScript(**settings)
    script.submit(a_job())
    (first,) = script.hear(a_welcome())
    assert isinstance(first, Submit)
    script.hear(answer(first, 1))
    assert script.completed[1].value == [1]
    return script


def answer(message: Message, first_id: int, *existing: list[int]) -> Submitted:
    """Makes the answer to a Submit."""
    assert isinstance(message, Submit)
    return Submitted(message.shard, message.session, message.sequence, first_id, len(message.jobs), list(existing))


def refusal(message: Message, code: str) -> Refused:
    """Makes a refusal of a Submit."""
    assert isinstance(message, Submit)
    return Refused(message.shard, message.session, message.sequence, code, f"because of {code}")
