"""The client against real shards behind a real ROUTER."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from serve_shard import Served, serve_shard
from shard_in_memory import succeed

import mainspring
from mainspring.broker.net.client import Client
from mainspring.broker.net.exceptions import (
    IndefiniteError,
    JobCancelled,
    JobExpired,
    JobFailed,
    JobNotFound,
    Overloaded,
    PayloadRefused,
    RequestRefused,
    ResultTimeout,
    TaskRefused,
)
from mainspring.broker.tasks.exceptions import InvalidOption, PayloadTooLarge, UnknownTask
from mainspring.broker.wire.messages import Goodbye, Submit

ECHO = mainspring.job("echo")


@mainspring.task(name="at", queue="slow", priority=5, expires=60)
def at(when: datetime) -> datetime:
    """A task whose result converts."""
    return when


@pytest.fixture
def working(tmp_path: Path) -> Iterator[Served]:
    """One shard whose jobs succeed at once."""
    with serve_shard(tmp_path, handler=succeed) as served:
        yield served


def test_a_job_comes_back_with_its_result(working: Served) -> None:
    """Submit, wait, result; a handle made from the id alone gives the same."""
    with Client(working.endpoint) as client:
        job = client.submit(mainspring.job("echo", "hello"))
        assert job.result(timeout=10) == len('[["hello"],{}]')
        assert (job.status(), job.wait(), job.cancel()) == ("succeeded", "succeeded", "finished")
        again = client.job(str(job))
        assert again == job
        assert again.result(timeout=10) == job.result()


def test_a_result_has_the_type_of_its_annotation(tmp_path: Path) -> None:
    """The handler's return annotation decides how the JSON is read."""
    when = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    with (
        serve_shard(
            tmp_path, tasks=[("at", "slow", 0)], handler=lambda run: ("succeeded", f'"{when.isoformat()}"', None)
        ) as served,
        Client(served.endpoint) as client,
    ):
        assert client.submit(at.job(when)).result(timeout=10) == when


def test_what_ends_badly_raises(tmp_path: Path) -> None:
    """A failed job gives the remote traceback; cancelled, expired and unknown ones have errors of their own."""
    with (
        serve_shard(tmp_path, handler=lambda run: ("failed", None, "Traceback: boom")) as served,
        Client(served.endpoint) as client,
    ):
        with pytest.raises(JobFailed, match="boom") as failed:
            client.submit(ECHO).result(timeout=10)
        assert (failed.value.state, failed.value.attempts, failed.value.traceback) == ("dead", 1, "Traceback: boom")
        later = client.submit(ECHO, delay=1000)
        assert later.cancel() == "cancelled"
        with pytest.raises(JobCancelled):
            later.result(timeout=10)
        with pytest.raises(JobNotFound, match="3-1042"):
            client.job("3-1042").result(timeout=10)
        assert client.job(9999).status() == "not_found"


def test_an_expired_job_raises(served: Served, client: Client) -> None:
    """A job that nobody started in time says so."""
    with pytest.raises(JobExpired):
        client.submit(ECHO, expires=0.001).result(timeout=10)


def test_waiting_is_bounded(client: Client) -> None:
    """A job that does not end in time goes on, and the caller gets a TimeoutError."""
    job = client.submit(ECHO)
    with pytest.raises(ResultTimeout) as timed_out:
        job.result(timeout=0.05)
    assert isinstance(timed_out.value, TimeoutError)
    assert not isinstance(timed_out.value, IndefiniteError)
    assert job.status() == "ready"


def test_a_close_after_a_wait_in_vain_says_goodbye(served: Served) -> None:
    """The coordinator keeps no waiter of a client that is gone; the goodbye leaves before its socket does."""
    with Client(served.endpoint) as client:
        job = client.submit(ECHO)
        with pytest.raises(ResultTimeout):
            job.result(timeout=0.05)
    for _ in range(500):
        if isinstance(served.received[-1], Goodbye):
            break
        threading.Event().wait(0.01)
    assert isinstance(served.received[-1], Goodbye)


