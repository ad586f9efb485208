"""A stand-in for a node that has dead letters, and for the client that asks it.

It decides only the notation: jobs stand in a dict, what was asked for is noted, and `before_act` may interfere.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from mainspring.broker.wire.ids import shard_of
from mainspring.nodes.cli import app, cancel, dead, job, job_acts, jobs, repair
from mainspring.nodes.storage.shard.listing_rules import LISTINGS, checked

START_MS = 1_700_000_000_000
COMMANDS = (cancel, dead, job, job_acts, jobs, repair)
ENDED_BY = ("queue", "task", "tenant", "error_kind")
DONE = {"retry": "retried", "skip": "skipped", "discard": "discarded"}


class DeadJobs:
    """A client of a node of several shards whose jobs are dead, until something is done about them."""

    def __init__(self) -> None:
        self.jobs: dict[int, dict[str, Any]] = {}
        self.acts: list[tuple[str, list[int], str | None, bool]] = []
        self.codes: dict[int, str] = {}
        self.before_act: Callable[[], None] = lambda: None
        self.waited: list[int] = []
        self.tasks: list[dict[str, Any]] = []
        self.executions: dict[int, list[dict[str, Any]]] = {}

    def add(self, id: int, task: str, error_kind: str | None, after_ms: int = 0, **columns: Any) -> int:
        """Adds a dead job; gives its id."""
        known = dict.fromkeys(LISTINGS["jobs"].columns)
        ended_ms = START_MS + after_ms
        own = {"id": id, "task": task, "error_kind": error_kind, "finished_ms": ended_ms, "created_ms": ended_ms - 100}
        usual = {"tenant": "default", "queue": "default", "state": "dead", "attempts": 1, "priority": 0}
        self.jobs[id] = known | usual | {"error": f"Traceback\n{error_kind}: job {id}"} | own | columns
        return id

    def _chosen(self, chosen: dict[str, Any]) -> list[dict[str, Any]]:
        found = [row for row in self.jobs.values() if all(row[key] == chosen.get(key, row[key]) for key in ENDED_BY)]
        after, before = chosen.get("finished_after_ms", 0), chosen.get("finished_before_ms", 1 << 53)
        found = [row for row in found if after <= row["finished_ms"] < before]
        return [row for row in found if row["state"] == chosen.get("state", row["state"])]

    def listing(self, name: str, /, **chosen: Any) -> tuple[list[str], list[list[Any]], bool]:
        """Answers as `Client.listing` does: each shard with its own newest jobs."""
        chosen = checked(name, {key: value for key, value in chosen.items() if value is not None})
        columns = list(LISTINGS[name].columns)
        if name == "dead_groups":
            return columns, list(self._groups(chosen)), False
        if name == "executions":
            return (
                columns,
                [[row[column] for column in columns] for row in self.executions.get(chosen["job_id"], [])],
                False,
            )
        assert name == "jobs", name
        rows: list[list[Any]] = []
        more = False
        for shard in sorted({shard_of(id) for id in self.jobs}):
            below = chosen.get("after_id", 1 << 53)
            own = [row for row in self._chosen(chosen) if shard_of(row["id"]) == shard and row["id"] < below]
            own.sort(key=lambda row: -row["id"])
            more = more or len(own) > chosen["limit"]
            rows += [[row[column] for column in columns] for row in own[: chosen["limit"]]]
        return columns, rows, more

    def query(self, name: str, /, **chosen: Any) -> list[dict[str, Any]]:
        """Answers what `mainspring job` asks besides."""
        if name == "job":
            known = dict.fromkeys(LISTINGS["job"].columns)
            return [known | self.jobs[chosen["id"]]]
        return self.tasks if name == "tasks" else []

    def status(self, jobs: int) -> dict[int, str]:
        """Tells the state of a job."""
        return {jobs: self.jobs[jobs]["state"]}

    def _groups(self, chosen: dict[str, Any]) -> Iterator[list[Any]]:
        """Yields a row for each job: what belongs together the command must find."""
        for row in self._chosen({**chosen, "state": "dead"}):
            place = [row[key] for key in ("tenant", "queue", "task", "error_kind")]
            yield [*place, 1, row["finished_ms"], row["finished_ms"], row["id"], row["error"]]

    def _act(self, action: str, ids: Sequence[int], reason: str | None, *, force: bool) -> dict[int, str]:
        self.before_act()
        self.acts.append((action, list(ids), reason, force))
        for id in ids:
            self.jobs.pop(id, None)
        return {id: self.codes.get(id, DONE[action]) for id in ids}

    def retry(self, ids: Sequence[int], *, reason: str | None = None, force: bool = False) -> dict[int, str]:
        """Retries."""
        return self._act("retry", ids, reason, force=force)

    def skip(self, ids: Sequence[int], *, reason: str | None = None, force: bool = False) -> dict[int, str]:
        """Skips."""
        return self._act("skip", ids, reason, force=force)

    def discard(self, ids: Sequence[int], *, reason: str | None = None) -> dict[int, str]:
        """Discards."""
        return self._act("discard", ids, reason, force=False)

    def cancel(self, ids: Sequence[int]) -> dict[int, str]:
        """Cancels."""
        return {id: self.codes.get(id, "cancelled") for id in ids}

    def job(self, id: int) -> "Ended":
        """Gives a handle."""
        return Ended(id, self.jobs[id]["state"])

    def wait_all(self, handles: Sequence["Ended"]) -> None:
        """Waits."""
        self.waited += [handle.id for handle in handles]


class Ended:
    """The handle of a job that has ended."""

    def __init__(self, id: int, state: str) -> None:
        self.id = id
        self.state = state

    def status(self) -> str:
        """Tells the state."""
        return self.state


def reach(node: DeadJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has every command reach this node."""

    @contextmanager
    def connected(_url: str | None, _timeout_s: float = 0) -> Iterator[DeadJobs]:
        yield node

    for module in COMMANDS:
        monkeypatch.setattr(module, "connected", connected)


class Program:
    """The program."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Runs a command; gives status, stdout and stderr."""
        status = app.run(words)
        return status, *self._capsys.readouterr()
