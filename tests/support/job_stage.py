"""A shard with one job in a given state, and what is done with it by hand."""

from typing import Any

from builders import a_job, a_policy
from shard_bench import Executor, Said, ShardBench, only, runs_of

from mainspring.actors.limits import HORIZON_MS
from mainspring.broker.wire.messages import Cancelled, JobActed
from mainspring.chaos.small_limits import small_limits

OTHER_MS = 2_000
"""When the other job is due, and how far ahead it is leased."""


def codes(said: list[Said]) -> list[str]:
    """The codes of the only answer."""
    (answer,) = [*only(said, JobActed), *only(said, Cancelled)]
    return [code for _, code in answer.codes]


class Stage:
    """A shard with one job in a given state."""

    def __init__(self, **settings: Any) -> None:
        self.bench = ShardBench(**settings)
        self.executor: Executor = self.bench.executor(slots=0)
        self.id = self.bench.id(1)

    def run(self, **columns: Any) -> None:
        """Takes the job, and leases it."""
        self.executor.credit(1)
        self.bench.submit(a_job(retry=a_policy(retries=1), **columns))

    def finish(self, outcome: str, **columns: Any) -> None:
        """Ends its attempt."""
        self.executor.credit(0)
        self.executor.finish(runs_of(self.bench.said)[-1], outcome=outcome, **columns)

    # The states.

    def ready(self) -> None:
        """It waits for a slot."""
        self.bench.submit(a_job())

    def scheduled(self) -> None:
        """It waits for its time, at a timer."""
        self.bench.submit(a_job(delay_ms=OTHER_MS))

    def far(self) -> None:
        """It waits for its time, in the due index alone."""
        self.bench.submit(a_job(delay_ms=2 * HORIZON_MS))

    def retrying(self) -> None:
        """It has failed, and waits."""
        self.run()
        self.finish("failed", error="boom")

    def ahead(self) -> None:
        """It is leased, and its time has not come."""
        with small_limits({"LEAD_MS": 900}):
            self.executor.credit(1)
            self.bench.submit(a_job(delay_ms=800))

    def running(self) -> None:
        """It runs."""
        self.run()

    def asked(self) -> None:
        """It runs, and somebody has cancelled it."""
        self.run()
        self.bench.cancel(self.id)

    def told_to_skip(self) -> None:
        """It runs, and somebody has said that it is to be skipped."""
        self.run()
        self.bench.act("skip", self.id, force=True)

    def succeeded(self) -> None:
        """It is done."""
        self.run()
        self.finish("succeeded", result="1")

    def dead(self) -> None:
        """It has failed for good."""
        self.run()
        self.finish("failed", error="boom", verdict="no_retry")

    def cancelled(self) -> None:
        """It was cancelled."""
        self.ready()
        self.bench.cancel(self.id)

    def expired(self) -> None:
        """It did not start in time."""
        self.bench.submit(a_job(expires_ms=10))
        self.bench.wait(20)
        self.executor.credit(1)
        self.executor.credit(0)

    def skipped(self) -> None:
        """It was put aside."""
        self.ready()
        self.bench.act("skip", self.id)

    def discarded(self) -> None:
        """It has died, and was put aside."""
        self.dead()
        self.bench.act("discard", self.id)

    def never(self) -> None:
        """It never was."""


def do(bench: ShardBench, act: str, *ids: int) -> list[Said]:
    """Does one of `_ACTS`."""
    if act == "cancel":
        return bench.cancel(*ids)
    return bench.act(act.rstrip("!"), *ids, force=act.endswith("!"), reason="to see")
