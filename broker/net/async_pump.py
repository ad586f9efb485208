"""Many coroutines, one link: the event loop drives it.

Decides when the link gets a turn: once for all that was asked in one pass of the loop, and whenever a socket has news.
Must not know what is asked. Plain asyncio on the sockets' descriptors: zmq.asyncio costs many times as much a message.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Any

from ...actors.client.events import Command, Completed, Forget, Partial
from .clock import read_clocks
from .exceptions import ClientClosed
from .link import Link


class Stream:
    """A call whose rows come bit by bit."""

    __slots__ = ("act", "news", "request", "rows")

    def __init__(self, request: int) -> None:
        self.request = request
        self.rows: list[list[Any]] = []
        self.act: Completed | None = None
        self.news = asyncio.Event()


class AsyncPump:
    """A link that the coroutines of one event loop share."""

    def __init__(self, make_link: Callable[[], Link]) -> None:
        """Connects, within a running loop."""
        self.loop = asyncio.get_running_loop()
        self.pid = os.getpid()
        self._link = make_link()
        self._request = 0
        self._waiting: dict[int, asyncio.Future[Completed] | Stream] = {}
        self._asked: list[Any] = []
        self._flush: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0
        self._closed = False
        self._link.watch = self._watch
        self._watch(self._link.fds, ())

    def _watch(self, opened: Sequence[int], closed: Sequence[int]) -> None:
        """Listens on other descriptors from now on: a member has come or gone."""
        for fd in closed:
            self.loop.remove_reader(fd)
        for fd in opened:
            self.loop.add_reader(fd, self._readable, fd)

    async def call(self, command: Callable[[int], Command]) -> Completed:
        """Asks and waits for the one answer; cancelled, it forgets the request."""
        future: asyncio.Future[Completed] = self.loop.create_future()
        request = self._ask(command, future)
        try:
            return await future
        finally:
            if not future.done() or future.cancelled():
                self.forget(request)

    def stream(self, command: Callable[[int], Command]) -> Stream:
        """Asks; rows and the end come to the stream."""
        stream = Stream(0)
        stream.request = self._ask(command, stream)
        return stream

    def _ask(self, command: Callable[[int], Command], waiter: "asyncio.Future[Completed] | Stream") -> int:
        if self._closed:
            raise ClientClosed("the client is closed; make a new one")
        self._request += 1
        self._waiting[self._request] = waiter
        self._post(command(self._request))
        return self._request

    def _post(self, event: Any) -> None:
        """Hands an event to the link when everybody who is ready has run: what is asked together travels together."""
        self._asked.append(event)
        if self._flush is None:
            self._flush = self.loop.call_soon(self._turn)

    def forget(self, request: int) -> None:
        """Ends a call whose answer nobody wants any more."""
        if self._waiting.pop(request, None) is not None and not self._closed:
            self._post(Forget(request))

    def _readable(self, fd: int) -> None:
        if not self._closed:
            self._asked += self._link.connections([fd])
            self._turn()

    def _turn(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._closed:
            return
        asked, self._asked = self._asked, []
        self._deliver(self._link.turn(asked))
        self._arm()

    def _deliver(self, acts: list[Any]) -> None:
        for act in acts:
            if type(act) is Completed:
                waiter = self._waiting.pop(act.request, None)
                if isinstance(waiter, Stream):
                    waiter.act = act
                    waiter.news.set()
                elif waiter is not None and not waiter.done():
                    waiter.set_result(act)
            else:
                assert type(act) is Partial, act
                waiter = self._waiting.get(act.request)
                if isinstance(waiter, Stream):
                    waiter.rows.extend(act.rows)
                    waiter.news.set()

    def _arm(self) -> None:
        """Sets the timer, unless one comes soon enough.

        Coming too early is harmless, and cheaper than setting it each turn.
        """
        wake_ns = self._link.machine.wake_at()
        if wake_ns is None or (self._timer is not None and self._timer_ns <= wake_ns):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ns = wake_ns
        self._timer = self.loop.call_later(max(0, wake_ns - read_clocks().elapsed_ns) / 1e9, self._due)

    def _due(self) -> None:
        self._timer = None
        self._turn()

    def close(self) -> None:
        """Ends everything; whoever waits is told. Twice is once."""
        if self._closed:
            return
        self._closed = True
        if self.loop.is_closed():
            self._link.close()
            return  # nobody can be waiting
        for fd in self._link.fds:
            self.loop.remove_reader(fd)
        if self._timer is not None:
            self._timer.cancel()
        if self._flush is not None:
            self._flush.cancel()
        self._deliver(self._link.close())
