"""Retry, skip and discard by both clients, against real shards behind a real ROUTER."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from serve_shard import Served, serve_shard

import mainspring
from mainspring.broker.net.async_client import AsyncClient
from mainspring.broker.net.client import Client
from mainspring.broker.net.exceptions import JobDiscarded, JobFailed, JobNotFound, JobSkipped
from mainspring.broker.net.who import who
from mainspring.broker.tasks.exceptions import InvalidOption
from mainspring.broker.wire.limits import REASON_CHARS_MAX
from mainspring.broker.wire.messages import JobAct, JobActed

ECHO = mainspring.job("echo")


class Moody:
    """A handler that fails until it is told otherwise."""

    def __init__(self) -> None:
        self.fails = True

    def __call__(self, run: list[Any]) -> tuple[str, str | None, str | None]:
        """Ends a run."""
        return ("failed", None, "Traceback: boom") if self.fails else ("succeeded", "7", None)


def test_a_dead_job_is_retried(tmp_path: Path) -> None:
    """Its handle forgets the old end, and waits for the new one; the audit says who and why."""
    moody = Moody()
    with serve_shard(tmp_path, handler=moody) as served, Client(served.endpoint) as client:
        job = client.submit(ECHO)
        with pytest.raises(JobFailed):
            job.result(timeout=10)
        moody.fails = False
        assert job.retry(reason="the server is back") == "retried"
        assert not job.has_ended
        assert job.result(timeout=10) == 7
        assert client.retry(job) == {job.id: "succeeded"}
        assert client.retry([job, "9999"], force=True) == {job.id: "retried", 9999: "not_found"}
        assert job.result(timeout=10) == 7
        rows = client.query("audit", object=str(job))
        assert [(row["action"], row["who"], row["before"], row["after"]) for row in rows][-1] == (
            "job retried", who(), "dead", "ready",
        )  # fmt: skip
        assert {row["note"] for row in rows} == {"the server is back", None}
    acts = [message for message in served.received if isinstance(message, JobAct)]
    assert [act.force for act in acts] == [False, False, True]


def test_jobs_are_put_aside(served: Served, client: Client) -> None:
    """A skipped and a discarded job have no result, and say so; one act after the other changes nothing."""
    job = client.submit(ECHO)
    assert (job.discard(), job.retry(), job.skip(reason="not wanted"), job.skip()) == (
        "waiting", "waiting", "skipped", "ended",
    )  # fmt: skip
    assert (job.status(), job.wait(timeout=10)) == ("skipped", "skipped")
    with pytest.raises(JobSkipped, match=f"mainspring retry {job}") as skipped:
        job.result(timeout=10)
    assert (skipped.value.state, skipped.value.attempts) == ("skipped", 0)
    gone = client.submit(ECHO)
    gone.cancel()
    assert client.discard(gone, reason="too late") == {gone.id: "discarded"}
    with pytest.raises(JobDiscarded):
        gone.result(timeout=10)
    later = client.submit(ECHO, delay=3600)
    assert (later.retry(), later.status()) == ("retried", "ready")


def test_a_job_that_nobody_knows(client: Client) -> None:
    """It is an error to whoever named it alone, and a code among others."""
    with pytest.raises(JobNotFound, match="3-1042 is not known"):
        client.job("3-1042").retry()
    with pytest.raises(JobNotFound):
        client.job(9999).skip(force=True)
    with pytest.raises(JobNotFound):
        client.job(9999).discard()
    assert client.skip([9999]) == {9999: "not_found"}
    assert client.discard([]) == {}


@pytest.mark.parametrize("reason", ["", "x" * (REASON_CHARS_MAX + 1), 5])
def test_a_bad_reason_never_travels(served: Served, client: Client, reason: Any) -> None:
    """It is refused at the call."""
    with pytest.raises(InvalidOption, match="reason is"):
        client.retry(1, reason=reason)
    assert not any(isinstance(message, JobAct) for message in served.received)


def test_an_answer_that_is_lost_comes_again(tmp_path: Path) -> None:
    """The act is done once, and its answer is the first one, although the job is not dead any more."""
    lost: list[Any] = []

    def lose(message: Any) -> bool:
        if isinstance(message, JobActed) and not lost:
            lost.append(message)
            return True
        return False

    moody = Moody()
    with serve_shard(tmp_path, handler=moody) as served, Client(served.endpoint) as client:
        served.lose = lose
        job = client.submit(ECHO)
        assert job.wait(timeout=10) == "dead"
        moody.fails = False
        assert job.retry() == "retried"
        assert lost
        assert job.result(timeout=10) == 7
        assert [row["action"] for row in client.query("audit", object=str(job))] == ["job retried"]


def test_the_same_awaited(tmp_path: Path) -> None:
    """The client for asyncio does and raises the same."""
    moody = Moody()

    async def talk(endpoint: str) -> None:
        async with AsyncClient(endpoint) as client:
            job = await client.submit(ECHO)
            assert await job.wait(timeout=10) == "dead"
            moody.fails = False
            assert await job.retry(reason="again") == "retried"
            assert await job.result(timeout=10) == 7
            assert (await job.skip(), await job.discard()) == ("succeeded", "succeeded")
            assert await client.retry(job) == {job.id: "succeeded"}
            assert await client.skip([job]) == {job.id: "succeeded"}
            assert await client.discard([job, "3-7"]) == {job.id: "succeeded", (3 << 40) + 7: "not_found"}
            with pytest.raises(JobNotFound):
                await client.job(9999).retry()

    with serve_shard(tmp_path, handler=moody) as served:
        asyncio.run(talk(served.endpoint))
