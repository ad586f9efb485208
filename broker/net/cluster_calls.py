"""Asks the members of a cluster how they see it, and has their leaders change it; for operators' commands.

Decides who is asked (every member that anybody names, each by a connection of its own) and how often. Must not know
what a change means, or how it is shown. Any member's answer leads to the others, so one endpoint is enough to begin.
"""

import select
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Final, Self

from ..wire.cluster_messages import GROUP_COLUMNS
from ..wire.codec import WireError, decode, encode
from ..wire.limits import FRAME_BYTES_MAX
from ..wire.messages import ClusterAct, ClusterActed, ClusterAsk, ClusterShown, Message, Refused
from .clock import read_clocks
from .cluster_picture import Picture
from .context import Context, shared_context
from .dealer import Dealer
from .who import who

ANSWER_MS: Final = 2_000
"""How long a member may take to answer before it counts as silent."""
PAUSE_MS: Final = 200
"""Between two times that a change is asked for."""

DONE, UNDER_WAY, NOT_HERE, REFUSED = "done", "under_way", "not_here", "refused"


class ClusterCalls:
    """Connections to members, for a few questions; use it as a context. Not thread-safe.

    Args:
        endpoints: where to begin.
        context: whose sockets to use; None takes the one of this process.

    Raises:
        ValueError: one is no endpoint.
    """

    def __init__(self, endpoints: Sequence[str], context: Context | None = None) -> None:
        self._context = shared_context() if context is None else context
        self._begin = list(endpoints)
        self._dealers: dict[str, Dealer] = {}
        self._request = 0
        self._names: dict[str, str] = {}
        """Endpoint -> the node that has answered there."""
        try:
            for endpoint in endpoints:
                self._connect(endpoint)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        for dealer in self._dealers.values():
            dealer.close()
        self._dealers = {}

    def look(self, answer_ms: int | None = None) -> Picture:
        """Asks every member for its view, those among them that are learnt of on the way.

        Args:
            answer_ms: how long each may take; None is ANSWER_MS.
        """
        self._request += 1
        request, ask = self._request, ClusterAsk(self._request)
        patience_ns = (ANSWER_MS if answer_ms is None else answer_ms) * 1_000_000
        picture = Picture()
        due_ns: dict[str, int] = {}
        known: dict[str, str] = {}

        def start(endpoint: str) -> None:
            self._connect(endpoint).send([encode(ask)])
            due_ns[endpoint] = read_clocks().elapsed_ns + patience_ns

        def heard(endpoint: str, message: Message) -> None:
            if isinstance(message, ClusterShown) and message.request == request:
                picture.shown[message.node] = message
                self._names[endpoint] = message.node
                for row in (row for group in message.groups for row in group[GROUP_COLUMNS.index("members")]):
                    known[str(row[0])] = str(row[2])
            elif isinstance(message, Refused):
                picture.refused[endpoint] = message.text
            else:
                return
            due_ns.pop(endpoint, None)
            for name, other in known.items():
                if name not in picture.shown and other and other not in self._asked(due_ns, picture):
                    start(other)
            for other, name in self._names.items():
                if name in picture.shown:
                    due_ns.pop(other, None)  # another way to somebody who has answered

        for endpoint in self._begin:
            start(endpoint)
        self._until(heard, due_ns)
        picture.silent = {name: endpoint for name, endpoint in known.items() if name not in picture.shown}
        answered = {endpoint for endpoint, name in self._names.items() if name in picture.shown}
        named = set(known.values())
        picture.lost = [e for e in self._begin if e not in answered | named | picture.refused.keys()]
        return picture

    def act(self, action: str, name: str, shards: Sequence[int], picture: Picture, *, member_endpoint: str = "",
            client_endpoint: str = "") -> dict[int, tuple[str, str]]:  # fmt: skip
        """Asks the leaders once for a change.

        Args:
            action: add, remove, transfer or drain.
            name: of the member that it is about.
            shards: in which it is to happen.
            picture: says who leads, and where.
            member_endpoint: of a member to add.
            client_endpoint: of a member to add.

        Returns:
            Shard -> the code and its text; `not_here` where nobody leads now, or did not answer.
        """
        found: dict[int, tuple[str, str]] = dict.fromkeys(shards, (NOT_HERE, "it has no leader now"))
        by_endpoint: dict[str, list[int]] = {}
        for shard, leader in picture.leaders().items():
            if shard in found and leader is not None:
                by_endpoint.setdefault(self._endpoint_of(leader, picture), []).append(shard)
        self._request += 1
        request, due_ns = self._request, dict[str, int]()
        for endpoint, led in by_endpoint.items():
            message = ClusterAct(request, who(), action, led, name, member_endpoint, client_endpoint)
            found.update(dict.fromkeys(led, (NOT_HERE, "its leader does not answer")))
            self._connect(endpoint).send([encode(message)])
            due_ns[endpoint] = read_clocks().elapsed_ns + ANSWER_MS * 1_000_000

        def heard(endpoint: str, message: Message) -> None:
            if isinstance(message, ClusterActed) and message.request == request:
                for shard, code, text in message.codes:
                    if shard in by_endpoint.get(endpoint, ()):
                        found[shard] = (str(code), str(text))
            elif isinstance(message, Refused) and message.request == request:
                found.update(dict.fromkeys(by_endpoint[endpoint], (REFUSED, message.text)))
            else:
                return
            due_ns.pop(endpoint, None)

        self._until(heard, due_ns)
        return found

    def pause(self) -> None:
        """Waits a moment before the next question; what comes meanwhile is late, and nobody's."""
        self._until(lambda _endpoint, _message: None, {"": read_clocks().elapsed_ns + PAUSE_MS * 1_000_000})

    def _endpoint_of(self, name: str, picture: Picture) -> str:
        """Returns where a node has answered."""
        return next(endpoint for endpoint, node in self._names.items() if node == name and node in picture.shown)

    def _asked(self, due_ns: dict[str, int], picture: Picture) -> set[str]:
        """Returns the endpoints that need not be asked any more."""
        answered = {endpoint for endpoint, name in self._names.items() if name in picture.shown}
        return answered | due_ns.keys() | picture.refused.keys() | set(self._begin)

    def _connect(self, endpoint: str) -> Dealer:
        if endpoint not in self._dealers:
            self._dealers[endpoint] = Dealer(self._context, endpoint)
        return self._dealers[endpoint]

    def _until(self, heard: Callable[[str, Message], None], due_ns: dict[str, int]) -> None:
        """Hands over what arrives until nothing is due any more; what comes too late is not waited for."""
        while due_ns:
            for endpoint, frame in self._frames():
                try:
                    message = decode(frame, bytes_max=FRAME_BYTES_MAX)
                except WireError as error:
                    message = Refused(0, 0, 0, error.code, str(error))
                heard(endpoint, message)
            now_ns = read_clocks().elapsed_ns
            for endpoint in [endpoint for endpoint, due in due_ns.items() if due <= now_ns]:
                del due_ns[endpoint]
            if due_ns:
                self._sleep(min(due_ns.values()) - now_ns)

    def _frames(self) -> Iterable[tuple[str, bytes]]:
        for endpoint, dealer in list(self._dealers.items()):
            while frames := dealer.receive():
                yield from ((endpoint, frame) for frame in frames)

    def _sleep(self, wait_ns: int) -> None:
        poll = select.poll()
        for dealer in self._dealers.values():
            poll.register(dealer.fds[0], select.POLLIN)
        poll.poll(min(50, max(1, wait_ns // 1_000_000)))  # the descriptors are edge-triggered: look now and then
