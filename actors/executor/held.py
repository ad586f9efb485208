"""One run that an executor holds: leased to it, not yet reported."""

from typing import Any


class Held:
    """A leased job in an executor's memory; `row` is the runner's RUN row."""

    __slots__ = (
        "arrived_ns",
        "attempt",
        "begun_ns",
        "child",
        "deadline_ns",
        "ending",
        "epoch",
        "id",
        "index",
        "kill_ns",
        "kind",
        "limits",
        "over",
        "row",
        "run_id",
        "shard",
        "timeout_ms",
    )

    def __init__(
        self, shard: int, run_id: int, kind: str, timeout_ms: int | None, row: list[Any], arrived_ns: int
    ) -> None:
        self.shard = shard
        self.run_id = run_id
        self.id: int = row[1]
        self.attempt: int = row[2]
        self.epoch: int = row[3]
        self.index: int = row[4]
        self.kind = kind
        self.timeout_ms = timeout_ms
        self.row = row
        self.arrived_ns = arrived_ns
        self.child: int | None = None
        self.begun_ns: int | None = None  # when it started, as far as is known here
        self.deadline_ns: int | None = None  # set when it starts
        self.kill_ns: int | None = None  # set when it was told to end: its child dies then
        self.limits: tuple[int | None, int | None] | None = None  # memory_bytes, cpu_ms
        self.over: tuple[str, str] | None = None  # the limit that it broke, and in words; its child is killed for it
        self.ending: str | None = None  # why it was told to end: an outcome, or "void" if nobody wants to hear of it
