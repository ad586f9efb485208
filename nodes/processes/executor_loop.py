"""The executor's loop: coordinators on one side, runner children on the other, the machine in between.

Decides nothing about jobs: it turns frames into events and acts into frames and signals. No user code runs here.
"""

import logging
import select
from typing import assert_never

import zmq

from ...actors.effects import Peer, Send
from ...actors.events import Drain, Received
from ...actors.executor import acts
from ...actors.executor.events import ChildDone, ChildExited, ChildFailed, ChildPong, ChildReady, ChildStuck
from ...actors.executor.machine import Event, ExecutorMachine
from ...actors.turn import step
from ...broker.net.clock import read_clocks
from ...broker.net.router import has_input
from ...broker.wire.codec import WireError, decode, encode
from ..runners import frames
from ..runners.command import setup_text
from ..runners.handle import ChildHandle, describe_exit
from .plan import ExecutorPlan
from .signals import StopSignal
from .status import EXIT_FAILED, report_failed, report_ready

log = logging.getLogger("mainspring.executor")

FRAMES_A_TURN = 1_000
REAP_MS = 20
"""How often a child whose socket has closed is looked at until it can be reaped."""


class ExecutorLoop:
    """One executor process."""

    def __init__(
        self, machine: ExecutorMachine, plan: ExecutorPlan, sockets: dict[Peer, zmq.Socket[bytes]], stop: StopSignal
    ) -> None:
        """Prepares the loop.

        Args:
            machine: decides.
            plan: which tasks the children import, from where; where the supervisor listens.
            sockets: a connected DEALER for each coordinator.
            stop: becomes readable when a signal has come.
        """
        self.machine = machine
        self.plan = plan
        self.sockets = sockets
        self.stop = stop
        self.exit_status: int | None = None
        self._drained = False
        self._children: dict[int, ChildHandle] = {}
        self._by_fd: dict[int, int] = {}
        self._dying: set[int] = set()  # their sockets have closed; they are reaped when they are dead
        self._poll = select.epoll()
        self._poll.register(stop.fd, select.EPOLLIN)
        for socket in sockets.values():
            self._poll.register(socket.FD, select.EPOLLIN)

    def run(self) -> int:
        """Works until the machine says that everything is handed over; returns the exit status."""
        ready: set[int] = set()
        while self.exit_status is None:
            events: list[Event] = []
            self._receive(events)
            self._hear(ready, events)
            if self.stop.asked and not self._drained:
                self._drained = True
                events.append(Drain())
            sends, asked = step(self.machine, events, read_clocks())
            self._send(sends)
            for act in asked:
                self._obey(act)
            ready = self._sleep()
        for child in self._children.values():
            child.end()
        return self.exit_status

    def _receive(self, events: list[Event]) -> None:
        """Takes what the coordinators have sent."""
        for peer, socket in self.sockets.items():
            for _ in range(FRAMES_A_TURN):
                if not has_input(socket):
                    break
                for part in socket.recv_multipart(zmq.NOBLOCK):
                    try:
                        events.append(Received(peer, decode(part)))
                    except WireError as error:
                        log.warning("frame from coordinator refused code=%s text=%s", error.code, error)

    def _hear(self, ready: set[int], events: list[Event]) -> None:
        """Takes what the children have sent, and notices those that have died."""
        for fd in ready:
            number = self._by_fd.get(fd)
            if number is not None:
                self._hear_child(number, self._children[number], events)
        for number in list(self._dying):
            child = self._children[number]
            status = child.reap()
            if status is not None:
                self._dying.discard(number)
                del self._children[number]
                child.close()
                events.append(ChildExited(number, describe_exit(status)))

    def _hear_child(self, number: int, child: ChildHandle, events: list[Event]) -> None:
        if child.wants_write:
            child.flush()
            if not child.wants_write:
                self._poll.modify(child.fileno(), select.EPOLLIN)
        try:
            heard = child.receive()
        except frames.FrameError as error:
            log.error("runner child breaks the protocol child=%d error=%s", number, error)
            child.kill()
            heard = []
        for frame in heard:
            kind = frame[0]
            if kind == frames.DONE:
                events.append(ChildDone(number, frame[1]))
            elif kind == frames.READY:
                events.append(ChildReady(number, frame[2], frame[3]))
            elif kind == frames.FAILED:
                events.append(ChildFailed(number, frame[1]))
            elif kind == frames.PONG:
                events.append(ChildPong(number, frame[1]))
            elif kind == frames.STUCK:
                events.append(ChildStuck(number, frame[1], frame[2]))
        if child.closed and number not in self._dying:
            self._poll.unregister(child.fileno())
            del self._by_fd[child.fileno()]
            self._dying.add(number)

    def _send(self, sends: list[Send]) -> None:
        by_peer: dict[Peer, list[bytes]] = {}
        for send in sends:
            by_peer.setdefault(send.peer, []).append(encode(send.message))
        for peer, parts in by_peer.items():
            try:
                self.sockets[peer].send_multipart(parts, zmq.NOBLOCK)
            except zmq.Again:
                log.warning("coordinator does not take frames; they will be repeated peer=%s", peer.decode())

    def _obey(self, act: acts.Act) -> None:
        match act:
            case acts.RunOn(number, rows):
                for frame in frames.pack_rows(frames.RUN, rows):
                    self._tell(number, frame)
            case acts.CancelOn(number, run_ids, reason, interrupt):
                self._tell(number, frames.pack([frames.CANCEL, run_ids, reason]))
                if interrupt and number in self._children:
                    self._children[number].interrupt()
            case acts.SpawnChild(number, kind):
                self._spawn(number, kind)
            case acts.KillChild(number):
                if number in self._children:
                    self._children[number].kill()
            case acts.StopChild(number):
                self._tell(number, frames.pack([frames.STOP]))
            case acts.PingChild(number, ping):
                self._tell(number, frames.pack([frames.PING, ping]))
            case acts.Note(level, text):
                log.log(logging.getLevelNamesMapping().get(level.upper(), logging.INFO), "%s", text)
            case acts.Ready():
                log.info("executor ready name=%s", self.plan.name)
                report_ready(self.plan.status_fd)
            case acts.Failed(text):
                log.debug("executor cannot start: %s", text)  # the supervisor says it aloud
                report_failed(self.plan.status_fd, text)
                self.exit_status = EXIT_FAILED
            case acts.Exit():
                self.exit_status = 0
            case _:
                assert_never(act)

    def _spawn(self, number: int, kind: str) -> None:
        assert kind in ("process", "asyncio", "command"), kind
        keep = [] if self.plan.life_fd is None else [self.plan.life_fd]
        plan = self.plan
        if kind == "command":
            child = ChildHandle.spawn(kind, [], keep_fds=keep, setup=setup_text(plan.commands, plan.kill_grace_ms))
        else:
            child = ChildHandle.spawn(kind, plan.tasks, import_paths=plan.import_paths, keep_fds=keep)
        self._children[number] = child
        self._by_fd[child.fileno()] = number
        self._poll.register(child.fileno(), select.EPOLLIN)

    def _tell(self, number: int, frame: bytes) -> None:
        child = self._children.get(number)
        if child is None or child.closed:
            return  # it is dead or dying; its runs are reported when it is reaped
        if not child.send(frame):
            log.error("runner child takes no input; it is replaced child=%d", number)
            child.kill()
        elif child.wants_write:
            self._poll.modify(child.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _sleep(self) -> set[int]:
        """Waits for a frame, a child, a signal or the machine's next wake; returns the descriptors that are ready."""
        wake_ns = self.machine.wake_at()
        wait_ns = 1_000_000_000 if wake_ns is None else max(0, wake_ns - read_clocks().elapsed_ns)
        if self.stop.asked and not self._drained:
            wait_ns = 0
        if self._dying:
            wait_ns = min(wait_ns, REAP_MS * 1_000_000)
        if any(has_input(socket) for socket in self.sockets.values()):
            wait_ns = 0
        ready = {fd for fd, _ in self._poll.poll(wait_ns / 1e9)}
        if self.stop.fd in ready:
            self.stop.drain()
        return ready
