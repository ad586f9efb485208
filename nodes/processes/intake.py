"""What comes in at the coordinator's socket: frames become events of the shards, or are refused at the door.

Decides which messages reach a shard machine. What a peer may cost the others is decided by Router (how much a turn
takes in) and Refusals (who is listened to); what a message means, by the machines.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...actors.cluster.directory import Directory, not_here
from ...actors.coordinator.metrics import COLUMNS as METRIC_COLUMNS
from ...actors.effects import Peer, Send
from ...actors.events import Received
from ...actors.spread import MetricRow
from ...actors.turn import Member
from ...broker.net.clock import read_clocks
from ...broker.net.refusals import NOTE_EVERY_MS, Refusals
from ...broker.net.router import Router
from ...broker.wire.codec import FOR_COORDINATORS, WireError, decode
from ...broker.wire.errors import ERRORS
from ...broker.wire.limits import FRAME_VALUES_MAX
from ...broker.wire.messages import (
    ClientHello,
    ClusterAct,
    ClusterAsk,
    ExecutorHello,
    Goodbye,
    Listing,
    Message,
    Query,
    Refused,
)  # fmt: skip
from .cluster_desk import ClusterDesk
from .guests import Guests

log = logging.getLogger("mainspring.coordinator")

FRAMES_A_TURN = 2_000
"""Most frames that one turn takes in."""

GREET_EVERY_MS = 100
"""How often a peer is answered that has said more hellos than it may; the others before its last one are dropped."""

HELD_MAX = 10_000
"""Hellos that wait for that."""

METRICS = "metrics"
"""The one listing that a node answers for shards that it does not lead: it is about this node."""


def _no_figures(_shard: int) -> list[MetricRow]:
    return []


class Intake:
    """The way in, for all shards of a process.

    Attributes:
        refusals: what was refused here.
    """

    def __init__(
        self,
        router: Router,
        members: Mapping[int, Member[Any]],
        send: Callable[[Sequence[Send]], None],
        guests: Guests,
        desk: ClusterDesk,
        directory: Directory | None = None,
    ) -> None:
        """Prepares it.

        Args:
            router: bound.
            members: the shards, by number.
            send: takes refusals, which leave at once.
            guests: who has said hello.
            desk: answers what is asked about the cluster.
            directory: who leads which shard, if there are other members.
        """
        self.router = router
        self.shard_figures: Callable[[int], list[MetricRow]] = _no_figures
        """What a shard that is led elsewhere still tells here for the metrics; the process's own."""
        self._guests = guests
        self._desk = desk
        self._directory = directory
        self.refusals = Refusals()
        self._members = members
        self._send = send
        self._now_ns = 0
        self._note_ns = 0
        self._greet_ns = 0
        self._held: dict[Peer, Message] = {}
        self._turned_away = 0  # of which the log has heard

    @property
    def is_holding(self) -> bool:
        """Whether a hello waits here: `take` within GREET_EVERY_MS, even if nothing comes."""
        return bool(self._held)

    def take(self, now_ns: int, frames_max: int = FRAMES_A_TURN) -> int:
        """Takes in what one turn may; returns how many frames that was.

        Args:
            now_ns: about now, on the elapsed clock.
            frames_max: how many at the most.
        """
        self._now_ns = now_ns
        listening, refusals = self.router.listening, self.refusals
        if listening.readable():
            listening.look()
        frames = self.router.receive(frames_max)
        for peer, frame in frames:
            if not refusals.is_heard(peer, now_ns):
                continue
            try:
                message = decode(frame, FRAME_VALUES_MAX)
            except WireError as error:
                self._refuse(peer, error.fault, error.code, str(error), len(frame))
                continue
            if type(message) in FOR_COORDINATORS:
                self._hand_over(peer, message)
            else:
                text = f"{type(message).__name__} is not for a coordinator"
                self._refuse(peer, "misdirected", "malformed", text, len(frame))
        if self._held and now_ns >= self._greet_ns:
            self._greet_ns = now_ns + GREET_EVERY_MS * 1_000_000
            held, self._held = self._held, {}
            for peer, message in held.items():
                self._to_all(peer, message)
        refusals.counts["surplus"] = self.router.surplus_frames
        if now_ns >= self._note_ns:
            self._note(now_ns)
        return len(frames)

    def _hand_over(self, peer: Peer, message: Message) -> None:
        shard = getattr(message, "shard", None)
        if shard is None:  # a hello or a goodbye is for every shard
            if type(message) is ClusterAsk or type(message) is ClusterAct:
                self._send([Send(peer, self._desk.answer(message, read_clocks()))])
            elif type(message) not in (ClientHello, ExecutorHello) or self._is_greeted(peer, message):
                self._to_all(peer, message)
            return
        member = self._members.get(shard)
        if member is not None and member.machine is not None:
            member.inbox.append(Received(peer, message))
        else:
            self._not_here(peer, shard, message)

    def _not_here(self, peer: Peer, shard: int, message: Message) -> None:
        """Answers what is meant for a shard that another node leads, or nobody."""
        if self._directory is None or shard not in self._members:
            self.refusals.counts["no_shard"] += 1
            where = f"shard {shard} is not served here"
        elif type(message) is Query and message.name == METRICS:
            rows = self.shard_figures(shard)
            self._send([Send(peer, Listing(shard, message.request, list(METRIC_COLUMNS), rows, False))])
            return
        else:
            where = self._directory.where(shard)
        self._send([Send(peer, not_here(message, shard, where))])

    def _to_all(self, peer: Peer, message: Message) -> None:
        for member in self._members.values():
            if member.machine is not None:
                member.inbox.append(Received(peer, message))
        if type(message) is Goodbye:
            self._guests.left(peer)
            return
        self._guests.came(peer)
        if self._directory is not None:
            self._send([Send(peer, self._directory.map())])

    def _is_greeted(self, peer: Peer, message: Message) -> bool:
        if not self.refusals.is_greeted(peer, self._now_ns):
            if len(self._held) < HELD_MAX:
                self._held[peer] = message  # the last one of each peer: it may be honest, and only impatient
            return False
        listening = self.router.listening
        if type(message) is ClientHello and listening.is_crowded:
            self.refusals.counts["crowded"] += 1
            text = f"the node has {listening.connections} connections, and takes {listening.most}"
            self._answer(peer, "overloaded", text)
            return False
        return True

    def _refuse(self, peer: Peer, fault: str, code: str, text: str, frame_bytes: int) -> None:
        self.refusals.refused(peer, fault, frame_bytes, self._now_ns)
        log.debug("frame refused kind=%s code=%s text=%s", fault, code, text)
        self._answer(peer, code, text)

    def _answer(self, peer: Peer, code: str, text: str) -> None:
        self._send([Send(peer, Refused(0, 0, 0, code, f"{text}; {ERRORS[code].mend}"))])

    def _note(self, now_ns: int) -> None:
        """Tells the log of what was refused, each kind seldom, however much of it comes."""
        self._note_ns = now_ns + 1_000_000_000
        for fault, more, total in self.refusals.notes(now_ns):
            log.warning("frames refused kind=%s more=%d total=%d", fault, more, total)
        listening = self.router.listening
        if listening.turned_away > self._turned_away:
            self._note_ns = now_ns + NOTE_EVERY_MS * 1_000_000
            log.error(
                "too many connections; share one Client between threads, or raise ulimit -n"
                " turned_away=%d total=%d connections=%d",
                listening.turned_away - self._turned_away, listening.turned_away, listening.connections,
            )  # fmt: skip
            self._turned_away = listening.turned_away

    def figures(self) -> list[MetricRow]:
        """Returns what is known of connections, as rows [name, labels, value]."""
        listening = self.router.listening
        return [
            ["scheduler_connections", [], listening.connections],
            ["scheduler_connections_refused_total", [], listening.turned_away],
            ["scheduler_handshakes_failed_total", [], listening.handshakes_failed],
        ]
