"""Nothing leaves the coordinator that a crash could make untrue.

Why: acks, runs, cancels and ends leave when the entries that they rest on are committed; the one place for that is
actors/turn.py.
"""

from ...actors.effects import Send
from ...actors.jobs.lifecycle import STATES, TERMINAL
from ...broker.wire.messages import (
    Cancelled,
    CancelRun,
    Ended,
    ExecutorWelcome,
    FinishedAck,
    JobActed,
    Run,
    ScheduleChanged,
    Submitted,
)
from ..history import Taken
from ..seat import Seat
from .base import Invariant

_PROMISES = (Submitted, FinishedAck, Run, CancelRun, Cancelled, Ended, ExecutorWelcome, JobActed, ScheduleChanged)
_ENDED_NAMES = frozenset(STATES[state] for state in TERMINAL)


class DurableBeforeVisible(Invariant):
    """What a message says is in the durable log when the message leaves."""

    def released(self, send: Send, seat: Seat) -> None:
        """Compares a message with the durable log."""
        history, message, node = self.world.history, send.message, seat.node
        if not isinstance(message, _PROMISES):
            return
        if isinstance(message, Run):
            self._run_rests_on_entry(message, seat)
        elif isinstance(message, Submitted):
            known = {offset for offset, _ in message.existing}
            ids = range(message.first_id, message.first_id + message.count - len(known))
            if any(id not in history.taken for id in (*ids, *(id for _, id in message.existing))):
                self.fail(f"an ack names jobs {ids} that are not durable", node)
        elif isinstance(message, Ended):
            for row in message.jobs:
                if row[1] in _ENDED_NAMES and row[1] not in _ends(history.taken[row[0]]):
                    self.fail(f"job {row[0]} is said to have {row[1]}, which is not durable", node)
        elif isinstance(message, ScheduleChanged):
            for name, change, job in ((row[1], row[2], row[5]) for row in message.changes):
                if job is not None and job not in history.taken:
                    self.fail(f"schedule {name} is said to have {change}, and its job {job} is not durable", node)
        elif isinstance(message, Cancelled | JobActed):
            for id, code in message.codes:
                if not self._is_so(id, code):
                    self.fail(f"job {id} is said to be {code}, which is not durable", node)

    def _run_rests_on_entry(self, run: Run, seat: Seat) -> None:
        history = self.world.history
        committed = history.committed[seat.shard]
        if run.index > committed:
            self.fail(f"a Run rests on entry {run.index}, durable is {committed}", seat.node)
        elif history.epochs[seat.shard][run.index] != run.epoch:
            self.fail(f"a Run rests on entry {run.index}, which is not of epoch {run.epoch}", seat.node)

    def _is_so(self, id: int, code: str) -> bool:
        if code == "retried":
            return self.world.history.taken[id].hurried > 0
        return code not in ("cancelled", "skipped", "discarded") or code in _ends(self.world.history.taken[id])


def _ends(job: Taken) -> set[str]:
    return {STATES[state] for state in job.ends}
