"""What an endpoint's address needs of a socket, and why nobody can listen at one, in words.

Decides the family: brackets mean IPv6, everything else IPv4, so that a name stands for the same address at both ends of
a connection. Knows nothing of what is said there.
"""

import errno
import socket as kernel
from typing import Any, Final

import zmq

_WHY: Final = {
    errno.ENODEV: "its host is no name or address that is known on this machine",
    errno.EADDRNOTAVAIL: "its host is no address of this machine",
}


def speak(socket: zmq.Socket[Any], endpoint: str) -> None:
    """Prepares a socket for an endpoint; call it before each bind or connect."""
    socket.setsockopt(zmq.IPV6, int(endpoint.startswith("tcp://[")))


def listening_fault(endpoint: str, code: int, setting: str) -> str:
    """Says why nobody can listen at an endpoint, and what to do.

    Args:
        endpoint: as the settings have it.
        code: the error number.
        setting: where it stands.
    """
    why = _WHY.get(code, zmq.strerror(code)) if endpoint.startswith("tcp://") else zmq.strerror(code)
    do = f"end who uses it, or correct {setting}" if code == errno.EADDRINUSE else f"correct {setting}"
    return f"{endpoint}: {why}; {do}"


def unknown_host(endpoint: str) -> str | None:
    """Returns the host of an endpoint if it is a name that nobody here knows. It may take as long as the resolver."""
    if not endpoint.startswith("tcp://") or endpoint.startswith("tcp://["):
        return None
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    if not (host and port):
        return None  # no endpoint at all
    try:
        kernel.getaddrinfo(host, port, kernel.AF_INET, kernel.SOCK_STREAM)
    except kernel.gaierror:
        return host
    except (OSError, UnicodeError):
        return None  # no fault of the name
    return None
