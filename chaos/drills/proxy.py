"""The weather between members: a process that passes their connections on, message by message.

Decides how connections are joined and when a message leaves; how long it takes or whether it is lost, weather.py says.
It must not know what messages hold. Run as `python -m mainspring.chaos.drills.proxy` with a plan on standard input (one
line of JSON: seed, and links as rows [name, listen, to]); every further line is new weather for some links. It ends
when its input does. A connection that breaks on one side is broken on the other: members notice a death at once.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any, Final

from ...nodes.processes.death import die_with_parent
from .names import check_endpoint
from .weather import FAIR, Way, Weather
from .zmtp import Cutter, NotZmtp

READ_BYTES: Final = 256 * 1024
AHEAD_MS: Final = 1.0
"""What is due so soon is sent at once: timers are no finer."""


class Proxy:
    """All links of one drill."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._weather: dict[str, Weather] = {}
        self._ways: dict[tuple[str, str], Way] = {}
        self._servers: list[asyncio.Server] = []
        self._joined: set[asyncio.Task[None]] = set()
        self.counts: dict[str, int] = {"passed": 0, "lost": 0, "doubled": 0}

    def set(self, link: str, weather: Weather) -> None:
        """Changes the weather of a link; what is under way arrives as it was to."""
        self._weather[link] = weather

    async def serve(self, link: str, listen: str, to: str) -> asyncio.Server:
        """Passes on what comes in at one endpoint to another.

        Raises:
            NotOurs: one of them is no endpoint of a drill.
            OSError: the endpoint cannot be listened at.
        """
        host, port = check_endpoint(listen)
        goal = check_endpoint(to)
        self._weather.setdefault(link, FAIR)

        def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._join(link, goal, reader, writer))
            self._joined.add(task)
            task.add_done_callback(self._joined.discard)

        server = await asyncio.start_server(joined, host, port)
        self._servers.append(server)
        return server

    async def close(self) -> None:
        """Breaks all connections."""
        for server in self._servers:
            server.close()
        for task in self._joined:
            task.cancel()
        await asyncio.gather(*self._joined, return_exceptions=True)

    async def _join(
        self, link: str, goal: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Passes on one connection, both ways, until one side ends it."""
        try:
            far_reader, far_writer = await asyncio.open_connection(*goal)
        except OSError:
            writer.close()
            return
        there = asyncio.ensure_future(self._pass(link, "there", reader, far_writer))
        back = asyncio.ensure_future(self._pass(link, "back", far_reader, writer))
        try:
            await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
            for end in (writer, far_writer):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    async def _pass(
        self, link: str, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        loop, cutter = asyncio.get_running_loop(), Cutter()
        way = self._ways.setdefault((link, direction), Way(self._seed, link, direction))
        with contextlib.suppress(OSError, NotZmtp):
            while data := await reader.read(READ_BYTES):
                for part in cutter.feed(data):
                    if part.is_message:
                        self._send_later(link, way, part.data, writer.write, loop)
                    else:
                        writer.write(part.data)
                await writer.drain()

    def _send_later(
        self,
        link: str,
        way: Way,
        data: bytes,
        write: Callable[[bytes], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        now_ms = loop.time() * 1000
        arrivals = way.arrivals(self._weather[link], now_ms)
        self.counts["passed" if arrivals else "lost"] += 1
        self.counts["doubled"] += len(arrivals) > 1
        for at_ms in arrivals:
            if at_ms <= now_ms + AHEAD_MS:
                write(data)
            else:
                loop.call_at(at_ms / 1000, write, data)


def _apply(proxy: Proxy, line: str) -> None:
    """Takes a line of new weather: {"links": [names], "weather": {...}}."""
    change: dict[str, Any] = json.loads(line)
    for link in change["links"]:
        proxy.set(link, Weather(**change["weather"]))


async def _run() -> None:
    loop = asyncio.get_running_loop()
    plan: dict[str, Any] = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    proxy = Proxy(plan["seed"])
    for row in plan["links"]:
        await proxy.serve(*row)
    print("ready", flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        _apply(proxy, line)
        print(json.dumps(proxy.counts), flush=True)
    await proxy.close()


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(_run())
