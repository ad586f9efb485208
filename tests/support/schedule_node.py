"""A stand-in for a node that has schedules, and the program that asks it.

It decides only the notation: what the node answers stands in lists, what it was asked is noted.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from mainspring.broker.net.changes import Change
from mainspring.nodes.cli import (
    app,
    schedule_acts,
    schedule_add,
    schedule_apply,
    schedule_lint,
    schedule_list,
    schedule_show,
    schedule_ticks,
)
from mainspring.nodes.storage.shard.listing_rules import LISTINGS, checked

NOW_MS = int(datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp() * 1000)
COMMANDS = (
    schedule_acts,
    schedule_add,
    schedule_apply,
    schedule_lint,
    schedule_list,
    schedule_show,
    schedule_ticks,
)


def row(listing: str, **values: Any) -> dict[str, Any]:
    """Makes a row with every column that the node has."""
    known = dict.fromkeys(LISTINGS[listing].columns)
    assert not values.keys() - known.keys(), "no such column"
    return known | values


class Node:
    """A client of a node that answers from lists, and notes what it was asked."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[Any] = []
        self.changes: list[Change] = []
        self.error: Exception | None = None
        self.schedules = self

    def query(self, name: str, /, **chosen: Any) -> list[dict[str, Any]]:
        """Answers a listing; the filter must be one that a shard takes."""
        chosen = {key: value for key, value in chosen.items() if value is not None}
        checked(name, chosen)
        self.asked.append((name, chosen))
        return self.rows.get(name, [])

    def listing(self, name: str, /, **chosen: Any) -> tuple[list[str], list[list[Any]], bool]:
        """Answers a page of schedules in order of name."""
        rows = self.query(name, **chosen)
        behind = (chosen.get("after_name", ""), chosen.get("after_tenant", ""))
        found = [row for row in rows if (row["name"], row["tenant"]) > behind]
        cut = found[: chosen["limit"]]
        return list(cut[0] if cut else []), [list(row.values()) for row in cut], len(cut) < len(found)

    def _changed(self, *asked: Any) -> list[Change]:
        self.asked.append(asked)
        if self.error is not None:
            raise self.error
        return self.changes

    def add(self, name: str, job: Any, cron: str, **options: Any) -> Change:
        """Takes a definition."""
        return self._changed("add", name, job.task, job.payload, cron, options)[0]

    def apply(self, rows: Any, source: str, **options: Any) -> list[Change]:
        """Takes a file."""
        return self._changed("apply", [row[0] for row in rows], source, options)

    def pause(self, names: Any, note: str | None, tenant: str) -> list[Change]:
        """Pauses."""
        return self._changed("pause", names, note, tenant)

    def resume(self, names: Any, tenant: str) -> list[Change]:
        """Resumes."""
        return self._changed("resume", names, tenant)

    def remove(self, names: Any, tenant: str) -> list[Change]:
        """Removes."""
        return self._changed("remove", names, tenant)


def reach(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has every command reach this node, at NOW_MS."""

    @contextmanager
    def connected(_url: str | None, _timeout_s: float = 0) -> Iterator[Node]:
        yield node

    for module in COMMANDS:
        monkeypatch.setattr(module, "connected", connected)
        if hasattr(module, "now_ms"):
            monkeypatch.setattr(module, "now_ms", lambda: NOW_MS)


class Cli:
    """The program."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Runs a subcommand of schedules; gives status, stdout and stderr."""
        status = app.run(["schedules", *words])
        return status, *self._capsys.readouterr()

    def json(self, *words: str) -> Any:
        """Runs a subcommand that succeeds; gives what it prints."""
        status, out, _ = self(*words, "--json")
        assert status == 0
        return json.loads(out)
