"""docs/shard-file.md: its queries run, and its tables of columns are complete."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from schedule_entries import schedules_of_each
from shard_entries import apply, one_of_each

from mainspring.actors.jobs.lifecycle import STATES
from mainspring.actors.schedules.reasons import REASONS
from mainspring.nodes.storage.shard.offline import open_offline
from mainspring.nodes.storage.shard.schedule_views import SCHEDULE_VIEWS
from mainspring.nodes.storage.shard.schema import APPLICATION_ID
from mainspring.nodes.storage.shard.shard_file import ShardFile
from mainspring.nodes.storage.shard.views import VIEWS

PAGE = (Path(__file__).parents[4] / "docs" / "shard-file.md").read_text("utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A shard file with a job and a schedule in each state, opened as the page says."""
    path = tmp_path_factory.mktemp("page") / "tasks_default_shard_3.db"
    store = ShardFile(path)
    apply(store, *one_of_each(), *schedules_of_each())
    store.close()
    connection = open_offline(path)
    yield connection
    connection.close()


@pytest.mark.parametrize("query", QUERIES)
def test_query(shard: sqlite3.Connection, query: str) -> None:
    """Every query of the page runs, and finds something in a shard that has something of everything."""
    assert shard.execute(query).fetchall()


def test_there_are_queries() -> None:
    """The pattern above finds them."""
    assert len(QUERIES) == 14


def test_columns_are_described(shard: sqlite3.Connection) -> None:
    """Every view is named, and every column of it stands in code letters somewhere behind that."""
    for view in VIEWS | SCHEDULE_VIEWS:
        assert f"`{view}`" in PAGE
        section = PAGE[PAGE.index(f"`{view}`") :]
        columns = {row[1] for row in shard.execute(f"PRAGMA table_info({view})")} - set(STATES.values())
        assert {column for column in columns if f"`{column}`" not in section} == set(), view


def test_application_id_is_right() -> None:
    """The page names the id that files carry."""
    assert f"`{APPLICATION_ID:#X}`".replace("X", "x") in PAGE


def test_reasons_are_described() -> None:
    """The page names every reason that v_ticks may show."""
    assert {reason.name for reason in REASONS.values() if f"`{reason.name}`" not in PAGE} == set()
