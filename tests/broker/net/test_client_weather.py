"""The client when nobody answers, answers are lost, the coordinator starts again, threads meet, processes fork."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import zmq
from serve_shard import Served
from shard_in_memory import succeed

import mainspring
from mainspring.broker.net.client import Client
from mainspring.broker.net.exceptions import (
    ClientClosed,
    IndefiniteError,
    RequestTimeout,
    Unreachable,
)
from mainspring.broker.wire.messages import Ended, Submitted

ECHO = mainspring.job("echo")


def test_an_unreachable_cluster_is_definite(tmp_path: Path) -> None:
    """Nothing was sent, and the error says so; a wait without a timeout does not hang, either."""
    with Client(f"ipc://{tmp_path}/nobody.sock", timeout=0.05) as client:
        for call in (lambda: client.submit(ECHO), lambda: client.job(5).result(), lambda: client.query("stat")):
            with pytest.raises(Unreachable, match="mainspring up"):
                call()


def test_a_lost_answer_is_asked_for_again(served: Served, client: Client) -> None:
    """The same sequence is sent again, and the job is taken once."""
    lost: list[object] = []

    def lose_first(message: object) -> bool:
        if isinstance(message, Submitted) and len(lost) < 1:
            lost.append(message)
            return True
        return False

    served.lose = lose_first
    job = client.submit(ECHO, queue="here", priority=0)
    assert lost
    assert [row["id"] for row in client.query("jobs", queue="here")] == [job.id]


def test_an_answer_that_never_comes_is_unknown(served: Served) -> None:
    """A timeout means unknown: here the job was taken."""
    with Client(served.endpoint, timeout=0.2) as client:
        client.submit(ECHO)
        served.lose = lambda message: isinstance(message, Submitted)
        with pytest.raises(RequestTimeout, match="may have been taken"):
            client.submit(ECHO)
        served.lose = lambda message: False
        assert len(client.query("jobs")) == 2


def test_a_coordinator_that_starts_again_is_found_again(served: Served, client: Client) -> None:
    """Submits and waits go on over the new connection, without the caller's doing."""
    job = client.submit(ECHO)
    ended = threading.Thread(target=lambda: job.wait(timeout=20))
    ended.start()
    served.restart()
    other = client.submit(ECHO, delay=1000)
    assert {job.status(), other.status()} == {"ready", "scheduled"}
    served.restart()
    client.cancel(job)
    ended.join(20)
    assert job.has_ended


def test_the_news_of_an_end_may_be_lost(served: Served, client: Client) -> None:
    """An awaited job is asked for again after a new connection."""
    job = client.submit(ECHO)
    served.lose = lambda message: isinstance(message, Ended)
    waiting = threading.Thread(target=lambda: job.wait(timeout=20))
    waiting.start()
    with Client(served.endpoint) as other:
        other.cancel(job.id)
    served.lose = lambda message: False
    served.restart()
    waiting.join(20)
    assert job.has_ended


def test_threads_share_a_client(served: Served, client: Client) -> None:
    """Many threads submit through one connection: each gets ids of its own, and nobody is left waiting."""
    found: list[list[int]] = []

    def run(number: int) -> None:
        found.append([client.submit(ECHO, queue=f"q{number % 5}", priority=0).id for _ in range(40)])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    ids = [id for own in found for id in own]
    assert len(ids) == len(set(ids)) == 640


def test_threads_wait_for_each_others_jobs(served: Served, client: Client) -> None:
    """Those who wait are woken by whoever drives the socket, whichever call it drives it for."""
    jobs = client.submit_many([ECHO] * 12)
    waiting = [threading.Thread(target=lambda job=job: job.wait(timeout=20)) for job in jobs]
    for thread in waiting:
        thread.start()
    for job in jobs:
        client.cancel(job)
    for thread in waiting:
        thread.join(20)
    assert all(job.has_ended for job in jobs)


def test_a_caller_that_a_signal_tears_away_leaves_the_others(served: Served, client: Client) -> None:
    """Who leads when a signal's exception comes hands over, and its own call is forgotten."""
    mine, other = client.submit_many([ECHO] * 2)

    def tear(number: int, frame: object) -> None:
        raise InterruptedError

    before = signal.signal(signal.SIGALRM, tear)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(InterruptedError):
            mine.result()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    waiting = threading.Thread(target=lambda: other.wait(timeout=20))
    waiting.start()
    assert client.cancel([mine, other]) == {mine.id: "cancelled", other.id: "cancelled"}
    waiting.join(10)
    assert other.has_ended
    assert mine.wait(timeout=5) == "cancelled"


def test_a_connection_torn_apart_is_replaced(served: Served, client: Client) -> None:
    """An exception in the middle of a turn leaves a state that nobody trusts: open calls are told, later ones work."""
    job = client.submit(ECHO)
    errors: list[IndefiniteError] = []

    def wait() -> None:
        try:
            job.wait(timeout=20)
        except IndefiniteError as error:
            errors.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    client.query("stat")
    broken: Any = mainspring.Job("echo", object())  # pyright: ignore[reportArgumentType]  (what breaks in the middle)
    with pytest.raises(TypeError):
        client.submit(broken, queue="default", priority=0)
    assert client.status(job) == {job.id: "ready"}
    client.cancel(job)
    waiting.join(10)
    assert job.has_ended or [error.code for error in errors] == ["torn"]
    assert job.wait(timeout=5) == "cancelled"


def test_close_wakes_who_waits(client: Client) -> None:
    """Waiting calls end with an error, and later ones, too; a second close is none."""
    job = client.submit(ECHO)
    errors: list[Exception] = []

    def wait() -> None:
        try:
            job.wait()
        except ClientClosed as error:
            errors.append(error)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    client.query("stat")
    client.close()
    client.close()
    for thread in threads:
        thread.join(10)
    assert len(errors) == 3
    with pytest.raises(ClientClosed):
        client.submit(ECHO)


def test_a_forked_child_has_its_own_connection(served: Served, client: Client) -> None:
    """Parent and child go on with the same client object and the same handles, and do not mix up answers."""
    job = client.submit(ECHO)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            own = client.submit(ECHO)
            assert own.id != job.id
            assert client.cancel(job) == {job.id: "cancelled"}
            client.close()
            status = 0
        finally:
            os._exit(status)
    more = [client.submit(ECHO).id for _ in range(20)]
    assert os.waitpid(pid, 0)[1] == 0
    assert len({job.id, *more}) == 21
    assert job.status() == "cancelled"
    assert len(client.query("jobs", limit=100)) == 22


def test_inproc_shares_the_nodes_context() -> None:
    """A node within the same process is reached through its own ZMQ context."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    served = Served("inproc://node", context, handler=succeed)
    with Client("inproc://node", context=context) as client:
        assert client.submit(ECHO).result(timeout=10) == len("[[],{}]")
    served.close()
    context.term()
