"""Many threads, one link, no thread of our own: one of the callers that wait drives it for all.

Decides who leads (sleeps on the sockets), who is woken when, and who leads next. Whoever has something to send does so
at once, under the mutex; the leader sleeps outside it, on descriptors alone. A signal's exception may tear a caller
away anywhere: who leads is then found anew within a second, and a link torn in the middle of a turn is replaced.
"""

import os
import select
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ...actors.client.events import TORN, Command, Completed, Failure, Forget
from .clock import read_clocks
from .exceptions import ClientClosed, too_many_files
from .link import Link

_HEAL_S = 1.0
"""How long a follower sleeps before it looks whether anybody leads: only a leader that was torn away makes it wait."""

_MANY = 4
"""With so many callers waiting, the next one leaves its request to the leader: one message then carries several."""

_CLOSED = "the client is closed; make a new one"
_TORN = Failure(
    TORN,
    "a signal's exception has torn another call of this client apart, and the connection with it; "
    "look the jobs up by key or list, and catch signals where no client is at work",
    False,
)


class Ticket:
    """One call: what has come of it so far."""

    __slots__ = ("act", "busy", "request", "rows", "streams")

    def __init__(self, request: int, *, streams: bool) -> None:
        self.request = request
        self.act: Completed | None = None
        self.rows: list[list[Any]] = []
        self.streams = streams
        self.busy = threading.Lock()  # held while its caller leads; a `with` lets go of it, whatever happens

    @property
    def has_news(self) -> bool:
        """Whether the caller need not wait."""
        return self.act is not None or (self.streams and bool(self.rows))


