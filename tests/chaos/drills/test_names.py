"""What a drill calls its own: names and addresses, and that it refuses all others."""

import os

import pytest

from mainspring.chaos.drills.names import Names, NotOurs, check_endpoint, check_range, is_process_alive, stale


def test_names_tell_their_drill() -> None:
    """A name holds process and draw."""
    assert Names("0a1b2c", 42).of("n1") == "mainspring-drill-42-0a1b2c-n1"


def test_names_of_two_drills_differ() -> None:
    """Two drills of one process do not meet."""
    assert Names().of("hub") != Names().of("hub")


def test_an_address_is_of_the_own_network() -> None:
    """The network is drawn with the names."""
    names = Names("0a1b2c", 42)
    assert names.address(3) == "10.213.10.3"
    assert names.check("10.213.10.3") == "10.213.10.3"


@pytest.mark.parametrize("address", ["10.213.11.3", "10.214.10.3", "127.0.0.1", "8.8.8.8", "n1", ""])
def test_a_foreign_address_is_refused(address: str) -> None:
    """Not even another drill's is touched."""
    with pytest.raises(NotOurs, match="drill"):
        Names("0a1b2c", 42).check(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.212.255.255", "192.168.1.1", "::1"])
def test_an_address_outside_of_the_range_is_refused(address: str) -> None:
    """Whatever a plan says, the proxy neither listens nor connects there."""
    with pytest.raises(NotOurs, match=r"10\.213\.0\.0/16"):
        check_range(address)


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:80", "ipc:///run/x", "tcp://10.213.1.1", "tcp://10.213.1.1:x"])
def test_a_foreign_endpoint_is_refused(endpoint: str) -> None:
    """Only addresses of drills, and only with a port."""
    with pytest.raises(NotOurs):
        check_endpoint(endpoint)


def test_an_own_endpoint() -> None:
    """Host and port."""
    assert check_endpoint("tcp://10.213.1.2:7421") == ("10.213.1.2", 7421)


def test_what_is_stale() -> None:
    """What a dead drill has made, and nothing else."""
    dead, alive = Names("0a1b2c", 41).of("n1"), Names("0a1b2c", 42).of("n1")
    others = ["blue", "mainspring-drill", "mainspring-drill-41-xyz-n1", "x-" + dead, dead + "/..", "mainspring-41"]
    assert stale([dead, alive, *others], lambda pid: pid == 42) == [dead]


def test_this_process_is_alive() -> None:
    """As long as it asks."""
    assert is_process_alive(os.getpid())
