"""The network: frames come late, twice, in another order or not at all; links may be cut, one way or both.

Decides the fate of each frame by one draw. Every frame passes the real codec. A frame is addressed to one life of a
process, as a connection is: it never reaches the next.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..actors.draws import Draws
from ..broker.wire.codec import encode
from ..broker.wire.messages import Message
from .node import FRAME, Node

if TYPE_CHECKING:
    from .world import World

MS = 1_000_000
_FRACTION = 1 << 14


@dataclass(frozen=True, slots=True)
class Weather:
    """What frames meet. Shares are per 16384 frames."""

    delay_min_ns: int = 50_000
    delay_span_ns: int = 400_000
    loss: int = 0
    duplicate: int = 0
    spike: int = 0
    """Frames that take up to `spike_ns` longer, and are overtaken."""
    spike_ns: int = 0
    in_order: bool = True
    """Frames of one link arrive in the order in which they left, as on one TCP connection."""


CALM = Weather()


class Network:
    """All links of the world."""

    def __init__(self, world: "World", draws: Draws, weather: Weather) -> None:
        self.world = world
        self.draws = draws
        self.weather = weather
        self.nodes: dict[bytes, Node] = {}
        self.cut: set[tuple[str, str]] = set()
        self.last_ns: dict[tuple[bytes, bytes], int] = {}

    def join(self, node: Node) -> None:
        """A life of a node can be reached from now on."""
        self.nodes[node.peer] = node
        node.up = True

    def send(self, source: Node, peer: bytes, message: Message) -> None:
        """Sends one message to one life of a node; nobody hears whether it arrived."""
        frame = encode(message)
        world, weather = self.world, self.weather
        target = self.nodes.get(peer)
        if target is None or not target.up or target.peer != peer:
            world.count("frames_to_nobody")
            return
        if self.cut and (source.name, target.name) in self.cut:
            world.count("frames_cut")
            return
        draw = self.draws.next_u64()
        if draw % _FRACTION < weather.loss:
            world.count("frames_lost")
            return
        self._deliver(source, target, peer, frame, draw >> 14)
        if (draw >> 28) % _FRACTION < weather.duplicate:
            world.count("frames_doubled")
            self._deliver(source, target, peer, frame, self.draws.next_u64())

    def _deliver(self, source: Node, target: Node, peer: bytes, frame: bytes, draw: int) -> None:
        weather = self.weather
        at_ns = self.world.now_ns + weather.delay_min_ns + draw % (weather.delay_span_ns + 1)
        if (draw >> 32) % _FRACTION < weather.spike:
            at_ns += (draw >> 8) % (weather.spike_ns + 1)
            self.world.count("frames_late")
        if weather.in_order:
            link = (source.peer, peer)
            at_ns = max(at_ns, self.last_ns.get(link, 0))
            self.last_ns[link] = at_ns
        self.world.push(at_ns, target, (FRAME, source.peer, frame))

    def heal(self) -> None:
        """Mends all links, and the weather."""
        self.cut.clear()
        self.weather = self.world.options.weather_healed
