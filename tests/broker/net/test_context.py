"""What clients cost a process: one ZMQ context for all, few descriptors each, an error that helps if none is left."""

import asyncio
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from serve_shard import Served

import mainspring
from mainspring.broker.net.async_client import AsyncClient
from mainspring.broker.net.client import Client
from mainspring.broker.net.context import shared_context
from mainspring.broker.net.exceptions import RequestError, TooManyFiles

FILES_A_CLIENT_MAX = 6
"""A DEALER's, its monitor's, its connection's, and the pump's bell."""

SERVER_FILES = 1
"""The server's end of a connection, for it is in the same process here."""


def open_files() -> set[int]:
    """Returns the descriptors of this process."""
    return {int(path.name) for path in Path("/proc/self/fd").iterdir()}


def settle_at(most: int) -> None:
    """Waits until no more files than these are open: ZMQ closes them on a thread of its own."""
    for _ in range(500):
        if len(open_files()) <= most:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{len(open_files())} files are open, where {most} should be")


@contextmanager
def room_for(files: int) -> Iterator[None]:
    """Lets this process open so many files more, and no others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(open_files()) + 32, hard))
    try:
        while True:
            try:
                held.append(os.dup(0))
            except OSError:
                break
        for _ in range(files):
            os.close(held.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in held:
            os.close(fd)


def test_clients_share_a_context_and_close_their_own_sockets(served: Served, client: Client) -> None:
    """Each costs a few descriptors, gives them back at its close, and leaves the others' connections alone."""
    client.query("stat")
    before = len(open_files())
    more = [Client(served.endpoint) for _ in range(8)]
    for each in more:
        each.query("stat")
    assert len(open_files()) - before <= len(more) * (FILES_A_CLIENT_MAX + SERVER_FILES)
    context = shared_context()
    for each in more:
        each.close()
    settle_at(before)
    assert context is shared_context()
    assert not context.closed
    assert client.query("stat")


def test_many_clients_come_and_go(served: Served) -> None:
    """Descriptors are used anew while their former sockets still close; nothing is mixed up and nothing stays."""
    with Client(served.endpoint) as client:
        client.query("stat")
        before = len(open_files())
        for _ in range(50):
            with Client(served.endpoint) as other:
                other.query("stat")
        settle_at(before)


def test_threads_get_one_context() -> None:
    """Whoever is first: all of them get the same."""
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(shared_context())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 8
    assert set(found) == {shared_context()}


def test_a_forked_child_has_a_context_of_its_own() -> None:
    """The parent's threads are not there."""
    context = shared_context()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            assert shared_context() is not context
            assert shared_context() is shared_context()
            assert not context.closed
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    assert shared_context() is context


@pytest.mark.parametrize("room", [0, 1, 2, 3, 4])
def test_without_descriptors_the_error_says_what_helps(served: Served, client: Client, room: int) -> None:
    """However few are missing; the same client works when there are some again, and nothing stays open."""
    client.query("stat")
    with Client(served.endpoint) as other:
        before = len(open_files())
        with room_for(room), pytest.raises(TooManyFiles, match="raise ulimit -n, or share one Client") as refused:
            other.submit(mainspring.job("echo"))
        settle_at(before)
        assert isinstance(refused.value, RequestError)
        assert isinstance(refused.value, OSError)
        assert refused.value.code == "too_many_files"
        assert other.submit(mainspring.job("echo")).status() == "ready"


def test_without_descriptors_a_coroutine_is_told_the_same(served: Served, client: Client) -> None:
    """The asyncio client raises the same error, and works afterwards."""
    client.query("stat")

    async def main() -> None:
        async with AsyncClient(served.endpoint) as other:
            with room_for(2), pytest.raises(TooManyFiles, match="ulimit"):
                await other.query("stat")
            assert await other.query("stat")

    asyncio.run(main())
