"""A node that takes no more says so to whoever calls: an exception of its own, the code, and what to do about it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from serve_shard import Served, serve_shard

import mainspring
from mainspring.actors.events import Storage
from mainspring.actors.limits import UNAPPLIED_BYTES_MAX
from mainspring.broker.net.client import Client
from mainspring.broker.wire.errors import ERRORS

BACKLOG = 5


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A shard whose queues take few jobs."""
    with serve_shard(tmp_path, backlog_jobs_max=BACKLOG) as served:
        yield served


def fill(served: Served) -> None:
    """The queue is as long as it may be."""
    with Client(served.endpoint, timeout=10) as client:
        client.submit_many([mainspring.job("echo") for _ in range(BACKLOG)])


def fill_disk(served: Served) -> None:
    """The disk has no room."""
    served.shards.members[0].inbox.append(Storage(True))


def lag(served: Served) -> None:
    """The rows are far behind the log."""
    served.shards.members[0].machine.state.image.unapplied_bytes = UNAPPLIED_BYTES_MAX + 1


@pytest.mark.parametrize(
    ("code", "kind", "cause"),
    [
        ("queue_full", mainspring.QueueFull, None),
        ("disk_full", mainspring.DiskFull, fill_disk),
        ("draining", mainspring.Draining, lambda served: served.shards.drain()),
        ("overloaded", mainspring.Overloaded, lag),
    ],
)
def test_a_refusal_is_an_exception_of_its_own(
    served: Served, code: str, kind: type[mainspring.Overloaded], cause: Callable[[Served], None] | None
) -> None:
    """The submit is not repeated in secret: it has not happened, and the text says when to try again."""
    with Client(served.endpoint, timeout=10) as client:
        client.query("queues")
        if cause is None:
            fill(served)
        else:
            served.order(lambda: cause(served))
        with pytest.raises(kind) as caught:
            client.submit(mainspring.job("echo"))
    assert type(caught.value) is kind
    assert isinstance(caught.value, mainspring.Overloaded)
    assert not isinstance(caught.value, mainspring.IndefiniteError)
    assert caught.value.code == code
    assert str(caught.value).endswith(ERRORS[code].mend)


def test_a_full_queue_is_no_matter_for_another(served: Served) -> None:
    """Only the queue that is full refuses, and only until jobs of it have ended."""
    fill(served)
    with Client(served.endpoint, timeout=10) as client:
        elsewhere = client.submit(mainspring.job("echo"), queue="other")
        assert elsewhere.status() == "ready"
        with pytest.raises(mainspring.QueueFull, match=f"has {BACKLOG} jobs of at most {BACKLOG}"):
            client.submit(mainspring.job("echo"))
        records = client.query("jobs", queue="default", limit=1)
        client.cancel(records[0]["id"])
        assert client.submit(mainspring.job("echo")).status() == "ready"


def test_more_than_fits_is_refused_whole(served: Served) -> None:
    """A message of too many jobs is not taken in part, so that nobody has to find out which."""
    with Client(served.endpoint, timeout=10) as client:
        with pytest.raises(mainspring.QueueFull) as caught:
            client.submit_many([mainspring.job("echo") for _ in range(BACKLOG + 1)])
        assert caught.value.accepted == [None] * (BACKLOG + 1)
        assert client.query("jobs") == []
