"""Pages of jobs over several shards: each job once, the newest first."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shard_entries import EXECUTORS, LANES, START_MS, a_finish, a_submit, an_entry, apply

from mainspring.actors.jobs import lifecycle as life
from mainspring.actors.store import ReadListing
from mainspring.broker.wire.ids import job_id, parse_id, shard_of
from mainspring.nodes.cli.job_pages import SEARCHES_MAX, Page, read_page, shown_before
from mainspring.nodes.storage.shard.listing_rules import LIMIT_MAX, SCAN_IDS
from mainspring.nodes.storage.shard.shard_file import ShardFile


class Cluster:
    """Real shard files, asked as a client asks a cluster: all at once."""

    def __init__(self, folder: Path, shards: int) -> None:
        self.stores = {shard: ShardFile(folder / f"tasks_default_shard_{shard}.db") for shard in range(shards)}
        for store in self.stores.values():
            apply(store, an_entry(LANES, EXECUTORS))
        self.asked = 0

    def submit(self, shard: int, sequence: int, stamp_ms: int, **columns: Any) -> int:
        """Takes a job; gives its id."""
        id = job_id(shard, sequence)
        apply(self.stores[shard], an_entry(a_submit(id, 1, sequence=sequence, **columns), stamp_ms=stamp_ms))
        return id

    def listing(self, name: str, **chosen: Any) -> tuple[list[str], list[list[Any]], bool]:
        """Answers as `Client.listing` does."""
        self.asked += 1
        answers = [store.read(ReadListing(name, chosen)) for store in self.stores.values()]
        return answers[0][0], [row for answer in answers for row in answer[1]], any(answer[2] for answer in answers)

    def close(self) -> None:
        """Closes the files."""
        for store in self.stores.values():
            store.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three shards, the last one empty; jobs came to the first two in turn, in pairs of one millisecond."""
    made = Cluster(tmp_path_factory.mktemp("pages"), 3)
    for number in range(1, 31):
        made.submit(number % 2, (number + 1) // 2, START_MS + number // 2, lane=2 if number % 5 == 0 else 1)
    apply(made.stores[1], an_entry(a_finish(job_id(1, 3), state=life.DEAD), stamp_ms=START_MS + 100))
    yield made
    made.close()


def pages(cluster: Cluster, chosen: dict[str, Any], limit: int, before: list[int] | None = None) -> list[Page]:
    """Reads all pages, as somebody who types the commands that are printed."""
    found = [read_page(cluster, chosen, before or [], limit)]
    while found[-1].before:
        assert len(found) < 100, "the pages do not end"
        words = shown_before(found[-1].before).split(",")
        found.append(read_page(cluster, chosen, [parse_id(word) for word in words], limit))
    return found


@given(
    st.integers(1, 40), st.sampled_from([{}, {"queue": "slow"}, {"state": "dead"}, {"state": "ready"}, {"task": "no"}])
)
def test_every_job_is_shown_once_and_newest_first(cluster: Cluster, limit: int, chosen: dict[str, Any]) -> None:
    """The pages together must be the one page that has all."""
    rows = [row for page in pages(cluster, chosen, limit) for row in page.rows]
    (whole,) = pages(cluster, chosen, 100)
    assert rows == whole.rows
    assert len({row["id"] for row in rows}) == len(rows)
    assert [row["created_ms"] for row in rows] == sorted((row["created_ms"] for row in rows), reverse=True)
    expected = {"queue": 6, "state": 1 if chosen.get("state") == "dead" else 29, "task": 0}
    assert len(rows) == next((expected[key] for key in chosen), 30)


def test_full_pages_are_full(cluster: Cluster) -> None:
    """Only the last page may have fewer jobs than asked for, and none may be empty but of nothing."""
    assert [len(page.rows) for page in pages(cluster, {}, 7)] == [7, 7, 7, 7, 2]
    assert [len(page.rows) for page in pages(cluster, {}, 15)] == [15, 15]
    assert [len(page.rows) for page in pages(cluster, {"task": "no"}, 5)] == [0]


def test_none_is_no_filter(cluster: Cluster) -> None:
    """Options that were not given must not be sent."""
    assert len(read_page(cluster, {"state": None, "queue": "slow"}, [], 100).rows) == 6


def test_one_id_shows_its_shard_alone(cluster: Cluster) -> None:
    """Below an id lie only jobs of its shard."""
    rows = read_page(cluster, {}, [job_id(1, 4)], 100).rows
    assert [row["id"] for row in rows] == [job_id(1, 3), job_id(1, 2), job_id(1, 1)]
    assert {shard_of(row["id"]) for row in rows} == {1}


def test_jobs_that_come_meanwhile_do_not_shift_the_pages(tmp_path: Path) -> None:
    """The second page must go on where the first one ended."""
    cluster = Cluster(tmp_path, 2)
    ids = [cluster.submit(number % 2, 1 + number // 2, START_MS + number) for number in range(6)]
    first = read_page(cluster, {}, [], 3)
    cluster.submit(0, 10, START_MS + 10)
    second = read_page(cluster, {}, first.before, 3)
    cluster.close()
    assert [row["id"] for row in first.rows + second.rows] == ids[::-1]


def test_rare_jobs_are_searched_for(tmp_path: Path) -> None:
    """A filter without an index looks at a part of the ids at a time; what lies far below must be found, too."""
    cluster = Cluster(tmp_path, 1)
    rare = cluster.submit(0, 5, START_MS, lane=2)
    for number in range(1, 4):
        cluster.submit(0, number * SCAN_IDS, START_MS + number)
    found = read_page(cluster, {"queue": "slow"}, [], 10)
    cluster.close()
    assert [row["id"] for row in found.rows] == [rare]
    assert found.before == []


def test_a_search_ends(tmp_path: Path) -> None:
    """After a bounded number of questions the rest must be left to the next page."""
    cluster = Cluster(tmp_path, 1)
    rare = cluster.submit(0, 5, START_MS, lane=2)
    cluster.submit(0, (SEARCHES_MAX + 5) * SCAN_IDS, START_MS + 1)
    first = read_page(cluster, {"queue": "slow"}, [], 10)
    assert (first.rows, len(first.before)) == ([], 1)
    assert cluster.asked <= SEARCHES_MAX + 2
    second = read_page(cluster, {"queue": "slow"}, first.before, 10)
    cluster.close()
    assert [row["id"] for row in second.rows] == [rare]


def test_more_jobs_than_one_listing_has(tmp_path: Path) -> None:
    """A large limit must be met by several listings."""
    cluster = Cluster(tmp_path, 1)
    apply(cluster.stores[0], an_entry(a_submit(1, 1024)), an_entry(a_submit(1025, 1024, sequence=2)))
    found = read_page(cluster, {}, [], 2 * LIMIT_MAX)
    cluster.close()
    assert [row["id"] for row in found.rows] == list(range(2048, 48, -1))
    assert found.before == [49]
