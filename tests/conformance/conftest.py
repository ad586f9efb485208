"""Stores of both kinds for the conformance suites."""

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from mainspring.actors.store import ShardStore
from mainspring.chaos.memory_store import MemoryStore
from mainspring.nodes.storage.shard.shard_file import ShardFile


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Gives paths of empty shard files; copies are quicker to make than files."""
    folder = tmp_path_factory.mktemp("shards")
    ShardFile(folder / "empty.db").close()
    numbers = count()

    def new() -> Path:
        return Path(shutil.copy(folder / "empty.db", folder / f"tasks_default_shard_{next(numbers)}.db"))

    return new


@pytest.fixture(params=["memory", "file"])
def make(request: pytest.FixtureRequest, files: Callable[[], Path]) -> Callable[[], ShardStore]:
    """Makes stores of one kind."""
    return MemoryStore if request.param == "memory" else lambda: ShardFile(files())
