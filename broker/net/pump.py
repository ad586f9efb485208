"""Many threads, one link, no thread of our own: one of the callers that wait drives it for all.

Decides who leads (sleeps on the sockets), who is woken when, and who leads next. Whoever has something to send does so
at once, under the mutex; the leader sleeps outside it, on descriptors alone. Must not know what is asked.
"""

import os
import select
import threading
from collections.abc import Callable
from typing import Any

from ...actors.client.events import Command, Completed, Forget, Partial
from .clock import read_clocks
from .exceptions import ClientClosed
from .link import Link

_CLOSED = "the client is closed; make a new one"


class Ticket:
    """One call: what has come of it so far."""

    __slots__ = ("act", "gate", "request", "rows", "streams")

    def __init__(self, request: int, *, streams: bool) -> None:
        self.request = request
        self.act: Completed | None = None
        self.rows: list[list[Any]] = []
        self.streams = streams
        self.gate: threading.Lock | None = None

    @property
    def has_news(self) -> bool:
        """Whether the caller need not wait."""
        return self.act is not None or (self.streams and bool(self.rows))


class Pump:
    """A link that threads share."""

    def __init__(self, link: Callable[[], Link]) -> None:
        """Makes a pump; `link` is called at the first use."""
        self._make_link = link
        self._link: Link | None = None
        self._mutex = threading.Lock()
        self._request = 0
        self._tickets: dict[int, Ticket] = {}
        self._leader: Ticket | None = None
        self._asleep = False  # the leader sleeps, or is about to
        self._sleeps_until_ns: int | None = None
        self._followers: dict[Ticket, threading.Lock] = {}
        self._bell = -1
        self._poll = select.poll()
        self._closed = False

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
            link = self._opened()
            self._request += 1
            ticket = self._tickets[self._request] = Ticket(self._request, streams=streams)
            self._deliver(link.turn([command(self._request)]))
            self._hurry()
        return ticket

    def _opened(self) -> Link:
        if self._closed:
            raise ClientClosed(_CLOSED)
        if self._link is None:
            link = self._make_link()
            self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            for fd in (*link.fds, self._bell):
                self._poll.register(fd, select.POLLIN)
            self._link = link
        return self._link

    def _deliver(self, acts: list[Any]) -> None:
        """Hands acts to their tickets and wakes who waits for them."""
        for act in acts:
            if type(act) is Completed:
                ticket = self._tickets.pop(act.request, None)
                if ticket is not None:
                    ticket.act = act
            else:
                assert type(act) is Partial, act
                ticket = self._tickets.get(act.request)
                if ticket is not None:
                    ticket.rows.extend(act.rows)
            if ticket is not None and ticket.has_news:
                self._wake(ticket)

    def _wake(self, ticket: Ticket) -> None:
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

    def _hurry(self) -> None:
        """Wakes the leader if the machine wants to be called sooner than it means to wake."""
        if self._asleep:
            assert self._link is not None
            wake_ns = self._link.machine.wake_at()
            if wake_ns is not None and (self._sleeps_until_ns is None or wake_ns < self._sleeps_until_ns):
                self._ring()

    def wait(self, ticket: Ticket) -> None:
        """Waits until a ticket has news, leading or following."""
        try:
            while True:
                with self._mutex:
                    if ticket.has_news:
                        break
                    if self._leader is None:
                        self._leader = ticket
                    if self._leader is ticket:
                        gate = None
                    else:
                        gate = self._followers[ticket] = threading.Lock()
                        gate.acquire()
                if gate is None:
                    self._lead(ticket)
                else:
                    gate.acquire()
        except BaseException:
            # The caller is torn away (KeyboardInterrupt, SystemExit): nobody may wait for what it would have done.
            self._withdraw(ticket)
            raise
        if self._leader is ticket:
            self._hand_over(ticket)

    def _lead(self, ticket: Ticket) -> None:
        """Drives the link until the ticket has news.

        Every turn ends with nothing left to receive, so sleeping comes first.
        """
        while True:
            with self._mutex:
                link = self._link
                if link is None or ticket.has_news:
                    return
                wait_ms = self._plan_sleep(link)
            ready = self._poll.poll(wait_ms)
            with self._mutex:
                self._asleep = False
                if self._link is None:
                    return
                fds = [fd for fd, _ in ready]
                if self._bell in fds:
                    os.eventfd_read(self._bell)
                self._deliver(link.turn(link.connections(fds)))

    def _plan_sleep(self, link: Link) -> int | None:
        """Notes that the leader is about to sleep; returns for how many ms, None for until something happens."""
        self._sleeps_until_ns = wake_ns = link.machine.wake_at()
        self._asleep = True
        if wake_ns is None:
            return None
        # Rounded up: to wake too early would mean to go to sleep again for nothing.
        return max(0, -(-(wake_ns - read_clocks().elapsed_ns) // 1_000_000))

    def _hand_over(self, ticket: Ticket) -> None:
        """Ends a lead; the one who has waited longest leads next."""
        with self._mutex:
            if self._leader is ticket:
                self._leader = None
                self._asleep = False
                for follower in self._followers:
                    self._leader = follower
                    self._followers.pop(follower).release()
                    break
                if self._closed and self._leader is None:
                    self._close_bell()

    def _withdraw(self, ticket: Ticket) -> None:
        with self._mutex:
            self._followers.pop(ticket, None)
            if self._tickets.pop(ticket.request, None) is not None and self._link is not None:
                self._deliver(self._link.turn([Forget(ticket.request)]))
        self._hand_over(ticket)

    def take_rows(self, ticket: Ticket) -> list[list[Any]]:
        """Takes what has come of a streaming call so far."""
        with self._mutex:
            rows, ticket.rows = ticket.rows, []
        return rows

    def drop(self, ticket: Ticket) -> None:
        """Ends a call whose answer nobody wants any more."""
        self._withdraw(ticket)

    def close(self) -> None:
        """Ends everything; whoever waits is told. Twice is once."""
        with self._mutex:
            link, self._link, self._closed = self._link, None, True
            if link is None:
                return
            self._deliver(link.close())
            if self._leader is None:
                self._close_bell()

    def _close_bell(self) -> None:
        """Only when nobody can be asleep on it: its number may be another file's from now on."""
        bell, self._bell = self._bell, -1
        if bell >= 0:
            os.close(bell)
