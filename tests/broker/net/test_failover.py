"""Both clients and three nodes: the leader goes, another one comes, and what was asked is answered."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_cluster import ScriptedCluster

import mainspring
from mainspring.broker.net.async_client import AsyncClient
from mainspring.broker.net.client import Client
from mainspring.broker.net.exceptions import Unreachable
from mainspring.broker.wire.messages import Await, Submit

ECHO = mainspring.job("echo")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ScriptedCluster]:
    """Three nodes; a leads."""
    cluster = ScriptedCluster(tmp_path)
    yield cluster
    cluster.close()


def in_thread(work: threading.Thread) -> threading.Thread:
    """Starts a thread."""
    work.start()
    return work


def test_a_submit_survives_the_leaders_end(cluster: ScriptedCluster) -> None:
    """It waits while nobody leads, and goes to the next one as soon as that one calls."""
    with Client(cluster.url, timeout=30) as client:
        first = client.submit(ECHO)
        cluster.kill("a")
        found: list[int] = []
        work = in_thread(threading.Thread(target=lambda: found.append(client.submit(ECHO).id)))
        cluster.elect("b")
        work.join(20)
        assert found == [1001]
        assert first.id == 1
        assert not [message for message in cluster.nodes["c"].heard if isinstance(message, Submit)]


def test_a_result_survives_the_leaders_end(cluster: ScriptedCluster) -> None:
    """Who waits for a job asks the next leader for it."""
    with Client(cluster.url, timeout=30) as client:
        job = client.submit(ECHO)
        found: list[object] = []
        work = in_thread(threading.Thread(target=lambda: found.append(job.result(timeout=30))))
        while not any(isinstance(message, Await) for message in list(cluster.nodes["a"].heard)):
            client.submit(ECHO)
        cluster.kill("a")
        cluster.elect("c")
        cluster.finish()
        work.join(20)
        assert found == [7]


def test_one_endpoint_is_enough(cluster: ScriptedCluster) -> None:
    """The others are learnt from its map, and the client goes on without the one that it was given."""
    with Client(cluster.endpoints["a"], timeout=30) as client:
        client.submit(ECHO)
        while not all(node.guests for node in cluster.nodes.values()):
            client.submit(ECHO)
        cluster.kill("a")
        cluster.elect("b")
        assert client.submit(ECHO).id > 1
        cluster.kill("b")
        cluster.elect("c")
        assert client.submit(ECHO).id > 1001


def test_a_member_that_was_removed_is_let_go(cluster: ScriptedCluster) -> None:
    """Its connection is closed, whoever sleeps on it."""
    with Client(cluster.endpoints["a"], timeout=30) as client:
        job = client.submit(ECHO)
        work = in_thread(threading.Thread(target=lambda: job.wait(timeout=30)))
        while not all(node.guests for node in cluster.nodes.values()):
            client.submit(ECHO)
        del cluster.members["c"]
        cluster.tell()
        client.submit(ECHO)
        cluster.kill("c")
        cluster.kill("a")
        cluster.elect("b")
        cluster.finish()
        work.join(20)
        assert job.has_ended


def test_coroutines_go_on_with_the_next_leader(cluster: ScriptedCluster) -> None:
    """As threads do; the members are learnt, and one of them is let go."""

    async def main() -> None:
        async with AsyncClient(cluster.endpoints["a"], timeout=30) as client:
            job = await client.submit(ECHO)
            waiting = asyncio.ensure_future(job.result(timeout=30))
            while not all(node.guests for node in cluster.nodes.values()):
                await client.submit(ECHO)
            cluster.kill("a")
            more = [asyncio.ensure_future(client.submit(ECHO)) for _ in range(50)]
            await asyncio.sleep(0)
            cluster.elect("c")
            assert len({handle.id for handle in await asyncio.gather(*more)}) == 50
            del cluster.members["b"]
            cluster.tell()
            await client.submit(ECHO)
            cluster.finish()
            assert await waiting == 7

    asyncio.run(main())


def test_who_finds_nobody_hears_where_it_was_looked_for(tmp_path: Path) -> None:
    """All endpoints are named."""
    url = ",".join(f"ipc://{tmp_path}/{name}.sock" for name in "abc")
    with Client(url, timeout=0.05) as client, pytest.raises(Unreachable) as caught:
        client.submit(ECHO)
    assert all(f"{tmp_path}/{name}.sock" in str(caught.value) for name in "abc")
