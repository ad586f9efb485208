"""How a drill names what it makes in the system, and which addresses are its own.

Decides both, so that what a dead drill has left can be told from what lives, and nobody else's network is ever
touched. Must not know how namespaces are made. A name holds the drill's process and a random part; addresses lie in a
network that exists in those namespaces alone.
"""

import os
import re
import secrets
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network
from typing import Final

PREFIX: Final = "mainspring-drill"
RANGE: Final = IPv4Network("10.213.0.0/16")
"""Used inside namespaces only."""

_NAME: Final = re.compile(rf"{PREFIX}-(?P<pid>[1-9][0-9]*)-(?P<draw>[0-9a-f]{{6}})-(?P<role>[a-z0-9]+)")


class NotOurs(ValueError):
    """An address or a name that no drill has made; nothing is done to it."""


class Names:
    """The names of one drill."""

    def __init__(self, draw: str | None = None, pid: int | None = None) -> None:
        """Draws them.

        Args:
            draw: six hexadecimal digits instead of random ones.
            pid: of the drill, if it is not this process.
        """
        self.draw: Final = secrets.token_hex(3) if draw is None else draw
        self._pid: Final = os.getpid() if pid is None else pid
        third = int(self.draw[:2], 16)
        self.network: Final = IPv4Network(f"10.213.{third}.0/24")
        assert _NAME.fullmatch(self.of("hub")), self.draw

    def of(self, role: str) -> str:
        """Returns the name of one namespace or mount."""
        return f"{PREFIX}-{self._pid}-{self.draw}-{role}"

    def address(self, number: int) -> str:
        """Returns an address of the drill's network.

        Args:
            number: 1 to 254.
        """
        assert 0 < number < 255, number
        return str(self.network[number])

    def check(self, address: str) -> str:
        """Returns an address of this drill.

        Raises:
            NotOurs: it is none.
        """
        check_range(address)
        if IPv4Address(address) not in self.network:
            raise NotOurs(f"{address} is an address of another drill, whose network is not {self.network}")
        return address


def check_range(address: str) -> str:
    """Returns an address that can be a drill's.

    Raises:
        NotOurs: it lies outside of the range that drills use.
    """
    try:
        is_ours = IPv4Address(address) in RANGE
    except ValueError:
        is_ours = False
    if not is_ours:
        raise NotOurs(f"{address} is no address of a drill, which all lie in {RANGE}: a drill touches no other")
    return address


def check_endpoint(endpoint: str) -> tuple[str, int]:
    """Returns host and port of an endpoint that can be a drill's.

    Raises:
        NotOurs: it is none.
    """
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    if not endpoint.startswith("tcp://") or not port.isdecimal():
        raise NotOurs(f"{endpoint} is no endpoint of a drill: those are tcp://ADDRESS:PORT")
    return check_range(host), int(port)


def stale(names: Iterable[str], is_alive: Callable[[int], bool]) -> list[str]:
    """Returns those of the names that a drill has made which is dead.

    Args:
        names: of anything.
        is_alive: says whether a process runs.
    """
    found = ((name, _NAME.fullmatch(name)) for name in names)
    return [name for name, match in found if match is not None and not is_alive(int(match["pid"]))]


def is_process_alive(pid: int) -> bool:
    """Says whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
