"""A client machine with its sockets: events in, frames out, answers back, on whichever thread calls.

Decides how messages share frames and when a turn is over: when nothing more has arrived. Must not know who waits for
what, nor of threads and event loops: pump.py and async_pump.py drive it.
"""

import os
from collections.abc import Sequence
from typing import Any

from zmq import ZMQError

from ...actors.client.events import Close, Connected
from ...actors.client.session import ClientMachine
from ...actors.client.settings import ClientSettings
from ...actors.draws import Draws
from ...actors.effects import Send
from ...actors.events import Received
from ...actors.turn import step
from ..wire.codec import WireError, decode, encode
from ..wire.limits import FRAME_BYTES_MAX
from ..wire.messages import Refused
from .clock import read_clocks
from .context import Context, shared_context
from .dealer import Dealer
from .exceptions import is_too_many_files, too_many_files


class Link:
    """One machine and its connections. Not thread-safe.

    Attributes:
        fds: sleep on these between turns.
    """

    def __init__(self, settings: ClientSettings, context: Context | None = None) -> None:
        """Draws a session and begins to connect.

        Args:
            settings: whose `peers` are endpoints.
            context: whose sockets to use; None takes the one of this process. Endpoints of inproc need the node's.

        Raises:
            TooManyFiles: the process has no descriptor left for a connection.
            ValueError: a peer is no endpoint.
        """
        seed = int.from_bytes(os.urandom(8), "big")
        draws = Draws(seed)
        self.machine = ClientMachine(f"{os.getpid()}-{seed:016x}", (seed >> 1) or 1, draws.child("client"), settings)
        self._dealers: dict[bytes, Dealer] = {}
        for name in settings.peers:
            try:
                self._dealers[name] = Dealer(shared_context() if context is None else context, name.decode())
            except (OSError, ZMQError) as error:
                self.abandon()
                if is_too_many_files(error.errno):
                    raise too_many_files(name.decode()) from error
                raise
            except ValueError:
                self.abandon()
                raise
        self.fds = [fd for dealer in self._dealers.values() for fd in dealer.fds]
        self._monitors = {dealer.fds[1]: dealer for dealer in self._dealers.values()}

    def turn(self, events: Sequence[Any]) -> list[Any]:
        """Hands events to the machine, and what arrives, until nothing more does.

        Returns:
            The machine's acts, in order.
        """
        arrived: Sequence[Any] = events or self._receive()
        now = read_clocks()
        all_acts: list[Any] = []
        while True:
            sends, acts = step(self.machine, arrived, now)
            if sends:
                self._send(sends)
            all_acts += acts
            # Sending may have swallowed the sign that something has arrived: always look before sleeping.
            arrived = self._receive()
            if not arrived:
                return all_acts

    def connections(self, ready: Sequence[int]) -> list[Connected]:
        """Returns the events of connections made anew, given the descriptors that are readable."""
        found: list[Connected] = []
        for fd in ready:
            dealer = self._monitors.get(fd)
            if dealer is not None and dealer.reconnected():
                found.append(Connected(dealer.name))
        return found

    def _send(self, sends: list[Send]) -> None:
        if len(sends) == 1:
            self._dealers[sends[0].peer].send([encode(sends[0].message)])
            return
        frames: dict[bytes, list[bytes]] = {}
        sizes: dict[bytes, int] = {}
        for send in sends:
            frame, peer = encode(send.message), send.peer
            size = sizes.get(peer, 0) + len(frame)
            if size > FRAME_BYTES_MAX:
                self._dealers[peer].send(frames.pop(peer))
                size = len(frame)
            frames.setdefault(peer, []).append(frame)
            sizes[peer] = size
        for peer, parts in frames.items():
            self._dealers[peer].send(parts)

    def _receive(self) -> list[Received]:
        found: list[Received] = []
        for name, dealer in self._dealers.items():
            for frame in dealer.receive():
                try:
                    found.append(Received(name, decode(frame)))
                except WireError as error:
                    # A peer that cannot be understood is the same to the caller as one that refuses the hello.
                    found.append(Received(name, Refused(0, 0, 0, error.code, str(error))))
        return found

    def abandon(self) -> None:
        """Closes the connections without a word to anybody: the machine is not to be trusted any more."""
        self._disconnect(is_goodbye=False)

    def _disconnect(self, *, is_goodbye: bool) -> None:
        for dealer in self._dealers.values():
            dealer.close(is_goodbye=is_goodbye)

    def close(self) -> list[Any]:
        """Ends the machine and the connections; returns the last acts."""
        said: list[Send]
        said, acts = step(self.machine, [Close()], read_clocks())
        self._send(said)
        self._disconnect(is_goodbye=bool(said))
        return acts
