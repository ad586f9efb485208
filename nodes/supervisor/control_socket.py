"""The control socket: one request a connection comes in as a line, answers go out as lines.

Decides who may ask (the node's user and root) and what a peer may cost: its line, its answers and its time have bounds,
and nothing here blocks. It must not know what is asked. Clocks come from outside.
"""

import json
import os
import select
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from .errors import NodeError

CONNECTIONS_MAX: Final = 16
REQUEST_BYTES_MAX: Final = 4096
ANSWERS_BYTES_MAX: Final = 1024 * 1024
"""Answers that wait for a peer that does not read them; beyond this it is dropped."""
PATIENCE_NS: Final = 5_000_000_000
"""For a request to come whole, and for answers to be taken."""
ACCEPT_PAUSE_NS: Final = 1_000_000_000
"""After an accept that failed, for want of descriptors for instance."""

_READ_BYTES: Final = 4096
_LEFT_BYTES: Final = 256 * 1024
"""More than a socket holds."""
_CREDENTIALS: Final = struct.Struct("3i")
"""`struct ucred`: process, user, group."""


class _Peer:
    def __init__(self, number: int, sock: socket.socket, due_ns: int) -> None:
        self.number = number
        self.sock = sock
        self.due_ns: int | None = due_ns
        """By when it must have asked, or taken an answer; None while it waits for us."""
        self.heard = b""
        self.has_asked = False
        self.answers = b""
        self.is_done = False


