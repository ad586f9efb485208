"""An acknowledged job is in the log for good, under the id that its client was told, and ends.

Why: an acknowledgement is the promise that the job will run (promise P1); whatever fails afterwards is ours to mend.
"""

from typing import TYPE_CHECKING, Any

from ...actors.entries import CANCEL, EXPIRE, FINISH, REVIVE, SETTLE
from ...actors.jobs.lifecycle import EXPIRED, STATES, TERMINAL
from ..history import Asked, Decided, Taken
from .base import Invariant

if TYPE_CHECKING:
    from ..client_node import ClientNode

_ENDED_NAMES = frozenset(STATES[state] for state in TERMINAL)


class AckedJobsSurvive(Invariant):
    """Acked jobs are committed at the ack, and terminal in the end."""

    def committed(self, decided: Decided) -> None:
        """Notes which jobs have ended."""
        taken = self.world.history.taken
        for op in decided.entry.ops:
            if op[0] == FINISH:
                for row in op[2]:
                    if row[3] in TERMINAL:
                        self._end(taken[row[0]], row[3])
            elif op[0] in (CANCEL, EXPIRE):
                for id in op[1]:
                    self._end(taken[id], op[2] if op[0] == CANCEL else EXPIRED)
            elif op[0] == SETTLE:
                for id, _ in op[1]:
                    self._end(taken[id], op[2])
            elif op[0] == REVIVE:
                for id, _ in op[1]:
                    taken[id].ended = None

    @staticmethod
    def _end(job: Taken, state: int) -> None:
        job.ended = state
        job.ends.add(state)

    def answered(self, jobs: list[Asked]) -> None:
        """Looks for each acked job in what is durable."""
        taken = self.world.history.taken
        for job in jobs:
            if not job.acked:
                continue
            assert job.id is not None
            found = taken.get(job.id)
            if found is None:
                self.fail(f"{job.tag} was acked as job {job.id}, which is not in the durable log")
            elif found.tag != job.tag and (job.key is None or self.world.history.asked[found.tag].key != job.key):
                self.fail(f"{job.tag} was acked as job {job.id}, which is {found.tag}")

    def told(self, client: "ClientNode", rows: list[list[Any]], since_ns: int) -> None:  # noqa: ARG002 - the hook's own
        """Compares what a client hears with how the jobs truly stand."""
        for id, state, *_ in rows:
            job = self.world.history.taken.get(id)
            if state == "not_found":
                if job is not None and job.ended is None:
                    self.fail(f"{client.name} is told that job {id} does not exist", client, *self.world.coordinators)
            elif job is None or (state in _ENDED_NAMES and state not in {STATES[end] for end in job.ends}):
                self.fail(f"{client.name} is told that job {id} is {state}: {job}", client, *self.world.coordinators)

    def at_end(self) -> None:
        """Looks for jobs that were taken and have not ended."""
        left = [job for job in self.world.history.taken.values() if job.ended is None]
        if left:
            self.fail(f"{len(left)} jobs that were taken never ended, the first is {left[0].id} ({left[0].tag})")
