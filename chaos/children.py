"""Runner children: they start after a while, do what each job's plan says, and obey or ignore what they are told.

Decides what a handler does, from its job's payload and the number of the attempt alone. Frames to and from a child
take their time, so an executor's picture of its children is always a little old. Rules: nodes/runners (the real
ones).
"""

from collections import deque
from typing import TYPE_CHECKING, Any

from ..actors.executor.events import ChildDone, ChildExited, ChildPong, ChildReady, ChildStuck
from .history import Attempt, plan_of, tag_of
from .node import LOCAL

if TYPE_CHECKING:
    from .executor_node import ExecutorNode

MS = 1_000_000
RUN, CANCEL, PING, STOP, KILL, END, COME, STUCK = "run", "cancel", "ping", "stop", "kill", "end", "come", "stuck"
REASONS = {"timeout": "timed_out", "cancelled": "cancelled", "lease_lost": "cancelled"}
HOP_NS = 60_000
VERDICTS: dict[str, tuple[str, int | None]] = {
    "fatal": ("no_retry", None),
    "again": ("retry", 150),
    "uncounted": ("no_count", 70),
    "snooze": ("snooze", 250),
}
"""What a handler says of its failure, by its plan: the verdict, and how long to wait."""


class Child:
    """One runner child of either kind."""

    def __init__(self, node: "ExecutorNode", number: int, kind: str) -> None:
        self.node = node
        self.number = number
        self.serial = kind == "process"
        self.queue: deque[list[Any]] = deque()
        self.current: dict[int, tuple[list[Any], Attempt]] = {}
        self.stopped: set[int] = set()
        self.blocked_until_ns = 0
        self.stopping = False
        self.dead = False

    # What the executor says; it arrives a hop later.

    def tell(self, what: str, value: Any = None) -> None:
        """Sends the child something."""
        self.later(HOP_NS + self.node.jitter(), what, value)

    def take(self, what: str, value: Any) -> None:
        """Takes what has arrived, or has come to pass inside the child."""
        if self.dead:
            return
        now_ns = self.node.world.now_ns
        if now_ns < self.blocked_until_ns and what not in (KILL, STUCK, RUN):
            self.later(self.blocked_until_ns - now_ns, what, value)  # its loop does not turn
            return
        if what == RUN:
            self.queue.extend(value)
            self._start_next()
        elif what == END:
            self._end(*value)
        elif what == CANCEL:
            self._cancel(*value)
        elif what == PING:
            self._say(ChildPong(self.number, value))
        elif what == COME:
            self._say(ChildReady(self.number, value, self.node.declared))
        elif what == STUCK:
            if value in self.current and now_ns < self.blocked_until_ns:
                self._say(ChildStuck(self.number, value, "in handler"))
        elif what == STOP:
            self.stopping = True
            self._leave_if_idle()
        else:
            self.die("was killed")

    def later(self, after_ns: int, what: str, value: Any = None) -> None:
        """Lets something happen to the child after a while."""
        node = self.node
        node.world.push(node.world.now_ns + after_ns, node, (LOCAL, self, what, value))

    def _say(self, event: Any) -> None:
        self.node.post(event, HOP_NS + self.node.jitter())

    # What happens inside.

    def _start_next(self) -> None:
        while self.queue and not self.stopping and (not self.serial or not self.current):
            row = self.queue.popleft()
            if row[0] in self.stopped:
                self._not_started(row)
            else:
                self._start(row)

    def _start(self, row: list[Any]) -> None:
        run_id, id, attempt, epoch, index, _task, payload = row[:7]
        node = self.node
        now_ns = node.world.now_ns
        started = Attempt(id, attempt, (epoch, index), node.name, node.incarnation, tag_of(payload), now_ns)
        self.current[run_id] = (row, started)
        node.world.history.starts(started)
        plan, _, length = plan_of(payload).partition(":")
        after_ns = int(length or 0) * MS
        outcome: str | None = "succeeded"
        match plan:
            case "fail" | "fatal" | "crash":
                outcome = plan
            case "flaky":
                outcome = "fail" if attempt < 3 else "succeeded"
            case "again" | "uncounted" | "snooze":
                outcome = plan if attempt < 4 else "succeeded"
            case "hang" | "stubborn":
                outcome = None
            case "block":
                self.blocked_until_ns = max(self.blocked_until_ns, now_ns + after_ns)
                self.later(min(after_ns, 1_000 * MS), STUCK, run_id)
            case _:
                assert plan == "succeed", f"a plan {plan!r} does not exist"
        if outcome is not None:
            self.later(after_ns, END, (run_id, outcome, None))

    def _end(self, run_id: int, outcome: str, reason: str | None) -> None:
        found = self.current.pop(run_id, None)
        if found is None:
            return
        row, attempt = found
        if outcome == "crash":
            self.current[run_id] = found
            self.die("ended with status 1")
            return
        history = self.node.world.history
        started_ms = self.node.clock.now(attempt.started_ns).wall_ms
        ended_ms = max(self.node.now.wall_ms, started_ms)
        if outcome == "succeeded":
            history.ends(attempt, outcome)
            done = [run_id, outcome, started_ms, ended_ms, '"done"', None, None, None, None, None]
        elif reason is not None:
            history.ends(attempt, "stopped")
            done = [run_id, outcome, started_ms, ended_ms, None, "it was told to stop", reason, None, None, None]
        elif outcome == "snooze":
            attempt.verdict, attempt.after_ms = VERDICTS[outcome]
            history.ends(attempt, "snoozed")
            verdict = [None, *VERDICTS[outcome]]
            done = [run_id, "returned", started_ms, ended_ms, None, None, None, *verdict]
        else:
            attempt.verdict, attempt.after_ms = VERDICTS.get(outcome, (None, None))
            history.ends(attempt, "failed")
            verdict = ["its last words", attempt.verdict, attempt.after_ms]
            done = [run_id, "failed", started_ms, ended_ms, None, "it raised", "ValueError", *verdict]
        self._say(ChildDone(self.number, [done]))
        assert row[0] == run_id
        self._start_next()
        self._leave_if_idle()

    def _cancel(self, run_ids: list[int], reason: str) -> None:
        for run_id in run_ids:
            self.stopped.add(run_id)
            found = self.current.get(run_id)
            if found is not None and not plan_of(found[0][6]).startswith("stubborn"):
                self._end(run_id, REASONS[reason], reason)

    def _not_started(self, row: list[Any]) -> None:
        now_ms = self.node.now.wall_ms
        done = [row[0], "cancelled", now_ms, now_ms, None, "not started", "not_started", None, None, None]
        self._say(ChildDone(self.number, [done]))

    def _leave_if_idle(self) -> None:
        if self.stopping and not self.current:
            while self.queue:
                self._not_started(self.queue.popleft())
            self.die("ended in good order")

    def die(self, how: str) -> None:
        """The process ends, and with it what ran in it."""
        self.dead = True
        for _, attempt in self.current.values():
            self.node.world.history.ends(attempt, "died")
        self.current.clear()
        self.node.children.pop(self.number, None)
        if self.node.up:
            self._say(ChildExited(self.number, how))
