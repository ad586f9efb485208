"""A client's submits to one shard: one session, its sequences, the window, and what waits behind it.

Decides which jobs travel together, under which sequence, when they are sent again, and what an answer means. The same
(session, sequence) is always the same jobs, so however often it is sent, it is taken once. Rule: docs/design.md,
"Submitting twice".
"""

from collections import deque
from collections.abc import Callable

from ...broker.wire.limits import BATCH_BYTES_MAX, BATCH_JOBS_MAX
from ...broker.wire.messages import Submit, Submitted
from ..draws import Draws
from ..effects import Effects, Peer, Send
from .events import Failure, refusal
from .flights import CallerSubmit, Flight, Part, Queued, Row, cut, first_cut, ids_of
from .settings import SEQUENCES_IN_FLIGHT, ClientSettings

SEQUENCE_SPAN_MAX = 64
"""How far sequences may run ahead of the oldest unanswered one; shards keep the answers of many more."""

NOBODYS_FAULT = frozenset({"overloaded", "draining", "disk_full"})
"""Refusals that no single job of a message has caused; after any other, those that shared it are sent one by one."""

PASSING = NOBODYS_FAULT | {"queue_full"}
"""Refusals that may be over when another copy of the message arrives."""

SESSION_END = 1 << 63

NOBODY = 0
"""The request number of who stands in for a caller that has gone away; the shell counts from 1."""

assert SEQUENCES_IN_FLIGHT < SEQUENCE_SPAN_MAX


