"""What the tests of the clients share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from serve_shard import Served, serve_shard

from mainspring.broker.net.client import Client


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Two shards whose jobs stay as they are."""
    with serve_shard(tmp_path, shards=2, tasks=[("echo", "default", 0), ("at", "slow", 5)]) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    """A client of `served`."""
    with Client(served.endpoint, timeout=10) as client:
        yield client
