"""Coordinator processes of a cluster, without supervisors: started from plans, killed, asked, and spoken to.

It decides nothing; `Caller` is a client that says what a test wants and follows the leader by itself.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq
from builders import a_hello, a_job, a_task
from live_node import BOUND_S, wait_until

from mainspring.broker.wire.cluster_messages import GROUP_COLUMNS
from mainspring.broker.wire.codec import decode, encode
from mainspring.broker.wire.messages import (
    ClientHello,
    ClientWelcome,
    ClusterAct,
    ClusterActed,
    ClusterAsk,
    ClusterShown,
    ExecutorWelcome,
    Listing,
    Message,
    Query,
    Refused,
    Submit,
    Submitted,
)  # fmt: skip
from mainspring.nodes.processes.plan import CoordinatorPlan


class Coordinator:
    """One member: its plan, its process and its log."""

    def __init__(self, folder: Path, name: str, members: list[list[Any]], **plan: Any) -> None:
        self.folder = folder
        self.name = name
        self.url = f"ipc://{folder}/{name}.sock"
        self.data_dir = folder / name
        self.data_dir.mkdir()
        values = {"members": members, "member_endpoint": f"ipc://{folder}/{name}.members", **plan}
        self.plan = CoordinatorPlan(name, str(self.data_dir), [self.url], **values)
        self.log_path = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the process; whoever asks it something waits until it answers."""
        with self.log_path.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mainspring.nodes.processes.coordinator"], stdin=subprocess.PIPE, stderr=log
            )
        assert self.process.stdin is not None
        with self.process.stdin as stdin:
            stdin.write(self.plan.to_json().encode() + b"\n")

    def log(self) -> str:
        """What it has logged."""
        return self.log_path.read_text()

    def kill(self) -> None:
        """Ends it at once."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(BOUND_S)

    def stop(self) -> int:
        """Ends it in good order; returns its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(BOUND_S)

    def pause(self) -> None:
        """Has it stand still."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Has it run again."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)


class Cluster:
    """Some coordinators in one folder."""

    def __init__(self, folder: Path, names: str = "abc", **plan: Any) -> None:
        self.folder = folder
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        rows = [self.row(name) for name in names]
        self.nodes = {name: Coordinator(folder, name, rows, **plan) for name in names}
        self.callers: list[Caller] = []

    def row(self, name: str) -> list[Any]:
        """A member's row."""
        return [name, f"ipc://{self.folder}/{name}.members", f"ipc://{self.folder}/{name}.sock", 1]

    def start(self, *names: str) -> None:
        """Starts these nodes, or all."""
        for name in names or self.nodes:
            self.nodes[name].start()

    def caller(self, *names: str) -> "Caller":
        """A client of these nodes, or of all."""
        urls = {name: self.nodes[name].url for name in names or self.nodes}
        made = Caller(self.context, urls, session=len(self.callers) + 1)
        self.callers.append(made)
        return made

    def close(self) -> None:
        """Ends everything."""
        for caller in self.callers:
            caller.close()
        self.context.term()
        for node in self.nodes.values():
            if node.process is not None and node.process.poll() is None:
                node.go_on()
                node.kill()

    def logs(self) -> str:
        """What all of them have logged."""
        return "\n".join(f"--- {name}\n{node.log()}" for name, node in self.nodes.items())


