"""The clients of a drill, in a process of their own: they submit one by one and in batches, under keys.

Decides the load: how fast, which tasks, and that what was not acknowledged is tried again under the same keys. Must not
know faults. Run as `python -m mainspring.chaos.drills.load PARENT_PID` with a plan on standard input, one line of JSON;
it says `flows` once a job was taken, and stops when its input ends: no new ops then, and those that are open are seen
through.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, Self

from ...broker.net.async_client import AsyncClient
from ...broker.net.exceptions import IndefiniteError, RequestError
from ...broker.net.rows import Submission
from ...nodes.processes.death import die_with_parent
from . import history, tasks

PAUSE_S: Final = 0.02
FLUSH_EVERY_S: Final = 0.1
SEE_THROUGH_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is submitted."""

    url: str
    folder: str
    """Where handlers write down their runs."""
    history: str
    prefix: str
    """Of the keys."""
    seed: int = 0
    workers: int = 4
    """Coroutines that submit one job after the other."""
    every_s: float = 0.02
    """The pace of each, if its call is over by then."""
    batch_jobs: int = 20
    batch_every_s: float = 0.2
    slow_share: float = 0.05
    process_share: float = 0.02
    beats: int = 5
    """How long such jobs take, in steps of tasks.BEAT_S."""
    timeout_s: float = 10.0

    def to_json(self) -> str:
        """Returns the plan as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads a plan."""
        return cls(**json.loads(text))


class Clients:
    """The load while it runs."""

    def __init__(self, plan: Load) -> None:
        self._plan = plan
        self._draws = Random(plan.seed)
        self._writer = history.Writer(Path(plan.history))
        self._ops = 0
        self._jobs = 0
        self.stopping = asyncio.Event()
        self.flows = asyncio.Event()

    def _drawn(self) -> Submission:
        plan, draw = self._plan, self._draws.random()
        number = self._jobs
        self._jobs += 1
        job: Any
        if draw < plan.process_share:
            job = tasks.in_process.job(plan.folder, number, plan.beats)
        elif draw < plan.process_share + plan.slow_share:
            job = tasks.slow.job(plan.folder, number, plan.beats)
        else:
            job = tasks.quick.job(plan.folder, number)
        return job, {"key": f"{plan.prefix}{number}"}

    async def _see_through(self, client: AsyncClient, count: int) -> None:
        """Submits jobs, again and again under the same keys, until they are taken."""
        self._ops += 1
        op, jobs = self._ops, [self._drawn() for _ in range(count)]
        self._writer.note(history.INVOKE, op, keys=[str(options.get("key")) for _, options in _pairs(jobs)])
        until_s = time.monotonic() + SEE_THROUGH_S
        while time.monotonic() < until_s:
            try:
                handles = await client.submit_many(jobs)
            except IndefiniteError as error:
                self._writer.note(history.UNKNOWN, op, code=error.code)
            except RequestError as error:
                # Of a batch some may have been taken; the same keys find them again.
                taken = any(id is not None for id in error.accepted or ())
                self._writer.note(history.UNKNOWN if taken else history.REFUSED, op, code=error.code)
            else:
                self._writer.note(history.OK, op, ids=[handle.id for handle in handles])
                self.flows.set()
                return
            await asyncio.sleep(PAUSE_S)

    async def _work(self, client: AsyncClient, count: int, every_s: float) -> None:
        next_s = time.monotonic()
        while not self.stopping.is_set():
            await self._see_through(client, count)
            next_s = max(next_s + every_s, time.monotonic())
            await asyncio.sleep(max(0.0, next_s - time.monotonic()))

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            self._writer.flush()

    async def run(self) -> None:
        """Submits until `stopping` is set, and sees the open ops through."""
        plan = self._plan
        flusher = asyncio.ensure_future(self._flush())
        async with AsyncClient(plan.url, timeout=plan.timeout_s) as client:
            work = [self._work(client, 1, plan.every_s) for _ in range(plan.workers)]
            if plan.batch_jobs:
                work.append(self._work(client, plan.batch_jobs, plan.batch_every_s))
            await asyncio.gather(*work)
        flusher.cancel()
        self._writer.close()


def _pairs(jobs: list[Submission]) -> list[tuple[Any, dict[str, Any]]]:
    return [job if isinstance(job, tuple) else (job, {}) for job in jobs]  # pyright: ignore[reportReturnType]  (typed dicts are dicts)


async def _run(plan: Load) -> None:
    clients, loop = Clients(plan), asyncio.get_running_loop()
    running = asyncio.ensure_future(clients.run())
    flowing = asyncio.ensure_future(clients.flows.wait())
    await asyncio.wait((flowing, running), return_when=asyncio.FIRST_COMPLETED)
    print("flows", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    clients.stopping.set()
    await running
    print("done", flush=True)


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(_run(Load.from_json(sys.stdin.readline())))
