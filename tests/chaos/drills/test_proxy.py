"""The weather between members: where messages are cut, what befalls them, and that the proxy passes real sockets on."""

import asyncio
import random

import pytest
import zmq
import zmq.asyncio

from mainspring.chaos.drills import proxy as module
from mainspring.chaos.drills.names import NotOurs
from mainspring.chaos.drills.proxy import Proxy
from mainspring.chaos.drills.weather import FAIR, Way, Weather
from mainspring.chaos.drills.zmtp import FRAME_BYTES_MAX, Cutter, NotZmtp, Part

GREETING = bytes(64)
COMMAND = b"\x04\x03abc"
SHORT = b"\x00\x02hi"
TWO_FRAMES = b"\x01\x01a" + b"\x02" + (300).to_bytes(8, "big") + bytes(300)


def parts(data: bytes, sizes: list[int]) -> list[Part]:
    """Feeds a stream in pieces."""
    cutter, found = Cutter(), list[Part]()
    for size in sizes:
        piece, data = data[:size], data[size:]
        found += cutter.feed(piece)
    return found + cutter.feed(data)


@pytest.mark.parametrize("seed", range(20))
def test_messages_are_cut_whole(seed: int) -> None:
    """However the bytes come: greeting, command, a short message, one of two frames, the second long."""
    draws = random.Random(seed)
    data = GREETING + COMMAND + SHORT + TWO_FRAMES + SHORT
    found = parts(data, [draws.randint(0, 90) for _ in range(12)])
    assert b"".join(part.data for part in found) == data
    assert [part.data for part in found if part.is_message] == [SHORT, TWO_FRAMES, SHORT]
    assert [part.data for part in found if not part.is_message][-1] == COMMAND


def test_a_greeting_is_passed_on_in_pieces() -> None:
    """Each side waits for the beginning of the other's greeting."""
    cutter = Cutter()
    assert [len(part.data) for size in (10, 1, 53) for part in cutter.feed(bytes(size))] == [10, 1, 53]
    assert cutter.feed(COMMAND + SHORT) == [Part(COMMAND, is_message=False), Part(SHORT, is_message=True)]


@pytest.mark.parametrize(
    "data", [b"\x40\x00", b"\x02" + (FRAME_BYTES_MAX + 1).to_bytes(8, "big"), b"\x01\x01a" + COMMAND]
)
def test_what_is_no_zmtp_is_refused(data: bytes) -> None:
    """Unknown flags, a length beyond all, a command inside of a message."""
    with pytest.raises(NotZmtp):
        Cutter().feed(GREETING + data)


def test_one_seed_gives_one_weather() -> None:
    """The same messages fare the same again, and another link's differently."""
    storm = Weather(delay_ms=50, jitter_ms=50, loss=0.3, duplicate=0.3, reorder=0.3)

    def fates(link: str) -> list[list[float]]:
        way = Way(7, link, "there")
        return [way.arrivals(storm, float(at)) for at in range(200)]

    assert fates("n1-n2") == fates("n1-n2")
    assert fates("n1-n2") != fates("n2-n1")
    assert {len(fate) for fate in fates("n1-n2")} == {0, 1, 2}


def test_delay_keeps_the_order() -> None:
    """Messages take 400 to 600 ms, and none overtakes another."""
    way = Way(1, "n1-n2", "there")
    arrivals = [way.arrivals(Weather(delay_ms=500, jitter_ms=100), float(at))[0] for at in range(500)]
    assert arrivals == sorted(arrivals)
    assert all(400 <= arrival - at <= 600 for at, arrival in enumerate(arrivals))


def test_some_are_overtaken() -> None:
    """With `reorder` later messages come first."""
    way = Way(1, "n1-n2", "there")
    arrivals = [way.arrivals(Weather(reorder=0.3), float(at))[0] for at in range(100)]
    assert arrivals != sorted(arrivals)


def test_fair_weather_changes_nothing() -> None:
    """Each message arrives when it is sent."""
    way = Way(1, "n1-n2", "back")
    assert [way.arrivals(FAIR, float(at)) for at in range(50)] == [[float(at)] for at in range(50)]


@pytest.mark.parametrize("options", [{"loss": 1.1}, {"duplicate": -0.1}, {"delay_ms": 1, "jitter_ms": 2}])
def test_weather_has_bounds(options: dict[str, float]) -> None:
    """Shares from 0 to 1, and no message before it was sent."""
    with pytest.raises(ValueError, match=r"jitter_ms|shares"):
        Weather(**options)


def test_the_proxy_refuses_foreign_endpoints() -> None:
    """It listens and connects at addresses of drills alone."""
    with pytest.raises(NotOurs):
        asyncio.run(Proxy(1).serve("n1-n2", "tcp://127.0.0.1:7500", "tcp://10.213.1.1:7421"))
    with pytest.raises(NotOurs):
        asyncio.run(Proxy(1).serve("n1-n2", "tcp://10.213.1.1:7500", "tcp://127.0.0.1:7421"))


async def _sent(weather: Weather, messages: int) -> tuple[list[bytes], dict[str, int]]:
    """Sends messages through a proxy on loopback, the last one in fair weather; returns what arrives up to it."""
    context = zmq.asyncio.Context()
    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    for socket in (router, dealer):
        socket.setsockopt(zmq.LINGER, 0)
    proxy = Proxy(3)
    try:
        port = router.bind_to_random_port("tcp://127.0.0.1")
        server = await proxy.serve("n1-n2", "tcp://127.0.0.1:0", f"tcp://127.0.0.1:{port}")
        dealer.connect(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await dealer.send(b"first")
        await router.recv_multipart()
        proxy.set("n1-n2", weather)
        for number in range(messages):
            await dealer.send_multipart([b"%d" % number, b"body"])
        found: list[bytes] = []
        while sum(proxy.counts[kind] for kind in ("passed", "lost")) < messages + 1:
            await asyncio.sleep(0)
        proxy.set("n1-n2", FAIR)
        await dealer.send(b"last")
        while (got := await router.recv_multipart())[1] != b"last":
            assert got[2] == b"body"
            found.append(got[1])
        return found, proxy.counts
    finally:
        await proxy.close()
        context.destroy(linger=0)


@pytest.fixture
def on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the proxy use loopback, for this test alone."""

    def anywhere(endpoint: str) -> tuple[str, int]:
        host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
        return host, int(port)

    monkeypatch.setattr(module, "check_endpoint", anywhere)


@pytest.mark.usefixtures("on_loopback")
@pytest.mark.parametrize(
    ("weather", "times"),
    [(FAIR, 1), (Weather(duplicate=1.0), 2), (Weather(loss=1.0), 0)],
    ids=["fair", "twice", "lost"],
)
def test_real_messages_pass(weather: Weather, times: int) -> None:
    """Whole multiparts arrive in order: once, twice or never."""
    found, counts = asyncio.run(_sent(weather, 50))
    assert found == [b"%d" % number for number in range(50) for _ in range(times)]
    assert counts["lost"] == (50 if times == 0 else 0)