class Caller:
    """A client with a connection to each node; a request that nobody answers is sent again to whoever leads."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], urls: dict[str, str], session: int) -> None:
        self.context = context
        self.urls = urls
        self.sockets: dict[str, zmq.Socket[bytes]] = {}
        self.heard: list[tuple[str, Message]] = []
        self.sequences: dict[int, int] = {}
        self.session = session
        self.request = 0
        for name in urls:
            self.connect(name)

    def connect(self, name: str, own: bytes = b"") -> None:
        """Opens a connection, a new one if there is one; `own`: what it calls itself."""
        old = self.sockets.pop(name, None)
        if old is not None:
            old.close()
        socket = self.sockets[name] = self.context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        if own:
            socket.setsockopt(zmq.ROUTING_ID, own)
        socket.setsockopt(zmq.RECONNECT_IVL, 20)
        socket.setsockopt(zmq.RECONNECT_IVL_MAX, 100)
        socket.connect(self.urls[name])

    def close(self) -> None:
        """Closes the connections."""
        for socket in self.sockets.values():
            socket.close()

    def say(self, name: str, *messages: Message) -> None:
        """Sends messages to a node."""
        self.sockets[name].send_multipart([encode(message) for message in messages])

    def hear(self, name: str, kind: type[Message], bound_s: float = BOUND_S) -> Any:
        """Returns the next message of this kind from a node, None if none comes in time; keeps the others."""
        until_s = time.monotonic() + bound_s
        socket = self.sockets[name]
        while (left_s := until_s - time.monotonic()) > 0:
            if socket.poll(max(1, round(left_s * 1000))):
                for frame in socket.recv_multipart():
                    message = decode(frame)
                    self.heard.append((name, message))
                    if isinstance(message, kind):
                        return message
        return None

    def view(self, name: str, bound_s: float = BOUND_S) -> list[dict[str, Any]] | None:
        """Asks a node how it sees the groups; None if it does not answer."""
        self.request += 1
        self.say(name, ClusterAsk(self.request))
        while (shown := self.hear(name, ClusterShown, bound_s)) is not None:
            if shown.request == self.request:
                return [dict(zip(GROUP_COLUMNS, row, strict=True)) for row in shown.groups]
        return None

    def leader(self, shard: int = 0, *, of: str | None = None) -> str:
        """Waits until a node says that it leads, and returns its name."""
        found: list[str] = []

        def look() -> bool:
            for name in list(of or self.sockets):
                groups = self.view(name, 0.3)
                if groups is None:
                    self.connect(name)
                elif groups[shard]["role"] == "leader" and groups[shard]["committed"] == groups[shard]["last"]:
                    found.append(name)
            return bool(found)

        wait_until(look, "a leader")
        return found[0]

    def announce(self, shard: int = 0) -> None:
        """Has the leader of a shard learn a task, by an executor that never takes a job."""

        def welcomed() -> bool:
            name = self.leader(shard)
            self.request += 1
            self.say(name, a_hello(1000 + self.session, link=self.request, tasks=[a_task()], queues=["none"]))
            return self.hear(name, ExecutorWelcome, 0.5) is not None  # who still takes over does not answer

        wait_until(welcomed, "a leader to learn a task")

    def submit(self, count: int, shard: int = 0, *, payload: str = "{}") -> list[int]:
        """Submits jobs to whoever leads, until one says that they are durable; returns their ids."""
        if shard not in self.sequences:
            self.announce(shard)
        sequence = self.sequences[shard] = self.sequences.get(shard, 0) + 1
        jobs = [a_job(payload) for _ in range(count)]
        submit = Submit(shard, self.session, sequence, sequence, jobs)
        ids: list[int] = []

        def try_it() -> bool:
            name = self.leader(shard)
            self.say(name, ClientHello(None), submit)
            until_s = time.monotonic() + 1.0
            while time.monotonic() < until_s:
                answer = self.hear(name, Submitted | Refused, 0.5)  # type: ignore[arg-type]  # isinstance takes it
                if answer is None or (isinstance(answer, Refused) and answer.request == sequence):
                    assert answer is None or answer.code in ("not_here", "draining"), answer.text
                    return False
                if isinstance(answer, Submitted) and answer.sequence == sequence:
                    ids.extend(range(answer.first_id, answer.first_id + answer.count))
                    return True
            return False

        wait_until(try_it, "jobs to be taken")
        return ids

    def listing(self, name: str, shard: int, what: str) -> Listing | None:
        """Asks a node for a listing."""
        self.request += 1
        self.say(name, Query(shard, self.request, what, {}))
        return self.hear(name, Listing)

    def act(self, name: str, action: str, member: str, row: list[Any] | None = None) -> list[list[Any]]:
        """Has a node do something with a member, for all shards; returns the codes."""
        self.request += 1
        endpoints = row[1:3] if row else ["", ""]
        self.say(name, ClusterAct(self.request, "test", action, [], member, *endpoints))
        acted: ClusterActed | None = self.hear(name, ClusterActed)
        assert acted is not None, f"{name} does not answer"
        return acted.codes

    def until_view(self, name: str, condition: Callable[[list[dict[str, Any]]], bool], what: str) -> None:
        """Waits until a node's view of the groups is so."""

        def look() -> bool:
            groups = self.view(name, 0.3)
            if groups is None:
                self.connect(name)
            return groups is not None and condition(groups)

        wait_until(look, what)


__all__ = ["Caller", "ClientWelcome", "Cluster", "Coordinator"]
