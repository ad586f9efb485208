"""No job is sent to an executor before it is due.

Why: promise P3. A delay runs on the elapsed clock of the coordinator that took it; once that has gone, and for
calendar times always, the wall decides. A step of the wall may make a job late, never early.
"""

from ...actors.effects import Send
from ...actors.entries import FINISH, READY, REVIVE
from ...broker.wire.messages import Run
from ..history import Decided, by_hand
from ..seat import Seat
from .base import Invariant


class NeverEarly(Invariant):
    """When a Run leaves, the job's time has come on its clock."""

    def committed(self, decided: Decided) -> None:
        """A job that is tried again has a new time, and its wait is a delay; one made ready by hand has none."""
        for op in decided.entry.ops:
            if op[0] == REVIVE:
                for id, _ in op[1]:
                    self.world.history.taken[id].due_ms = None
            elif op[0] == READY:
                for id in by_hand(decided.entry).intersection(op[1]):
                    self.world.history.taken[id].due_ms = None
            if op[0] == FINISH:
                for row in op[2]:
                    job = self.world.history.taken[row[0]]
                    if row[10] != job.due_ms:
                        job.due_ms, job.stamp_ms = row[10], decided.entry.stamp_ms
                        job.decided, job.retried = decided, True

    def released(self, send: Send, seat: Seat) -> None:
        """Holds a Run against both clocks."""
        if not isinstance(send.message, Run):
            return
        now, history, node = seat.now, self.world.history, seat.node
        for row in send.message.jobs:
            job = history.taken[row[0]]
            if job.due_ms is None or now.wall_ms >= job.due_ms:
                continue
            asked = history.asked.get(job.tag)  # nobody asked for the job of a schedule, which is on the calendar
            is_delay = job.retried or (asked is not None and asked.delay_ms is not None)
            waited_ns = now.elapsed_ns - job.decided.now.elapsed_ns
            is_here = (job.decided.by, job.decided.life) == (node.name, node.life)
            if is_delay and is_here and waited_ns >= (job.due_ms - job.stamp_ms) * 1_000_000:
                continue
            if history.wall_reached(job.due_ms, job.decided.at_ns):
                continue  # it was due once, and has been ready since
            self.fail(f"job {job.id} ({job.tag}) is sent {job.due_ms - now.wall_ms} ms before it is due", node)
