"""A client machine with its sockets: events in, frames out, answers back, on whichever thread calls.

Decides how messages share frames and when a turn is over: when nothing more has arrived. It connects to the members of
which the machine hears. Must not know who waits for what, nor of threads and event loops: pump.py and async_pump.py
drive it.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

from zmq import ZMQError

from ...actors.client.events import Close, Connect, Connected, Disconnect
from ...actors.client.session import ClientMachine
from ...actors.client.settings import ClientSettings
from ...actors.draws import Draws
from ...actors.effects import Send
from ...actors.events import PeerGone, Received
from ...actors.step import step
from ..wire.codec import WireError, decode, encode
from ..wire.limits import FRAME_BYTES_MAX
from ..wire.messages import Refused
from .clock import read_clocks
from .context import Context, shared_context
from .dealer import Dealer
from .exceptions import is_too_many_files, too_many_files

Watch = Callable[[Sequence[int], Sequence[int]], None]
"""Takes the descriptors to sleep on from now on, and those that are about to be closed."""


def _nobody(_opened: Sequence[int], _closed: Sequence[int]) -> None:
    return


class Link:
    """One machine and its connections. Not thread-safe.

    Attributes:
        fds: sleep on these between turns.
        watch: hears how they change; the driver's own.
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
        self.machine = ClientMachine((seed >> 1) or 1, draws.child("client"), settings)
        self.watch: Watch = _nobody
        self._context = context
        self._dealers: dict[bytes, Dealer] = {}
        self._monitors: dict[int, Dealer] = {}
        for name in settings.peers:
            try:
                self._open(name)
            except (OSError, ZMQError) as error:
                self.abandon()
                if is_too_many_files(error.errno):
                    raise too_many_files(name.decode()) from error
                raise
            except ValueError:
                self.abandon()
                raise

    @property
    def fds(self) -> list[int]:
        """The descriptors of all connections."""
        return [fd for dealer in self._dealers.values() for fd in dealer.fds]

    def _open(self, name: bytes) -> Dealer:
        dealer = Dealer(shared_context() if self._context is None else self._context, name.decode())
        self._dealers[name] = dealer
        self._monitors[dealer.fds[1]] = dealer
        return dealer

    def _move(self, act: Connect | Disconnect) -> None:
        """Connects to a member that a map has named, or lets one go."""
        if type(act) is Connect:
            try:
                dealer = self._open(act.peer)
            except (OSError, ZMQError, ValueError):
                return  # the others are there; what is sent to this one is dropped
            self.watch(dealer.fds, ())
            return
        dealer = self._dealers.pop(act.peer, None)
        if dealer is not None:
            del self._monitors[dealer.fds[1]]
            self.watch((), dealer.fds)
            dealer.close()

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
            for act in acts:
                if type(act) is Connect or type(act) is Disconnect:
                    self._move(act)
                else:
                    all_acts.append(act)
            if sends:
                self._send(sends)
            # Sending may have swallowed the sign that something has arrived: always look before sleeping.
            arrived = self._receive()
            if not arrived:
                return all_acts

    def connections(self, ready: Sequence[int]) -> list[Connected | PeerGone]:
        """Returns the events of connections made and broken, given the descriptors that are readable."""
        found: list[Connected | PeerGone] = []
        for fd in ready:
            dealer = self._monitors.get(fd)
            if dealer is not None:
                found += [Connected(dealer.name) if stands else PeerGone(dealer.name) for stands in dealer.news()]
        return found

    def _send(self, sends: list[Send]) -> None:
        dealers = self._dealers
        if len(sends) == 1:
            dealer = dealers.get(sends[0].peer)
            if dealer is not None:
                dealer.send([encode(sends[0].message)])
            return
        frames: dict[bytes, list[bytes]] = {}
        sizes: dict[bytes, int] = {}
        for send in sends:
            frame, peer = encode(send.message), send.peer
            size = sizes.get(peer, 0) + len(frame)
            if size > FRAME_BYTES_MAX and peer in dealers:
                dealers[peer].send(frames.pop(peer))
                size = len(frame)
            frames.setdefault(peer, []).append(frame)
            sizes[peer] = size
        for peer, parts in frames.items():
            if peer in dealers:
                dealers[peer].send(parts)

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
