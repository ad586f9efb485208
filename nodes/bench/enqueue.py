"""N3 and N4: how fast one client gets jobs taken, one a call or many a call, each on disk before the call returns.

Decides what counts: jobs that the client has an id for, over the time from the first call, the making of the jobs
included. No executor runs. One a call is done twice with 64 calls in flight, by coroutines of an AsyncClient and by
threads that share a Client; the better of the two counts, and both are told.
"""

import asyncio
import threading
import time
from pathlib import Path

from ...broker.net.async_client import AsyncClient
from ...broker.net.client import Client
from . import tasks
from .drain import CHUNK_JOBS, announced
from .sizes import Sizes

IN_FLIGHT = 64


def measure(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns jobs a second, one by one and in batches."""
    with announced(folder) as node:
        coroutines = asyncio.run(_coroutines(node.url, sizes.single_jobs))
        threads = _threads(node.url, sizes.single_jobs)
        in_turn = _in_turn(node.url, sizes.single_jobs // 10)
        batches = _batches(node.url, sizes.batch_jobs)
    return {
        "n3": max(coroutines, threads),
        "n3_coroutines": coroutines,
        "n3_threads": threads,
        "n3_in_turn": in_turn,
        "n4": batches,
    }


async def _coroutines(url: str, jobs: int) -> float:
    async with AsyncClient(url) as client:
        await client.submit(tasks.noop.job())

        async def work(count: int) -> None:
            for _ in range(count):
                await client.submit(tasks.noop.job())

        begun = time.perf_counter()
        await asyncio.gather(*(work(jobs // IN_FLIGHT) for _ in range(IN_FLIGHT)))
        return jobs // IN_FLIGHT * IN_FLIGHT / (time.perf_counter() - begun)


def _threads(url: str, jobs: int) -> float:
    with Client(url) as client:
        client.submit(tasks.noop.job())

        def work(count: int) -> None:
            for _ in range(count):
                client.submit(tasks.noop.job())

        workers = [threading.Thread(target=work, args=(jobs // IN_FLIGHT,)) for _ in range(IN_FLIGHT)]
        begun = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return jobs // IN_FLIGHT * IN_FLIGHT / (time.perf_counter() - begun)


def _in_turn(url: str, jobs: int) -> float:
    with Client(url) as client:
        client.submit(tasks.noop.job())
        begun = time.perf_counter()
        for _ in range(jobs):
            client.submit(tasks.noop.job())
        return jobs / (time.perf_counter() - begun)


def _batches(url: str, jobs: int) -> float:
    with Client(url) as client:
        client.submit(tasks.noop.job())
        begun = time.perf_counter()
        for start in range(0, jobs, CHUNK_JOBS):
            client.submit_many([tasks.noop.job() for _ in range(min(CHUNK_JOBS, jobs - start))])
        return jobs / (time.perf_counter() - begun)
