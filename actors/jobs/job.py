"""The record of one live job in a coordinator's memory.

Decides nothing: it is the flat row that lanes, leases and timers point at. Memory holds only jobs that are near
(running, at the head of a lane, or in an entry that the store has not applied yet).
"""

from typing import Any

from . import lifecycle


class Job:
    """One live job; the first columns are those of actors.store.LIVE_COLUMNS."""

    __slots__ = (
        "ahead",
        "asked",
        "attempts",
        "crashes",
        "deadline_ms",
        "due_ms",
        "epoch",
        "error",
        "executor",
        "expires_ms",
        "failures",
        "fires_ms",
        "held",
        "id",
        "incarnation",
        "index",
        "key",
        "kind",
        "lane",
        "leased_ms",
        "leased_ns",
        "payload",
        "queued",
        "result",
        "retry",
        "scheduled_ms",
        "state",
        "timeout_ms",
        "touched_index",
        "trace",
    )

    def __init__(self, id: int, lane: int, payload: str, scheduled_ms: int, due_ms: int | None, state: int) -> None:
        self.id = id
        self.lane = lane
        self.payload = payload
        self.scheduled_ms = scheduled_ms
        self.due_ms = due_ms
        self.state = state
        self.key: str | None = None
        self.retry: list[Any] | None = None
        self.timeout_ms: int | None = None
        self.expires_ms: int | None = None
        self.trace: str | None = None
        self.deadline_ms: int | None = None
        self.attempts = 0
        self.failures = 0
        self.crashes = 0
        self.asked = 0  # the state in which it is to end, if its run was asked to stop
        self.result: str | None = None
        self.error: str | None = None
        # Where it stands in memory.
        self.queued = False  # in its lane's heads
        self.touched_index = 0  # the last entry that changed its row
        self.fires_ms: int | None = None  # its key in a wheel; a timer with another key is stale
        # The lease, while state is RUNNING.
        self.ahead = False  # leased before its time; the Run has not been sent
        self.epoch = 0
        self.index = 0
        self.executor = 0
        self.incarnation = 0
        self.kind = ""
        self.leased_ms = 0
        self.leased_ns = 0  # the same on elapsed time; 0 for a lease that was found at the start
        self.held = False  # the lease has a row

    def __repr__(self) -> str:
        return f"Job({self.id}, {lifecycle.STATES[self.state]}, attempts={self.attempts})"

    @classmethod
    def from_live(cls, row: list[Any]) -> "Job":
        """Builds a job from a row of LIVE_COLUMNS."""
        (
            id,
            lane,
            payload,
            scheduled_ms,
            due_ms,
            key,
            retry,
            timeout_ms,
            expires_ms,
            trace,
            deadline_ms,
            state,
            attempts,
            failures,
            crashes,
            asked,
        ) = row
        job = cls(id, lane, payload, scheduled_ms, due_ms, state)
        job.key, job.retry, job.timeout_ms, job.expires_ms, job.trace = key, retry, timeout_ms, expires_ms, trace
        job.deadline_ms = deadline_ms
        job.attempts, job.failures, job.crashes, job.asked = attempts, failures, crashes, asked
        return job

    @classmethod
    def from_done(cls, row: list[Any]) -> "Job":
        """Builds the record of a finished job from a row of DONE_COLUMNS: what it would need to run stays on disk."""
        id, state, result, error, attempts, lane = row
        job = cls(id, lane, "", 0, None, state)
        job.result, job.error, job.attempts = result, error, attempts
        return job

    @property
    def terminal(self) -> bool:
        """Whether the job has ended (its record waits only for the store)."""
        return self.state >= lifecycle.SUCCEEDED
