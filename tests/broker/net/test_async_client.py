"""The asyncio client against real shards behind a real ROUTER."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serve_shard import Served, serve_shard
from shard_in_memory import succeed

import mainspring
from mainspring.broker.net.async_client import AsyncClient
from mainspring.broker.net.exceptions import ClientClosed, ResultTimeout, TaskRefused, Unreachable
from mainspring.broker.wire.messages import Submit, Submitted

ECHO = mainspring.job("echo")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """One shard whose jobs succeed, unless they wait."""
    with serve_shard(tmp_path, handler=succeed) as served:
        yield served


def test_the_same_api_awaited(served: Served) -> None:
    """Submit, result, status, cancel, query, wait and the errors."""

    async def main() -> None:
        async with AsyncClient(served.endpoint) as client:
            job = await client.submit(mainspring.job("echo", "hello"))
            assert await job.result(timeout=10) == 14
            assert (await job.status(), await job.wait(), await job.cancel()) == ("succeeded", "succeeded", "finished")
            assert await client.job(str(job)).result(timeout=10) == 14
            handles = await client.submit_many([ECHO] * 1500)
            await client.wait_all(handles, timeout=10)
            assert all(handle.has_ended for handle in handles)
            late = await client.submit(ECHO, delay=1000)
            with pytest.raises(ResultTimeout):
                await late.result(timeout=0.05)
            assert await client.cancel([late]) == {late.id: "cancelled"}
            assert await client.status(late) == {late.id: "cancelled"}
            assert (await client.query("queues"))[0]["queue"] == "default"
            with pytest.raises(TaskRefused):
                await client.submit(mainspring.job("nope"))
        with pytest.raises(ClientClosed):
            await client.submit(ECHO)

    asyncio.run(main())


def test_a_task_is_no_job(served: Served) -> None:
    """The asyncio client says what to write instead, too."""

    @mainspring.task(name="echo")
    def echo() -> None:
        """Does nothing."""

    task: Any = echo

    async def main() -> None:
        async with AsyncClient(served.endpoint) as client:
            with pytest.raises(TypeError, match=r"give echo\.job\("):
                await client.submit(task)
            with pytest.raises(TypeError, match=r"give echo\.job\("):
                await client.submit_many([task])

    asyncio.run(main())


def test_what_is_asked_together_travels_together(served: Served) -> None:
    """Submits of one pass of the loop share a message, and each gets its own id."""

    async def main() -> None:
        async with AsyncClient(served.endpoint) as client:
            await client.submit(ECHO)
            served.received.clear()
            handles = await asyncio.gather(*[client.submit(ECHO) for _ in range(64)])
            assert len({handle.id for handle in handles}) == 64

    asyncio.run(main())
    assert [len(message.jobs) for message in served.received if isinstance(message, Submit)] == [64]


def test_a_lost_answer_is_asked_for_again(served: Served) -> None:
    """The timer of the loop wakes the machine."""
    lost: list[object] = []

    def lose_first(message: object) -> bool:
        if isinstance(message, Submitted) and not lost:
            lost.append(message)
            return True
        return False

    async def main() -> None:
        async with AsyncClient(served.endpoint) as client:
            served.lose = lose_first
            job = await client.submit(ECHO)
            assert len(await client.query("jobs")) == 1
            assert job.id == 1

    asyncio.run(main())
    assert lost


def test_an_unreachable_cluster_is_definite(tmp_path: Path) -> None:
    """It fails in time, and other coroutines run meanwhile."""

    async def main() -> None:
        async with AsyncClient(f"ipc://{tmp_path}/nobody.sock", timeout=0.05) as client:
            with pytest.raises(Unreachable):
                await client.submit(ECHO)

    asyncio.run(main())


def test_a_cancelled_call_is_forgotten(served: Served) -> None:
    """A coroutine that is torn away leaves nothing open, and the others go on."""

    async def main() -> None:
        async with AsyncClient(served.endpoint) as client:
            late = await client.submit(ECHO, delay=1000)
            waiting = asyncio.ensure_future(late.result())
            await client.status(late)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert (await client.submit(ECHO)).id == 2

    asyncio.run(main())


def test_a_closed_client_tells_who_waits(served: Served) -> None:
    """Waiting coroutines end with an error."""

    async def main() -> None:
        client = AsyncClient(served.endpoint)
        late = await client.submit(ECHO, delay=1000)
        waiting = asyncio.ensure_future(late.result())
        await client.status(late)
        await client.close()
        await client.close()
        with pytest.raises(ClientClosed):
            await waiting

    asyncio.run(main())


def test_a_client_belongs_to_one_loop(served: Served) -> None:
    """Another loop would never hear the answers; the error says what to do."""
    client = AsyncClient(served.endpoint)

    async def submit() -> None:
        await client.submit(ECHO)

    asyncio.run(submit())
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(submit())
    asyncio.run(client.close())


def test_as_completed_yields_each_once(served: Served) -> None:
    """Handles come as their jobs end; leaving early is allowed."""

    async def main() -> None:
        async with AsyncClient(served.endpoint) as client:
            handles = await client.submit_many([ECHO] * 20)
            seen = [handle.id async for handle in client.as_completed([*handles, handles[0]], timeout=10)]
            assert sorted(set(seen)) == [handle.id for handle in handles]
            late = await client.submit(ECHO, delay=1000)
            with pytest.raises(ResultTimeout):
                await client.wait_all([late], timeout=0.01)

    asyncio.run(main())
