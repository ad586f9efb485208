"""What the parts of one shard's coordinator share during an event.

The image, the soft state, and what the event asks for.

Decides nothing itself. Who decides writes the op down with `log`, and changes the image by that op in the same event.
"""

from collections import deque
from typing import Any

from ...broker.wire.errors import ERRORS
from ...broker.wire.ids import SEQUENCE_BITS
from ...broker.wire.messages import JobAct, JobActed, Message, Refused, ScheduleChanged
from ..draws import Draws
from ..effects import Effects, Peer, Send
from ..entries import Op
from ..jobs.job import Job
from ..limits import UNAPPLIED_BYTES_MAX
from ..machine import Now
from ..store import Read
from .image import Image
from .link import Links
from .questions import Questions
from .settings import ShardSettings
from .tallies import Tallies
from .timers import Timers
from .waiters import Waiters

_ASLEEP = 1_000_000 // 10
"""A turn that is later than a tenth of a lease, in ns a ms of it: nobody could have renewed meanwhile."""
_TEXT_CHARS_MAX = 1_000
"""A refusal may name what it was asked for, which may be long."""


class ShardState:
    """One shard's memory. `out` and `now` belong to the event being handled, `ops` to the turn's entry."""

    def __init__(self, shard: int, epoch: int, settings: ShardSettings, image: Image, draws: Draws, now: Now) -> None:
        self.shard = shard
        self.shard_base = shard << SEQUENCE_BITS
        self.epoch = epoch
        self.settings = settings
        self.image = image
        self.draws = draws
        self.links = Links()
        self.waiters = Waiters()
        self.questions = Questions()
        self.timers = Timers(now)
        self.now = now
        self.out = Effects()
        self.ops: list[Op] = []
        self.applied = image.index
        self.draining = False
        self.disk_full = False  # what room is left belongs to the jobs that run
        self.horizon_ms = 0
        self.wake_ns = 0  # when the machine wanted its next turn
        self.started_ns = now.elapsed_ns
        self.ready_lanes: set[int] = set()
        self.refill: set[int] = set()  # lanes with more on disk
        self.pending_submits: set[tuple[int, int]] = set()
        self.asked: dict[int, Job] = {}  # running jobs that were asked to stop
        self.orphans_settled = False  # the leases found at the start have all been claimed or ended
        self.expiring = True  # some job may have a time by which it must start
        self.keys_taken = image.next_sequence > 1  # some key may stand in a row
        self.keys_until_ms = max(now.wall_ms, image.stamp_ms) + settings.key_ttl_ms  # the last of them is over then
        self.pruned_index = 0  # the last PRUNE: which jobs it has taken, nobody knows before it is applied
        self.acts_back: deque[tuple[Peer, JobAct]] = deque()  # acts that wait for it; none follows meanwhile
        self.acts_read = False  # whether the store looks one of them up now
        self.act_answers: dict[tuple[Peer, int], JobActed] = {}  # the last ones: a request may come again
        self.schedule_parts: dict[tuple[Peer, int], dict[int, list[Any]]] = {}  # lists of which a part is missing
        self.schedule_answers: dict[tuple[Peer, int], ScheduleChanged] = {}  # the last ones: a request may come again
        self.refused: dict[tuple[int, int], tuple[str, str]] = {}
        self.counts: dict[str, int] = {}
        self.tallies = Tallies()

    @property
    def index(self) -> int:
        """The index that this turn's entry will have: the fence of leases decided now."""
        return self.image.index + 1

    @property
    def standstill(self) -> str | None:
        """The code with which changes of schedules are refused now, and no instant is accounted for; None if none."""
        if self.draining:
            return "draining"
        if self.disk_full:
            return "disk_full"
        return "overloaded" if self.image.unapplied_bytes > UNAPPLIED_BYTES_MAX else None

    def begin(self, now: Now) -> None:
        """Starts an event. The stamp never goes back, whatever the wall clock does."""
        if now.elapsed_ns > self.now.elapsed_ns:
            self._wake_up(now.elapsed_ns)
        self.now = now
        self.out = Effects()
        if now.wall_ms > self.image.stamp_ms:
            self.image.stamp_ms = now.wall_ms

    def _wake_up(self, now_ns: int) -> None:
        """Takes time in which this process did not run (suspended, stopped, stalled) off what others were silent.

        They may have slept as well, and wake up later: their runs go on until they notice that their leases are over.
        """
        late_ns = now_ns - max(self.wake_ns, self.now.elapsed_ns)
        if late_ns > self.settings.lease_ttl_ms * _ASLEEP:
            self.count("wakes_late")
            slept_ns = now_ns - self.now.elapsed_ns
            self.started_ns += slept_ns
            for link in self.links.by_peer.values():
                link.deadline_ns += slept_ns
            for session in self.image.sessions.values():
                session.used_ns += slept_ns

    def log(self, op: Op) -> None:
        """Writes an op down for this turn's entry."""
        self.ops.append(op)

    def send(self, peer: Peer, message: Message) -> None:
        """Sends once all that was decided so far is committed."""
        self.out.sends.append(Send(peer, message))

    def refuse(self, peer: Peer, request: int, code: str, text: str, session: int = 0) -> None:
        """Refuses at once: a refusal rests on nothing. `session` is given if it is a Submit that is refused."""
        assert code in ERRORS, code
        self.count("refused_" + code)
        error = ERRORS[code]
        whole = f"{(text or error.meaning)[:_TEXT_CHARS_MAX]}; {error.mend}"
        self.out.urgent.append(Send(peer, Refused(self.shard, session, request, code, whole)))

    def ask(self, peer: Peer, request: int, read: Read, cost: int) -> None:
        """Asks the store for a client, when it is this client's turn; or refuses, if too much waits."""
        fault = self.questions.add(peer, read, cost)
        if fault is not None:
            self.refuse(peer, request, "overloaded", fault)
        self.out.reads.extend(self.questions.next())

    def answered(self, peer: Peer) -> bool:
        """Notes the store's answer to a client, and asks what comes next; returns whether the client is there."""
        is_there = self.questions.answered(peer)
        self.out.reads.extend(self.questions.next())
        return is_there

    def forget(self, peer: Peer) -> None:
        """Forgets what a peer that is gone has asked and waits for."""
        self.waiters.forget(peer)
        self.questions.forget(peer)

    def count(self, name: str, by: int = 1) -> None:
        """Counts an occurrence, for metrics and the simulator's coverage."""
        self.counts[name] = self.counts.get(name, 0) + by

    def snapshot(self) -> dict[str, Any]:
        """Returns a small picture for inspection."""
        image = self.image
        return {
            "shard": self.shard,
            "epoch": self.epoch,
            "index": image.index,
            "applied": self.applied,
            "jobs_in_memory": len(image.jobs),
            "leases": len(image.leases),
            "links": len(self.links),
            "lanes": len(image.lanes),
            "live": sum(image.queue_live.values()),
            "finished": image.finished,
            "sessions": len(image.sessions),
            "questions": len(self.questions),
            "awaited": len(self.waiters),
            "counts": dict(self.counts),
        }
