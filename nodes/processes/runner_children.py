"""The runner children of an executor process: started, heard, told, killed, reaped.

Decides which bytes and deaths become which events, and which output belongs to which run. It decides nothing about
jobs. One child that writes without end gets one read a turn, like every other.
"""

import logging
import select
import time
from typing import Final, cast

from ...actors.executor.events import ChildDone, ChildExited, ChildFailed, ChildPong, ChildReady, ChildStuck
from ...actors.executor.machine import Event
from ...broker.net.clock import read_clocks
from ..runners import frames
from ..runners.child_output import ChildOutput
from ..runners.command import setup_text
from ..runners.handle import ChildHandle, Kind, describe_exit
from ..runners.marks import mark_of
from .child_watch import ChildWatch
from .output_lines import OutputLines
from .own_output import OwnOutput
from .plan import ExecutorPlan

log = logging.getLogger("mainspring.executor")

REAP_NS: Final = 20_000_000
"""How often a child whose socket has closed is looked at until it can be reaped."""
REAPS_A_TURN: Final = 4
"""To find what a child has left takes some milliseconds; other children and heartbeats have their turns in between."""
DEAF_NS: Final = 1_000_000_000
"""A child that lives on so long after its end of the socket was closed is killed: it can neither hear nor tell."""
FLUSH_NS: Final = 50_000_000
"""How often output that nobody took is offered again."""

_COLUMNS: Final = len(frames.DONE_COLUMNS)
_OUTCOME: Final = frames.DONE_COLUMNS.index("outcome")
_KIND: Final = frames.DONE_COLUMNS.index("error_kind")
_OUTPUT: Final = frames.DONE_COLUMNS.index("output")
_WITH_OUTPUT: Final = ("failed", "timed_out", "cancelled")


