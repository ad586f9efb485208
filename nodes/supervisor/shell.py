"""The loop around the supervisor's machine: signals, pipes and requests in, processes started and signalled.

It decides nothing: the machine in actors/supervisor does, and the desk answers who asks. What a process said is
reported before its end is. No threads: everything comes through one poll.
"""

import logging
import os
import select
from collections import deque
from collections.abc import Callable
from signal import SIGCHLD, SIGHUP
from typing import assert_never

from ...actors.events import Wake
from ...actors.supervisor.acts import (
    Act,
    AllReady,
    Exit,
    Kill,
    Note,
    ReadAgain,
    ReloadEnded,
    ReloadTold,
    Start,
    Terminate,
)
from ...actors.supervisor.events import AllDead, Event, Exited, Failed, Ready, ReloadAsked, StopAsked
from ...actors.supervisor.machine import SupervisorMachine
from ...broker.net.clock import read_clocks
from ..log import fields
from ..processes.status import READY
from .child import ActorChild
from .control_socket import ControlSocket
from .desk import Desk
from .levels import Levels
from .signals import STOPS, Signals

log = logging.getLogger("mainspring.supervisor")

POLL_MS_MAX = 3_600_000

Spawn = Callable[[Start], ActorChild]
"""Starts a process; raises OSError if that cannot be."""


class SupervisorShell:
    """Runs one machine until it says Exit.

    Args:
        machine: decides.
        spawn: starts a process.
        signals: what the process hears.
        control: where requests come from.
        levels: from which level on each process logs; `spawn` looks there too.
        on_all_ready: called once, when every process has been ready.
    """

    def __init__(
        self,
        machine: SupervisorMachine,
        spawn: Spawn,
        signals: Signals,
        control: ControlSocket,
        levels: Levels,
        on_all_ready: Callable[[], None],
    ) -> None:
        self._machine = machine
        self._spawn = spawn
        self._signals = signals
        self._on_all_ready = on_all_ready
        self._running: dict[str, ActorChild] = {}
        self._lingering: list[ActorChild] = []
        """Ended, but their children hold the life pipe."""
        self._control = control
        self._desk = Desk(control, levels, machine, self._running, read_clocks())
        self._events: deque[Event] = deque()
        self._status: int | None = None

    def run(self) -> int:
        """Runs the node; returns its exit status."""
        self._events.append(Wake())
        try:
            while True:
                while self._events:
                    self._handle(self._events.popleft())
                    if self._status is not None:
                        return self._status
                self._wait()
        finally:
            for child in (*self._running.values(), *self._lingering):
                child.kill()
                child.close()

    def _handle(self, event: Event) -> None:
        for act in self._machine.handle(event, read_clocks()).acts:
            self._obey(act)

    def _obey(self, act: Act) -> None:
        match act:
            case Start():
                self._start(act)
            # A process that is not there has ended: the event that says so waits to be handled.
            case Terminate(name) if name in self._running:
                self._running[name].terminate()
            case Kill(name) if name in self._running:
                self._running[name].kill()
            case ReadAgain(name) if name in self._running:
                self._running[name].read_again()
            case Terminate() | Kill() | ReadAgain():
                pass
            case ReloadTold() | ReloadEnded():
                self._desk.tell(act, read_clocks())
            case Note(level, name, text):
                log.log(logging.getLevelNamesMapping()[level.upper()], "%s", f"{name}: {text}" if name else text)
            case AllReady():
                self._on_all_ready()
            case Exit(status):
                self._status = status
            case _:
                assert_never(act)

    def _start(self, act: Start) -> None:
        try:
            child = self._spawn(act)
        except OSError as error:
            self._events += (Exited(act.name, f"cannot be started: {error}"), AllDead(act.name, act.incarnation))
            return
        self._running[act.name] = child
        log.info("%s: started", act.name, extra=fields(pid=child.pid))

    def _wait(self) -> None:
        """Sleeps until something has happened, and takes down what."""
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        by_fd: dict[int, ActorChild] = {}
        for child in (*self._running.values(), *self._lingering):
            for fd in (child.status_fd, child.life_fd):
                if fd >= 0:
                    by_fd[fd] = child
                    poll.register(fd, select.POLLIN)
        now_ns = read_clocks().elapsed_ns
        for fd, events in self._control.watched(now_ns).items():
            poll.register(fd, events)
        found = dict(poll.poll(self._wait_ms(now_ns)))
        if self._signals.fileno() in found:
            self._hear(self._signals.read())
        for fd in found.keys() & by_fd.keys():
            if fd == by_fd[fd].status_fd:
                self._hear_from(by_fd[fd])
        for child in list(self._lingering):
            if child.has_left_nothing():
                self._bury(child)
        self._events += self._desk.turn(found, read_clocks())
        self._events.append(Wake())  # after the news: what has ended needs no killing

    def _wait_ms(self, now_ns: int) -> int:
        wakes = (self._machine.wake_at(), self._control.wake_ns(now_ns))
        wait_ns = min((wake_ns - now_ns for wake_ns in wakes if wake_ns is not None), default=None)
        return POLL_MS_MAX if wait_ns is None else max(0, min(POLL_MS_MAX, -(-wait_ns // 1_000_000)))

    def _hear(self, numbers: list[int]) -> None:
        self._events += (StopAsked() for number in numbers if number in STOPS)
        if SIGHUP in numbers:
            self._events.append(ReloadAsked())
        if SIGCHLD in numbers:
            for child in list(self._running.values()):
                self._reap(child)
            if os.getpid() == 1:
                self._reap_strangers()

    def _reap(self, child: ActorChild) -> None:
        told = child.reap()
        if told is None:
            return
        self._hear_from(child)
        del self._running[child.name]
        self._events.append(Exited(child.name, told))
        self._lingering.append(child)

    def _hear_from(self, child: ActorChild) -> None:
        for word, text in child.read_status():
            self._events.append(Ready(child.name) if word == READY else Failed(child.name, text))

    def _bury(self, child: ActorChild) -> None:
        self._lingering.remove(child)
        self._events.append(AllDead(child.name, child.incarnation))
        child.close()

    def _reap_strangers(self) -> None:
        """Reaps what was left to the first process of a container: children whose parents have ended."""
        own = {child.pid for child in self._running.values()}
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None or ended.si_pid in own:
                return  # an own one is next; it is reaped by its handle, at its own SIGCHLD
            os.waitpid(ended.si_pid, 0)