class Submits:
    """One shard's submits. `news` is called with a caller's submit that has failed or is over."""

    def __init__(
        self, shard: int, session: int, draws: Draws, settings: ClientSettings, news: Callable[[CallerSubmit], None]
    ) -> None:
        assert 0 < session < SESSION_END, "a session is a positive 63-bit number"
        self.shard = shard
        self.draws = draws
        self.settings = settings
        self.news = news
        self.session = session
        self.opened = False  # the shard has answered under this session, so it knows it
        self.retired = False  # no new sequence starts under this session
        self.next_sequence = 1
        self.used_ns = 0
        self.flights: dict[int, Flight] = {}
        self.queue: deque[Queued] = deque()
        self.head = 0  # the oldest sequence in flight, on which the resend timer runs
        self.due_ns: int | None = None
        self.wait_ns = settings.resend_ns

    def settle(self, peer: Peer, now_ns: int, out: Effects) -> None:
        """Sends what the window has room for, and again what is overdue."""
        if self.due_ns is not None and self.due_ns <= now_ns:
            self._overdue(peer, now_ns, out)
        while self.queue and self._may_send(now_ns):
            self._send_next(peer, now_ns, out)
        self._arm(now_ns)

    def _may_send(self, now_ns: int) -> bool:
        if not self.flights:
            idle = self.opened and now_ns - self.used_ns > self.settings.session_idle_ns
            if self.retired or idle:
                self._begin_session()
            return True
        if self.retired or not self.opened:
            return False  # a shard that does not know a session takes sequence 1 alone
        return len(self.flights) < SEQUENCES_IN_FLIGHT and self.next_sequence - self.head < SEQUENCE_SPAN_MAX

    def _begin_session(self) -> None:
        assert not self.flights, "a session has ended with sequences unanswered"
        self.session = self.draws.below(SESSION_END - 1) + 1
        self.opened, self.retired, self.next_sequence = False, False, 1

    def _send_next(self, peer: Peer, now_ns: int, out: Effects) -> None:
        jobs, parts = self._gather()
        sequence = self.next_sequence
        self.next_sequence += 1
        acked_below = next(iter(self.flights), sequence)
        message = Submit(self.shard, self.session, sequence, acked_below, jobs)
        self.flights[sequence] = Flight(message, parts, now_ns)
        self.used_ns = now_ns
        out.sends.append(Send(peer, message))
        assert acked_below <= sequence, "a sequence was acknowledged before it was sent"

    def _gather(self) -> tuple[list[Row], list[Part]]:
        """Takes the next message's jobs from the queue: one big caller's, or several small ones'."""
        queue = self.queue
        jobs: list[Row] = []
        parts: list[Part] = []
        bytes_room = BATCH_BYTES_MAX
        while queue:
            queued = queue[0]
            at = queued.at
            if not parts:
                stop, size = first_cut(queued.rows, at)
            elif queued.alone:
                break
            else:
                stop, size = cut(queued.rows, at, BATCH_JOBS_MAX - len(jobs), bytes_room)
                if stop == at:
                    break
            queue.popleft()
            bytes_room -= size
            jobs.extend(queued.rows[at:stop])
            parts.append(Part(queued.caller, at, stop - at, queued.places))
            queued.at = stop
            if queued.left:
                queue.append(queued)  # behind the others: a big submit must not hold up the small ones
                break
            if queued.alone:
                break
        assert 0 < len(jobs) <= BATCH_JOBS_MAX, "a message holds no job, or too many"
        assert sum(part.count for part in parts) == len(jobs), "a message's parts are not its jobs"
        return jobs, parts

    def _arm(self, now_ns: int) -> None:
        """Runs the resend timer on the oldest flight: answers come in order, so later ones wait behind it."""
        head = next(iter(self.flights), 0)
        if head != self.head:
            self.head = head
            self.wait_ns = self.settings.resend_ns
            self.due_ns = now_ns + self.wait_ns if head else None

    def _overdue(self, peer: Peer, now_ns: int, out: Effects) -> None:
        sent_before_ns = now_ns - self.settings.resend_ns
        for sequence, flight in self.flights.items():
            if flight.sent_ns <= sent_before_ns or sequence == self.head:
                flight.sent_ns = now_ns
                flight.is_repeated = True
                out.sends.append(Send(peer, flight.message))
        self.wait_ns = min(2 * self.wait_ns, self.settings.resend_max_ns)
        # Spread, so that clients that lost the same answer do not come back together.
        self.due_ns = now_ns + int(self.wait_ns * (0.75 + self.draws.fraction() / 2))

    @property
    def is_ignored(self) -> bool:
        """Whether the shard has not answered something that was sent three times."""
        return self.head > 0 and self.wait_ns > 2 * self.settings.resend_ns

    def resend(self, peer: Peer, now_ns: int, out: Effects) -> None:
        """Sends all flights again, in order and under their sequences: the connection or the leader is a new one."""
        for flight in self.flights.values():
            flight.sent_ns = now_ns
            flight.is_repeated = True
            out.sends.append(Send(peer, flight.message))
        self.head = 0
        self._arm(now_ns)

    def submitted(self, message: Submitted, now_ns: int) -> None:
        """Takes the answer to a sequence; late and repeated ones change nothing."""
        if message.session != self.session:
            return
        flight = self.flights.get(message.sequence)
        if flight is None:
            return
        count = len(flight.message.jobs)
        ids = ids_of(message.first_id, message.count, message.existing) if message.count == count else None
        self._land(message.sequence)
        self.opened = True
        self.used_ns = now_ns
        if ids is None:
            self._fail(
                flight,
                Failure(
                    "malformed",
                    f"the node's answer does not fit the {count} jobs that it is for; upgrade the older side",
                    False,
                ),
            )
            return
        at = 0
        for part in flight.parts:
            part.take(ids if part.count == count else ids[at : at + part.count])
            at += part.count
            if not part.caller.missing:
                self.news(part.caller)

    def refused(self, sequence: int, code: str, text: str) -> None:
        """Takes a refusal of a sequence; one of `not_here` is none, for the map will name another peer."""
        flight = self.flights.get(sequence)
        if flight is None or code == "not_here":
            return
        self._land(sequence)
        failure = refusal(code, text)
        if flight.is_repeated and code in PASSING:
            # Another copy may reach a coordinator that has started again and takes it.
            failure = failure._replace(text=f"{failure.text}; another copy may have been taken", definite=False)
        if not failure.definite or not self.opened:
            # Unknown there, or unknown still: the shard would take no later sequence of it.
            self.retired = True
        if failure.definite and len(flight.parts) > 1 and code not in NOBODYS_FAULT:
            self._send_apart(flight)
        else:
            self._fail(flight, failure)

    def _send_apart(self, flight: Flight) -> None:
        at = len(flight.message.jobs)
        for part in reversed(flight.parts):
            at -= part.count
            if part.caller.request == NOBODY:
                continue
            places = (
                range(part.start, part.start + part.count)
                if part.places is None
                else part.places[part.start : part.start + part.count]
            )
            rows = flight.message.jobs[at : at + part.count]
            self.queue.appendleft(Queued(part.caller, rows, list(places), alone=True))

    def _fail(self, flight: Flight, failure: Failure) -> None:
        for part in flight.parts:
            part.caller.fail(failure, part.count)
            self.news(part.caller)

    def _land(self, sequence: int) -> None:
        del self.flights[sequence]

    def holds(self, caller: CallerSubmit) -> bool:
        """Says whether jobs of a caller have no answer yet."""
        parts = (part for flight in self.flights.values() for part in flight.parts)
        return any(queued.caller is caller for queued in self.queue) or any(part.caller is caller for part in parts)

    def drop_queued(self, caller: CallerSubmit) -> int:
        """Takes a caller's unsent jobs out of the queue; returns how many there were."""
        dropped = sum(queued.left for queued in self.queue if queued.caller is caller)
        if dropped:
            self.queue = deque(queued for queued in self.queue if queued.caller is not caller)
        return dropped

    def abandon(self, caller: CallerSubmit) -> int:
        """Lets go of a caller's jobs in flight; a message that nobody waits for any more is not sent again.

        Returns how many there were.
        """
        left = 0
        for sequence, flight in list(self.flights.items()):
            others = [part for part in flight.parts if part.caller is not caller]
            if len(others) == len(flight.parts):
                continue
            left += sum(part.count for part in flight.parts if part.caller is caller)
            if all(part.caller.request == NOBODY for part in others):
                self._land(sequence)
                self.retired = self.retired or not self.opened
                continue
            # The message keeps its jobs, for it may be on its way; so that the others' jobs keep their places, nobody
            # stands in.
            for at, part in enumerate(flight.parts):
                if part.caller is caller:
                    flight.parts[at] = Part(CallerSubmit(NOBODY, part.count), 0, part.count, None)
        return left

    def check(self) -> None:
        """Asserts every relation; see actors.machine.Machine."""
        sequences = list(self.flights)
        assert sequences == sorted(sequences), "flights are out of order"
        assert all(0 < sequence < self.next_sequence for sequence in sequences)
        assert self.opened or len(sequences) <= 1, "an unopened session has more than its first sequence in flight"
        assert self.opened or not sequences or sequences == [1]
        assert len(sequences) <= SEQUENCES_IN_FLIGHT
        assert not sequences or self.head == 0 or self.head <= sequences[0]
        for flight in self.flights.values():
            assert flight.message.session == self.session, "a flight is of another session"
            assert sum(part.count for part in flight.parts) == len(flight.message.jobs)
        for queued in self.queue:
            assert queued.left > 0, "an empty submit waits"
