"""The executor's loop: coordinators on one side, runner children on the other, the machine in between.

Decides nothing about jobs: it turns frames into events and acts into frames and signals. No user code runs here.
"""

import logging
import select
from typing import assert_never

import zmq

from ...actors.events import Drain
from ...actors.executor import acts
from ...actors.executor.machine import Event, ExecutorMachine
from ...actors.step import step
from ...broker.net.clock import read_clocks
from ..runners import frames
from .coordinators import Coordinators
from .job_log import log_attempt
from .own_output import OwnOutput
from .plan import ExecutorPlan
from .runner_children import RunnerChildren
from .signals import StopSignal
from .status import EXIT_FAILED, report_failed, report_ready

log = logging.getLogger("mainspring.executor")


class ExecutorLoop:
    """One executor process."""

    def __init__(
        self,
        machine: ExecutorMachine,
        plan: ExecutorPlan,
        context: zmq.Context[zmq.Socket[bytes]],
        stop: StopSignal,
    ) -> None:
        """Prepares the loop.

        Args:
            machine: decides.
            plan: which coordinators to connect to; which tasks the children import, from where; where the supervisor
                listens.
            context: whose sockets to use.
            stop: becomes readable when a signal has come.
        """
        self.machine = machine
        self.plan = plan
        self.stop = stop
        self.exit_status: int | None = None
        self._drained = False
        self._poll = select.epoll()
        self._children = RunnerChildren(plan, self._poll, OwnOutput())
        self._poll.register(stop.fd, select.EPOLLIN)
        self._coordinators = Coordinators(context, self._poll)
        for endpoint in plan.endpoints:
            self._coordinators.open(endpoint.encode())

    def run(self) -> int:
        """Works until the machine says that everything is handed over; returns the exit status."""
        ready: set[int] = set()
        while self.exit_status is None:
            events: list[Event] = []
            self._coordinators.hear(ready, events)
            self._children.hear(ready, events)
            now = read_clocks()
            self._children.look(now.elapsed_ns, events)
            if self.stop.asked and not self._drained:
                self._drained = True
                events.append(Drain())
            sends, asked = step(self.machine, events, now)
            self._coordinators.send(sends)
            for act in asked:
                self._obey(act)
            ready = self._sleep()
        self._children.end()
        self._coordinators.close()
        return self.exit_status

    def _obey(self, act: acts.Act) -> None:
        children = self._children
        match act:
            case acts.RunOn(number, rows):
                for frame in frames.pack_rows(frames.RUN, rows):
                    children.tell(number, frame)
            case acts.CancelOn(number, run_ids, reason, interrupt):
                children.tell(number, frames.pack([frames.CANCEL, run_ids, reason]))
                if interrupt:
                    children.interrupt(number)
            case acts.SpawnChild(number, kind):
                children.spawn(number, kind)
            case acts.WatchRun(number, run_id):
                children.watch(number, run_id)
            case acts.KillChild(number):
                children.kill(number)
            case acts.StopChild(number):
                children.tell(number, frames.pack([frames.STOP]))
            case acts.PingChild(number, ping):
                children.tell(number, frames.pack([frames.PING, ping]))
            case acts.Connect(peer):
                self._coordinators.learn(peer)
            case acts.Disconnect(peer):
                self._coordinators.leave(peer)
            case _:
                self._tell(act)

    def _tell(self, act: acts.Note | acts.AttemptEnded | acts.Ready | acts.Failed | acts.Exit) -> None:
        match act:
            case acts.Note(level, text):
                log.log(logging.getLevelNamesMapping().get(level.upper(), logging.INFO), "%s", text)
            case acts.AttemptEnded():
                log_attempt(act)
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

    def _sleep(self) -> set[int]:
        """Waits for a frame, a child, a signal or the machine's next wake; returns the descriptors that are ready."""
        wake_ns = self.machine.wake_at()
        now_ns = read_clocks().elapsed_ns
        wait_ns = 1_000_000_000 if wake_ns is None else max(0, wake_ns - now_ns)
        if self.stop.asked and not self._drained:
            wait_ns = 0
        if self._children.is_restless:
            wait_ns = self._children.wait_ns(now_ns, wait_ns)
        if self._coordinators.has_input:
            wait_ns = 0
        ready = {fd for fd, _ in self._poll.poll(wait_ns / 1e9)}
        if self.stop.fd in ready:
            self.stop.drain()
        return ready
