"""The newest jobs of all shards, page by page.

Decides the order (newest first) and where the next page goes on: below one id a shard. It must not know how they are
shown. Rule: listing_rules.py; a shard looks at a bounded number of jobs for each question.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, Protocol

from ...broker.wire.ids import SEQUENCE_MAX, format_id, job_id, sequence_of, shard_of
from ..storage.shard.listing_rules import LIMIT_MAX, SCAN_IDS, scans

SEARCHES_MAX: Final = 200
"""How often a shard is asked to look further down in vain, before it is left to the next page."""

Row = dict[str, Any]


class Lister(Protocol):
    """What the pages need of a client."""

    def listing(self, name: str, /, **chosen: Any) -> tuple[list[str], list[list[Any]], bool]:
        """Returns (columns, rows, more)."""
        ...


class Page(NamedTuple):
    """Some jobs, newest first."""

    rows: list[Row]
    before: list[int]
    """Below which ids the next page goes on, one a shard; empty if this is the last one."""


def read_page(client: Lister, chosen: dict[str, Any], before: Iterable[int], limit: int) -> Page:
    """Reads a page of jobs.

    Args:
        client: who asks the node.
        chosen: the filter: state, queue, task, tenant; None is no filter.
        before: ids below which to look, one a shard; empty for the newest jobs of all shards.
        limit: how many jobs, 1 or more.
    """
    chosen = {name: value for name, value in chosen.items() if value is not None}
    starts = {shard_of(id): id for id in before} or _tops(client)
    shards = [_Shard(client, shard, chosen, start, limit) for shard, start in starts.items()]
    rows: list[Row] = []
    while len(rows) < limit:
        heads = [shard for shard in shards if shard.head() is not None]
        if not heads:
            break
        newest = max(heads, key=_Shard.age)
        rows.append(newest.rows.pop(0))
        newest.position = rows[-1]["id"]
    return Page(rows, [shard.position for shard in shards if shard.head() is not None or not shard.over])


def _tops(client: Lister) -> dict[int, int]:
    """Returns an id above the newest job of each shard that has any."""
    columns, rows, _ = client.listing("jobs", limit=1)
    at = columns.index("id")
    return {shard_of(row[at]): min(row[at] + 1, job_id(shard_of(row[at]), SEQUENCE_MAX)) for row in rows}


class _Shard:
    """One shard's jobs, read as they are wanted."""

    def __init__(self, client: Lister, shard: int, chosen: dict[str, Any], start: int, limit: int) -> None:
        self.client = client
        self.shard = shard
        self.chosen = chosen
        self.rows: list[Row] = []
        self.position = start  # the next page begins below
        self.below = start
        self.page = min(limit + 1, LIMIT_MAX)
        self.over = False
        self.searches = SEARCHES_MAX

    def head(self) -> Row | None:
        """Returns its newest job that is not taken yet."""
        while not self.rows and not self.over and self.searches:
            self._read()
        return self.rows[0] if self.rows else None

    def age(self) -> tuple[int, int]:
        """Returns what the newest head has most of."""
        row = self.rows[0]
        return row["created_ms"], row["id"]

    def _read(self) -> None:
        columns, rows, more = self.client.listing("jobs", **self.chosen, after_id=self.below, limit=self.page)
        found = [dict(zip(columns, row, strict=True)) for row in rows]
        # Every shard answers, and each with its own newest jobs below the id.
        self.rows = sorted((row for row in found if shard_of(row["id"]) == self.shard), key=_id, reverse=True)
        if len(self.rows) >= self.page:
            self.below = self.rows[-1]["id"]
        elif more and scans(self.chosen) and sequence_of(self.below) - 1 > SCAN_IDS:
            self.below -= SCAN_IDS
            self.searches -= 1
            if not self.rows:
                self.position = self.below
        else:
            self.over = True


def _id(row: Row) -> int:
    return row["id"]


def shown_before(ids: Iterable[int]) -> str:
    """Writes where a page goes on, as `--before` reads it: `1042,3-77`."""
    return ",".join(format_id(id) for id in sorted(ids))