class ControlSocket:
    """Listens at a path until `close`.

    Args:
        path: of the socket; a socket that a killed node has left there is replaced.

    Raises:
        NodeError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._peers: dict[int, _Peer] = {}
        """By descriptor."""
        self._last_number = 0
        self._deaf_until_ns = 0
        mask = os.umask(0o177)  # from the first moment it is open to its user alone
        try:
            path.unlink(missing_ok=True)
            self._listener.bind(os.fsencode(path))
            self._listener.listen(CONNECTIONS_MAX)
        except OSError as error:
            self._listener.close()
            raise NodeError(
                f"{path}: cannot be made ({error.strerror}): remove what is there, or give another data_dir"
            ) from error
        finally:
            os.umask(mask)

    def watched(self, now_ns: int) -> dict[int, int]:
        """Returns the descriptors to poll, with what for."""
        found = {fd: self._wanted(peer) for fd, peer in self._peers.items()}
        if now_ns >= self._deaf_until_ns:
            found[self._listener.fileno()] = select.POLLIN
        return found

    def wake_ns(self, now_ns: int) -> int | None:
        """Returns when `turn` is to be called even if nobody has said anything, in elapsed ns."""
        dues = [peer.due_ns for peer in self._peers.values() if peer.due_ns is not None]
        if now_ns < self._deaf_until_ns:
            dues.append(self._deaf_until_ns)
        return min(dues, default=None)

    def turn(self, found: Mapping[int, int], now_ns: int) -> list[tuple[int, bytes]]:
        """Takes what has come.

        Args:
            found: the descriptors that a poll has found, with what it has found.
            now_ns: elapsed ns.

        Returns:
            Requests, as the number of the connection and the line; each has to be answered by `end`.
        """
        requests: list[tuple[int, bytes]] = []
        for fd, peer in list(self._peers.items()):
            events = found.get(fd, 0)
            if peer.due_ns is not None and peer.due_ns <= now_ns:
                self._on_late(peer, now_ns)
            elif events & select.POLLIN and not peer.has_asked:
                requests += self._hear(peer, now_ns)
            elif events & select.POLLOUT:
                self._flush(peer, now_ns)
            elif events & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                self._drop(peer)
        # Last: a new peer may have got a descriptor that was found as somebody else's, closed meanwhile.
        if self._listener.fileno() in found:
            self._accept(now_ns)
        return requests

    def tell(self, number: int, now_ns: int, /, **said: object) -> None:
        """Sends one line on the way to the answer; nobody hears it if the peer is gone."""
        peer = next((peer for peer in self._peers.values() if peer.number == number), None)
        if peer is not None and not peer.is_done:
            self._say(peer, said, now_ns)

    def end(self, number: int, now_ns: int, /, *, ok: bool, **said: object) -> None:
        """Sends the last line; the connection is closed when the peer has it."""
        peer = next((peer for peer in self._peers.values() if peer.number == number), None)
        if peer is not None and not peer.is_done:
            self._end(peer, {"done": True, "ok": ok, **said}, now_ns)

    def close(self) -> None:
        """Closes all connections and removes the socket."""
        for peer in list(self._peers.values()):
            self._drop(peer)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _wanted(self, peer: _Peer) -> int:
        # A hangup is always told; what else a peer sends behind its request is left where it is.
        return (0 if peer.has_asked else select.POLLIN) | (select.POLLOUT if peer.answers else 0)

    def _accept(self, now_ns: int) -> None:
        for _ in range(CONNECTIONS_MAX):
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:
                # Polled on at once, it would hold the supervisor up.
                self._deaf_until_ns = now_ns + ACCEPT_PAUSE_NS
                return
            sock.setblocking(False)
            self._last_number += 1
            peer = _Peer(self._last_number, sock, now_ns + PATIENCE_NS)
            is_full = len(self._peers) >= CONNECTIONS_MAX
            self._peers[sock.fileno()] = peer
            if not may_ask(_uid_of(sock), os.geteuid()):
                self._refuse(
                    peer, "not_allowed", "the control socket is for the node's user: run this as that user", now_ns
                )
            elif is_full:
                text = f"{CONNECTIONS_MAX} connections are open: end some, and ask again"
                self._refuse(peer, "overloaded", text, now_ns)

    def _hear(self, peer: _Peer, now_ns: int) -> list[tuple[int, bytes]]:
        try:
            data = peer.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            self._drop(peer)
            return []
        peer.heard += data
        line, end, _ = peer.heard.partition(b"\n")
        if len(line) > REQUEST_BYTES_MAX:
            self._refuse(
                peer, "malformed", f"a request has at most {REQUEST_BYTES_MAX} bytes: send a shorter one", now_ns
            )
        elif end:
            peer.has_asked, peer.due_ns, peer.heard = True, None, b""
            return [(peer.number, line)]
        elif not data and line:
            self._refuse(peer, "malformed", "the request has no end: send a line end behind it", now_ns)
        elif not data:
            self._drop(peer)
        return []

    def _on_late(self, peer: _Peer, now_ns: int) -> None:
        if peer.has_asked:
            self._drop(peer)  # it does not read
        else:
            text = f"no whole request within {PATIENCE_NS // 1_000_000_000} s: send one line, with its end"
            self._refuse(peer, "malformed", text, now_ns)

    def _refuse(self, peer: _Peer, code: str, text: str, now_ns: int) -> None:
        peer.has_asked = True
        self._end(peer, {"done": True, "ok": False, "code": code, "text": text}, now_ns)

    def _end(self, peer: _Peer, said: Mapping[str, object], now_ns: int) -> None:
        peer.is_done = True
        self._say(peer, said, now_ns)

    def _say(self, peer: _Peer, said: Mapping[str, object], now_ns: int) -> None:
        if not peer.answers:
            peer.due_ns = now_ns + PATIENCE_NS
        peer.answers += json.dumps(said).encode() + b"\n"
        if len(peer.answers) > ANSWERS_BYTES_MAX:
            self._drop(peer)
        else:
            self._flush(peer, now_ns)

    def _flush(self, peer: _Peer, now_ns: int) -> None:
        try:
            sent = peer.sock.send(peer.answers)
        except BlockingIOError:
            return
        except OSError:
            self._drop(peer)
            return
        peer.answers = peer.answers[sent:]
        peer.due_ns = now_ns + PATIENCE_NS if peer.answers else None
        if peer.is_done and not peer.answers:
            self._drop(peer)

    def _drop(self, peer: _Peer) -> None:
        del self._peers[peer.sock.fileno()]
        with suppress(OSError):
            peer.sock.recv(_LEFT_BYTES)  # what is left unread would turn the end into a reset
        peer.sock.close()


def may_ask(peer_uid: int, own_uid: int) -> bool:
    """Says whether a user may ask: the node's own, and root."""
    return peer_uid in (own_uid, 0)


def _uid_of(sock: socket.socket) -> int:
    told: Any = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return _CREDENTIALS.unpack(told)[1]