class Pump:
    """A link that threads share."""

    def __init__(self, make_link: Callable[[], Link]) -> None:
        """Makes a pump; `make_link` is called at the first use."""
        self._make_link = make_link
        self._link: Link | None = None
        self._mutex = threading.Lock()
        self._torn = False  # set during a turn: who finds it set holds what is left of one
        self._closed = False
        self._request = 0
        self._tickets: dict[int, Ticket] = {}
        self._leader: Ticket | None = None
        self._followers: dict[Ticket, threading.Lock] = {}
        self._posted: list[Any] = []  # events for the next turn
        self._asleep = False  # the leader sleeps, or is about to
        self._sleeps_until_ns: int | None = None
        self._poll = select.poll()
        self._bell = -1

    def call(self, command: Callable[[int], Command]) -> Completed:
        """Asks and waits for the one answer. `command` makes the request of its number."""
        ticket = self.start(command)
        if ticket.act is None:
            self.wait(ticket)
        assert ticket.act is not None, "a call returned without its answer"
        if ticket.rows:
            return ticket.act._replace(value=ticket.rows + (ticket.act.value or []))
        return ticket.act

    def start(self, command: Callable[[int], Command], *, streams: bool = False) -> Ticket:
        """Asks, and does not wait."""
        with self._mutex:
            if self._torn:
                self._replace()
            link = self._link or self._open()
            self._request += 1
            event = command(self._request)
            ticket = self._tickets[self._request] = Ticket(self._request, streams=streams)
            if self._leads_many():
                self._posted.append(event)
                self._ring()
            else:
                self._turn(link, [event])
                if self._asleep:
                    self._hurry(link)
        return ticket

    def wait(self, ticket: Ticket) -> None:
        """Waits until a ticket has news, leading or following."""
        over = False
        try:
            while True:
                gate = self._take_part(ticket)
                if gate is not None:
                    gate.acquire(timeout=_HEAL_S)
                elif ticket.has_news:
                    break
                else:
                    self._lead(ticket)
            over = True
        finally:
            self._leave(ticket, torn_away=not over)

    def take_rows(self, ticket: Ticket) -> list[list[Any]]:
        """Takes what has come of a streaming call so far."""
        with self._mutex:
            rows, ticket.rows = ticket.rows, []
        return rows

    def drop(self, ticket: Ticket) -> None:
        """Ends a call whose answer nobody wants any more."""
        self._leave(ticket, torn_away=True)

    def close(self) -> None:
        """Ends everything; whoever waits is told. Twice is once."""
        with self._mutex:
            if self._torn:
                self._replace()
            link, self._closed = self._link, True
            if link is not None:
                self._turn(link, [])
                self._link = None
                self._deliver(link.close())
            self._close_bell()

    # --- under the mutex ---

    def _open(self) -> Link:
        if self._closed:
            raise ClientClosed(_CLOSED, "closed")
        link = self._make_link()
        if self._bell < 0:
            try:
                self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            except OSError as error:
                link.abandon()
                raise too_many_files("the node") from error
        self._poll = select.poll()
        for fd in (*link.fds, self._bell):
            self._poll.register(fd, select.POLLIN)
        link.watch = self._watch
        self._link = link
        return link

    def _watch(self, opened: Sequence[int], closed: Sequence[int]) -> None:
        """Sleeps on other descriptors from now on: a member has come or gone."""
        for fd in closed:
            self._poll.unregister(fd)
        for fd in opened:
            self._poll.register(fd, select.POLLIN)
        self._ring()  # whoever sleeps does so on the old ones

    def _replace(self) -> None:
        """Throws a link away in which somebody was torn apart; nobody can say what became of the open calls."""
        link, self._link, self._posted = self._link, None, []
        if link is not None:
            link.abandon()
        self._deliver([Completed(request, None, _TORN) for request in self._tickets])
        self._ring()
        self._torn = False

    def _turn(self, link: Link, events: list[Any]) -> None:
        self._torn = True
        if self._posted:
            events, self._posted = [*self._posted, *events], []
        self._deliver(link.turn(events))
        self._torn = False

    def _leads_many(self) -> bool:
        """Whether somebody leads for so many that their requests had better share a message, and a turn."""
        leader = self._leader
        return len(self._followers) >= _MANY and leader is not None and leader.busy.locked()

    def _deliver(self, acts: list[Any]) -> None:
        """Hands acts to their tickets and wakes who waits for them."""
        for act in acts:
            ticket = self._tickets.get(act.request)
            if ticket is None:
                continue
            if type(act) is Completed:
                ticket.act = act
                del self._tickets[act.request]
            else:
                ticket.rows.extend(act.rows)
                if not ticket.streams:
                    continue
            if ticket is self._leader:
                self._ring()
            else:
                gate = self._followers.pop(ticket, None)
                if gate is not None:
                    gate.release()

    def _ring(self) -> None:
        """Wakes the leader, if it sleeps."""
        if self._asleep:
            self._asleep = False
            os.eventfd_write(self._bell, 1)

    def _hurry(self, link: Link) -> None:
        """Wakes the leader if the machine wants to be called sooner than it means to wake."""
        wake_ns = link.machine.wake_at()
        if wake_ns is not None and (self._sleeps_until_ns is None or wake_ns < self._sleeps_until_ns):
            self._ring()

    def _close_bell(self) -> None:
        """Only when nobody can be asleep on it: its number may be another file's from now on."""
        if self._closed and self._bell >= 0 and (self._leader is None or not self._leader.busy.locked()):
            os.close(self._bell)
            self._bell = -1

    # --- waiting ---

    def _take_part(self, ticket: Ticket) -> "threading.Lock | None":
        """Returns the gate to wait at; None if the caller leads from now on, or need not wait."""
        with self._mutex:
            if self._torn:
                self._replace()
            self._followers.pop(ticket, None)
            if ticket.has_news:
                return None
            leader = self._leader
            if leader is None or not leader.busy.locked():
                self._leader = ticket  # whoever was meant to lead has not begun, or was torn away
                return None
            gate = self._followers[ticket] = threading.Lock()
            gate.acquire()
            return gate

    def _lead(self, ticket: Ticket) -> None:
        """Drives the link until the ticket has news; turns end with nothing left to receive, so sleep comes first."""
        with ticket.busy:
            while True:
                with self._mutex:
                    link = self._link
                    if link is not None and self._posted:
                        self._turn(link, [])
                    if link is None or self._leader is not ticket or ticket.has_news:
                        return
                    poll, wait_ms = self._poll, self._plan_sleep(link)
                ready = poll.poll(wait_ms)
                with self._mutex:
                    self._asleep = False
                    if self._torn or self._link is not link:
                        return
                    fds = [fd for fd, _ in ready]
                    if self._bell in fds:
                        os.eventfd_read(self._bell)
                    self._turn(link, link.connections(fds))

    def _plan_sleep(self, link: Link) -> int | None:
        """Notes that the leader is about to sleep; returns for how many ms, None for until something happens."""
        self._sleeps_until_ns = wake_ns = link.machine.wake_at()
        self._asleep = True
        if wake_ns is None:
            return None
        # Rounded up: to wake too early would mean to go to sleep again for nothing.
        return max(0, -(-(wake_ns - read_clocks().elapsed_ns) // 1_000_000))

    def _leave(self, ticket: Ticket, *, torn_away: bool) -> None:
        """Ends a wait; if it led, the one who has waited longest leads next."""
        with self._mutex:
            self._followers.pop(ticket, None)
            is_open = torn_away and self._tickets.pop(ticket.request, None) is not None
            if is_open and self._link is not None and not self._torn:
                self._turn(self._link, [Forget(ticket.request)])
            if self._leader is ticket:
                self._asleep = False
                self._leader = next(iter(self._followers), None)
                if self._leader is not None:
                    self._followers.pop(self._leader).release()
                self._close_bell()