def test_options_reach_the_shard(served: Served, client: Client) -> None:
    """The task's own options hold unless the submit overrides them; a key gives the first job."""
    when = datetime(2030, 1, 1, tzinfo=UTC)
    client.submit(at.job(when), at=when, key="k", timeout=2)
    client.submit(at.job(when), queue="other", priority=-3, retries=0, expires=1, tenant="default")
    first, second = (message.jobs[0] for message in served.received if isinstance(message, Submit))
    assert first[2:] == ["slow", "default", 5, None, 1893456000000, "k", None, 2000, 60000, None, None]
    assert second[2:5] == ["other", "default", -3]
    assert second[8][0] == 0
    assert second[10] == 1000
    assert client.submit(at.job(when), key="k") == client.submit(at.job(when), key="k")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"delay": -1}, "delay is -1"),
        ({"delay": 1, "at": datetime(2030, 1, 1, tzinfo=UTC)}, "delay and at"),
        ({"queue": "no good"}, "queue"),
        ({"colour": "red"}, "colour is no option"),
    ],
)
def test_bad_options_never_travel(client: Client, options: dict[str, object], text: str) -> None:
    """They are refused at the call, by name."""
    with pytest.raises(InvalidOption, match=text):
        client.submit(ECHO, **options)  # pyright: ignore[reportArgumentType]  (what a user may get wrong)


def test_refusals_have_classes_and_codes(client: Client) -> None:
    """What Python programmers would catch, and what is in the protocol's list."""
    with pytest.raises(TaskRefused, match="nope") as unknown:
        client.submit(mainspring.job("nope"), queue="default", priority=0)
    assert isinstance(unknown.value, UnknownTask)
    with pytest.raises(TaskRefused):
        client.submit(mainspring.job("nope"))
    with pytest.raises(RequestRefused, match="not known here") as tenant:
        client.submit(ECHO, tenant="stranger")
    assert tenant.value.code == "unknown_tenant"


def test_an_oversized_payload_is_refused_here(tmp_path: Path) -> None:
    """The shard's bound is known from the welcome, and nothing is sent."""
    with serve_shard(tmp_path, payload_bytes_max=1000) as served, Client(served.endpoint) as client:
        with pytest.raises(PayloadRefused) as refused:
            client.submit(mainspring.job("echo", "x" * 1000))
        assert isinstance(refused.value, PayloadTooLarge)
        assert not any(isinstance(message, Submit) for message in served.received)


def test_overload_is_an_answer(tmp_path: Path) -> None:
    """A full queue and a draining node refuse; what was taken of a larger submit comes with the error."""
    with serve_shard(tmp_path, backlog_jobs_max=1500) as served, Client(served.endpoint) as client:
        with pytest.raises(Overloaded) as full:
            client.submit_many([ECHO] * 2000)
        assert full.value.code == "queue_full"
        assert full.value.accepted is not None
        assert sum(id is not None for id in full.value.accepted) in (976, 1024)
        served.order(served.shards.drain)
        with pytest.raises(Overloaded) as draining:
            client.submit(ECHO)
        assert draining.value.code == "draining"


def test_many_jobs_keep_their_order(served: Served, client: Client) -> None:
    """Ids come in the caller's order, over several messages and shards."""
    jobs = [(mainspring.job("echo", n), {"queue": f"q{n % 7}", "priority": 0}) for n in range(3000)]
    handles = client.submit_many(jobs)
    assert len({handle.id for handle in handles}) == 3000
    payloads = {job.id: client.query("job", id=job)[0]["payload"] for job in handles[::500]}
    assert payloads == {handles[n].id: f"[[{n}],{{}}]" for n in range(0, 3000, 500)}
    assert {handle.id >> 40 for handle in handles} == {0, 1}


