"""What endpoints' addresses need of sockets, and the words where nobody can listen."""

import errno
import socket as kernel
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from mainspring.broker.net import address
from mainspring.broker.net.address import listening_fault, speak, unknown_host
from mainspring.broker.net.dealer import Dealer


@pytest.fixture
def context() -> Iterator[zmq.Context[Any]]:
    """A context that ends with the test."""
    made: zmq.Context[Any] = zmq.Context()
    yield made
    made.destroy(0)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_both_ends_of_a_connection_mean_the_same_address(context: zmq.Context[Any], host: str) -> None:
    """IPv4, IPv6 in brackets, and a name."""
    router = context.socket(zmq.ROUTER)
    speak(router, f"tcp://{host}:0")
    try:
        router.bind(f"tcp://{host}:*")
    except zmq.ZMQError:
        if kernel.has_ipv6 and host == "[::1]":
            pytest.skip("this machine has no IPv6")
        raise
    port = router.getsockopt(zmq.LAST_ENDPOINT).rpartition(b":")[2].rstrip(b"\0").decode()
    dealer = Dealer(context, f"tcp://{host}:{port}")
    dealer.send([b"heard"])
    assert router.poll(10_000)
    assert router.recv_multipart()[1:] == [b"heard"]
    dealer.close()
    router.close(0)


@pytest.mark.parametrize(
    ("endpoint", "code", "told"),
    [
        (
            "tcp://x:1",
            errno.ENODEV,
            "tcp://x:1: its host is no name or address that is known on this machine; correct S",
        ),
        ("tcp://x:1", errno.EADDRNOTAVAIL, "tcp://x:1: its host is no address of this machine; correct S"),
        ("tcp://x:1", errno.EADDRINUSE, "tcp://x:1: Address already in use; end who uses it, or correct S"),
        ("ipc:///x", errno.ENOENT, "ipc:///x: No such file or directory; correct S"),
    ],
)
def test_why_nobody_can_listen(endpoint: str, code: int, told: str) -> None:
    """Only what is in use has somebody to end."""
    assert listening_fault(endpoint, code, "S") == told


def test_a_host_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named; addresses, sockets and what is no endpoint are nobody's question."""

    def resolve(host: str, *_: object) -> list[object]:
        if host == "known":
            return []
        raise kernel.gaierror(kernel.EAI_NONAME, "not known")

    monkeypatch.setattr(address.kernel, "getaddrinfo", resolve)
    assert unknown_host("tcp://gone.test:7411") == "gone.test"
    assert unknown_host("tcp://known:7411") is None
    assert [unknown_host(each) for each in ("ipc:///x", "tcp://[::1]:1", "tcp://x", "tcp://:1")] == [None] * 4