class RunnerChildren:
    """All runner children of one executor."""

    def __init__(self, plan: ExecutorPlan, poll: select.epoll, own_output: OwnOutput) -> None:
        """Starts without any.

        Args:
            plan: which tasks they import, from where.
            poll: gets their descriptors.
            own_output: gets what they write.
        """
        self._plan = plan
        self._poll = poll
        self._own_output = own_output
        self._lines = OutputLines(plan.name, plan.node) if plan.log_format == "json" else None
        self._children: dict[int, ChildHandle] = {}
        self._by_socket: dict[int, int] = {}
        self._by_output: dict[int, int] = {}
        self._serial: set[int] = set()  # they run one job at a time
        self._dying: dict[int, int] = {}  # child -> when its socket was closed; it is reaped when it is dead
        self._deaf: set[int] = set()  # killed because its socket was closed
        self._unborn: list[ChildExited] = []
        self._watch = ChildWatch(self._children)

    def spawn(self, number: int, kind: str) -> None:
        """Starts a child under this number."""
        assert kind in ("process", "asyncio", "thread", "command"), kind
        try:
            child = self._spawned(number, kind)
        except OSError as error:  # no room for one more process, say; those that run go on
            log.error("runner child cannot be started child=%d error=%s", number, str(error))
            self._unborn.append(ChildExited(number, f"could not be started ({error})"))
            return
        self._children[number] = child
        self._by_socket[child.fileno()] = number
        self._poll.register(child.fileno(), select.EPOLLIN)
        if child.output is not None:
            self._by_output[child.output.fd] = number
            self._poll.register(child.output.fd, select.EPOLLIN)
        if kind == "process":
            self._serial.add(number)

    def _spawned(self, number: int, kind: str) -> ChildHandle:
        plan = self._plan
        keep = [] if plan.life_fd is None else [plan.life_fd]
        if kind == "command":
            return ChildHandle.spawn(kind, [], keep_fds=keep, setup=setup_text(plan.commands, plan.kill_grace_ms))
        return ChildHandle.spawn(
            cast("Kind", kind),
            plan.tasks,
            import_paths=plan.import_paths,
            keep_fds=keep,
            mark=mark_of(plan.incarnation, number),
        )

    def hear(self, ready: set[int], events: list[Event]) -> None:
        """Takes what the children have written and sent, and notices those that have died."""
        for fd in ready:
            number = self._by_output.get(fd)
            if number is not None:
                self._take_output(number, whole=False)
        for fd in ready:
            number = self._by_socket.get(fd)
            if number is not None:
                self._hear_child(number, self._children[number], events)
        if self._own_output.is_pending:
            self._own_output.flush()
        if self._unborn:
            events += self._unborn
            self._unborn.clear()
        if self._dying:
            self._reap(events)

    def look(self, now_ns: int, events: list[Event]) -> None:
        """Tells what the children use, whenever it is time to."""
        if now_ns < self._watch.look_ns:
            return
        sizes = self._watch.sizes(now_ns, self._own_output.dropped_bytes)
        if sizes is not None:
            events.append(sizes)
            for number, child in self._children.items():
                if number not in self._dying and child.has_ended():
                    # Somebody else holds its end of the socket, and hides its death.
                    self._hear_child(number, child, events)
                    child.closed = True
                    self._is_dying(number, child)
        events += self._watch.uses(now_ns)

    @property
    def is_restless(self) -> bool:
        """Whether the loop is to ask how long it may sleep."""
        return bool(self._unborn or self._dying or self._watch.watched or self._own_output.is_pending)

    def wait_ns(self, now_ns: int, wanted_ns: int) -> int:
        """Returns how long the loop may sleep, at most as long as it wants to."""
        if self._unborn:
            return 0
        if self._dying:
            wanted_ns = min(wanted_ns, REAP_NS)
        if self._own_output.is_pending:
            wanted_ns = min(wanted_ns, FLUSH_NS)
        return max(0, min(wanted_ns, self._watch.look_ns - now_ns)) if self._watch.watched else wanted_ns

    def tell(self, number: int, frame: bytes) -> None:
        """Sends a child a frame."""
        child = self._children.get(number)
        if child is None or child.closed:
            return  # it is dead or dying; its runs are reported when it is reaped
        if not child.send(frame):
            log.error("runner child takes no input; it is replaced child=%d", number)
            child.kill()
        elif child.wants_write:
            self._poll.modify(child.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def interrupt(self, number: int) -> None:
        """Signals a child that runs sync code to look for what it was told."""
        if number in self._children:
            self._children[number].interrupt()

    def watch(self, number: int, run_id: int | None) -> None:
        """Looks at what a run uses from now on; None ends it."""
        self._watch.watch(number, run_id, read_clocks().elapsed_ns)

    def kill(self, number: int) -> None:
        """Kills a child and whatever it has started."""
        if number in self._children:
            self._children[number].kill()

    def end(self) -> None:
        """Kills all and waits for them."""
        for number, child in self._children.items():
            if child.output is not None:
                self._pass_on(number, child.output.drain())
                self._end_lines(number)
            child.end()
        self._own_output.close()

    def _take_output(self, number: int, *, whole: bool) -> None:
        """Passes on what a child has written, some of it or as much as there is by now."""
        output = self._children[number].output
        assert output is not None, "it has a pipe"
        fd = output.fd
        if fd < 0:
            return
        data = output.drain() if whole else output.read()
        if data:
            self._pass_on(number, data)
        if output.fd < 0:  # epoll has forgotten a descriptor that is closed
            del self._by_output[fd]

    def _pass_on(self, number: int, data: bytes) -> None:
        self._own_output.write(data if self._lines is None else self._lines.take(number, data))

    def _end_lines(self, number: int) -> None:
        if self._lines is not None:
            self._own_output.write(self._lines.end(number))

    def _hear_child(self, number: int, child: ChildHandle, events: list[Event]) -> None:
        if child.wants_write:
            child.flush()
            if not child.wants_write:
                self._poll.modify(child.fileno(), select.EPOLLIN)
        try:
            for frame in child.receive():
                self._take_frame(number, child, frame, events)
        except frames.FrameError as error:
            log.error("runner child breaks the protocol child=%d error=%s", number, error)
            child.kill()
        if child.closed and number not in self._dying:
            self._is_dying(number, child)

    def _is_dying(self, number: int, child: ChildHandle) -> None:
        if self._by_socket.pop(child.fileno(), None) is not None:
            self._poll.unregister(child.fileno())
        self._dying[number] = time.monotonic_ns()

    def _take_frame(self, number: int, child: ChildHandle, frame: frames.Frame, events: list[Event]) -> None:
        kind = frame[0]
        if kind == frames.DONE:
            rows = frame[1]
            is_short = False
            for row in rows:
                if len(row) != _COLUMNS:
                    raise frames.FrameError("a row of DONE has too many columns, or too few")
                is_short |= row[_OUTCOME] != "succeeded"
            if number in self._serial:
                output = child.output
                assert output is not None, "a process child has a pipe"
                if is_short or output.has_stirred:
                    self._add_output(number, output, rows)
            events.append(ChildDone(number, rows))
        elif kind == frames.READY:
            events.append(ChildReady(number, frame[2], frame[3], frame[4]))
        elif kind == frames.FAILED:
            events.append(ChildFailed(number, frame[1]))
        elif kind == frames.PONG:
            events.append(ChildPong(number, frame[1]))
        elif kind == frames.STUCK:
            events.append(ChildStuck(number, frame[1], frame[2]))

    def _add_output(self, number: int, output: ChildOutput, rows: list[frames.Row]) -> None:
        """Gives the runs that failed, or had to end, the end of what was written before they were told of."""
        short = [row for row in rows if row[_OUTCOME] in _WITH_OUTPUT and row[_KIND] != frames.NOT_STARTED]
        self._take_output(number, whole=True)
        for row in short:
            if row[_OUTPUT] is None:
                row[_OUTPUT] = output.text()
        output.forget()

    def _reap(self, events: list[Event]) -> None:
        now_ns = time.monotonic_ns()
        room = REAPS_A_TURN
        for number, since_ns in list(self._dying.items()):
            if not room:
                return
            child = self._children[number]
            status = child.reap()
            if status is None:
                if now_ns - since_ns >= DEAF_NS and number not in self._deaf:
                    self._deaf.add(number)
                    child.kill()
                continue
            room -= 1
            words = None
            if child.output is not None:
                self._take_output(number, whole=True)
                self._end_lines(number)
                words = child.output.text()
                if child.output.fd >= 0:
                    del self._by_output[child.output.fd]
                    self._poll.unregister(child.output.fd)
            how = describe_exit(status) if status >= 0 else f"was {describe_exit(status)}"
            if number in self._deaf:
                how = "closed its connection to the executor, and was killed"
            del self._dying[number], self._children[number]
            self._serial.discard(number)
            self._deaf.discard(number)
            child.close()
            events.append(ChildExited(number, how, words))