def test_submit_many_says_what_is_wrong(client: Client) -> None:
    """No jobs is no call; a key for all is none; an item that is no job is named."""
    assert client.submit_many([]) == []
    with pytest.raises(InvalidOption, match="each its own"):
        client.submit_many([ECHO, ECHO], key="k")
    with pytest.raises(TypeError, match="is no job"):
        client.submit_many(["echo"])  # pyright: ignore[reportArgumentType]  (what a user may get wrong)


def test_a_task_is_no_job(served: Served, client: Client) -> None:
    """Every way to submit says at once what to write instead, and sends nothing."""
    task: Any = at
    text = r"give at\.job\(\.\.\.\), not the task itself"
    with pytest.raises(TypeError, match=text):
        client.submit(task)
    with pytest.raises(TypeError, match=text):
        client.submit_many([ECHO, task])
    with pytest.raises(TypeError, match=text):
        client.submit_many([(task, {"delay": 1})])
    with client.batch() as batch, pytest.raises(TypeError, match=text):
        batch.submit(task)
    text = "'echo' is no job"
    nonsense: Any = "echo"
    with pytest.raises(TypeError, match=text):
        client.submit(nonsense)
    with client.batch() as batch, pytest.raises(TypeError, match=text):
        batch.submit(nonsense)
    assert not any(isinstance(message, Submit) for message in served.received)


def test_a_batch_leaves_at_its_end(served: Served, client: Client) -> None:
    """Handles have ids after the block; an exception sends nothing."""
    client.submit(ECHO)
    served.received.clear()
    with client.batch() as batch:
        first = batch.submit(ECHO, key="a")
        second = batch.submit(ECHO, delay=5)
        with pytest.raises(RuntimeError, match="not submitted yet"):
            _ = first.id
    assert first.id + 1 == second.id
    assert [len(message.jobs) for message in served.received if isinstance(message, Submit)] == [2]
    torn = client.batch()
    torn.__enter__()
    torn.submit(ECHO)
    torn.__exit__(KeyError, KeyError(), None)
    assert len([message for message in served.received if isinstance(message, Submit)]) == 1


def test_many_are_awaited_at_once(working: Served) -> None:
    """`as_completed` yields each handle once; `wait_all` leaves nothing to ask."""
    with Client(working.endpoint) as client:
        handles = client.submit_many([ECHO] * 1500)
        assert {handle.id for handle in client.as_completed([*handles, handles[0]], timeout=10)} == {
            handle.id for handle in handles
        }
        client.wait_all(handles, timeout=0)
        assert all(handle.has_ended for handle in handles)
        stuck = client.submit(ECHO, delay=1000)
        with pytest.raises(ResultTimeout, match="1 of 1"):
            client.wait_all([*handles, stuck], timeout=0.05)
        for handle in client.as_completed([stuck, *handles]):
            assert handle.has_ended
            break


def test_queries_gather_all_shards(client: Client) -> None:
    """Rows of every shard, as dicts; one shard only where a job is named."""
    client.submit_many([(ECHO, {"queue": f"q{n}"}) for n in range(8)])
    assert {row["queue"] for row in client.query("queues")} == {f"q{n}" for n in range(8)}
    assert len(client.query("jobs", limit=3, state=None)) == 6
    _, _, more = client.listing("jobs", limit=1)
    assert more
    with pytest.raises(RequestRefused) as refused:
        client.query("nonsense")
    assert refused.value.code == "invalid_query"


def test_cancel_and_status_of_several(client: Client) -> None:
    """Handles, integers and texts are ids alike."""
    one, two = client.submit_many([ECHO, ECHO])
    assert client.cancel([one, two.id, "7-9"]) == {one.id: "cancelled", two.id: "cancelled", (7 << 40) + 9: "not_found"}
    assert client.status(one) == {one.id: "cancelled"}
    with pytest.raises(ValueError, match="is not a job id"):
        client.status("x")
