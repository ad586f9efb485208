"""The figures: what each is called, what it should reach, and what it is held against.

Decides the goals and the bases of the ratios. It must not know how a figure is measured: measures give values by
these keys.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

Medians = Mapping[str, float]


class Goal(NamedTuple):
    """A bound. With `base` it is that much above (for `at_least`: times) the figure of this key in the same run."""

    bound: float
    base: str | None = None

    def value(self, medians: Medians) -> float | None:
        """Returns the bound as a number, None if its base was not measured."""
        if self.base is None:
            return self.bound
        return medians[self.base] + self.bound if self.base in medians else None


class Figure(NamedTuple):
    """One line of the table."""

    key: str
    id: str
    """The measure that gives it, as `--only` names it."""
    title: str
    unit: str
    goal: Goal | None = None
    floor: str | None = None
    """Key of the floor that the ratio is against."""
    peer: str | None = None
    """Key of huey's figure."""
    is_rate: bool = False
    """More is better."""
    peer_goal: float | None = None
    """How many times better than huey it should be."""


FIGURES: Final = (
    Figure("echo_in_turn", "floors", "ZeroMQ echo, in turn", "/s", is_rate=True),
    Figure("echo_in_flight", "floors", "ZeroMQ echo, 64 in flight", "/s", is_rate=True),
    Figure("echo_bulk", "floors", "ZeroMQ echo, 100 jobs a message", "jobs/s", is_rate=True),
    Figure("fsync_p50", "floors", "fsync of 400 bytes, p50", "ms"),
    Figure("fsync_p99", "floors", "fsync of 400 bytes, p99", "ms"),
    Figure(
        "n1", "N1", "drain, asyncio runner", "jobs/s",
        Goal(40_000), "echo_bulk", "huey_drain", is_rate=True, peer_goal=20,
    ),
    Figure("n1_cpu_coordinator", "N1", "  CPU a job: coordinator", "µs"),
    Figure("n1_cpu_executors", "N1", "  CPU a job: executors", "µs"),
    Figure("n1_cpu_children", "N1", "  CPU a job: children", "µs"),
    Figure("n1_through", "N1", "submit to last result, asyncio", "jobs/s", None, "echo_bulk", None, is_rate=True),
    Figure(
        "n2", "N2", "drain, process runner", "jobs/s",
        Goal(13_000), "echo_bulk", "huey_drain", is_rate=True, peer_goal=4,
    ),
    Figure("n2_cpu_coordinator", "N2", "  CPU a job: coordinator", "µs"),
    Figure("n2_cpu_executors", "N2", "  CPU a job: executors", "µs"),
    Figure("n2_cpu_children", "N2", "  CPU a job: children", "µs"),
    Figure(
        "n3", "N3", "enqueue one a call, 64 in flight", "jobs/s",
        Goal(25_000), "echo_in_flight", "huey_enqueue", is_rate=True,
    ),
    Figure("n3_coroutines", "N3", "  by coroutines", "jobs/s", None, "echo_in_flight", is_rate=True),
    Figure("n3_threads", "N3", "  by threads", "jobs/s", None, "echo_in_flight", is_rate=True),
    Figure("n3_in_turn", "N3", "  in turn, one thread", "jobs/s", None, "echo_in_turn", "huey_enqueue", is_rate=True),
    Figure("n4", "N4", "enqueue in batches", "jobs/s", Goal(80_000), "echo_bulk", "huey_enqueue", is_rate=True),
    Figure("n5_p50", "N5", "submit to handler start, p50", "ms", Goal(0.5, "n5_floor_p50"), "n5_floor_p50", "huey_p50"),
    Figure("n5_p99", "N5", "submit to handler start, p99", "ms", Goal(3.0, "n5_floor_p99"), "n5_floor_p99", "huey_p99"),
    Figure("n5_floor_p50", "N5", "  echo + fsync in turn, p50", "ms"),
    Figure("n5_floor_p99", "N5", "  echo + fsync in turn, p99", "ms"),
    Figure("n5_process_p50", "N5", "  process runner, p50", "ms", None, "n5_floor_p50", "huey_p50"),
    Figure("n5_process_p99", "N5", "  process runner, p99", "ms", None, "n5_floor_p99", "huey_p99"),
    Figure("n7_p50", "N7", "lateness of a delayed job, p50", "ms", Goal(1.0), "n7_floor_p50"),
    Figure("n7_p99", "N7", "lateness of a delayed job, p99", "ms", Goal(2.5), "n7_floor_p99"),
    Figure("n7_early", "N7", "  started early", "jobs", Goal(0)),
    Figure("n7_floor_p50", "N7", "  a sleep and an echo, p50", "ms"),
    Figure("n7_floor_p99", "N7", "  a sleep and an echo, p99", "ms"),
    Figure("n7_delay_p99", "N7", "  by delay, submit included, p99", "ms"),
    Figure("n12_load_100k", "N12", "100,000 schedules: first load", "s", Goal(8.0)),
    Figure("n12_restart_100k", "N12", "  added to a start", "s", Goal(1.0)),
    Figure("n12_cpu_100k", "N12", "  coordinator's CPU while none is due", "% of a core", Goal(3.0)),
    Figure("n12_pss_100k", "N12", "  coordinator's memory (PSS)", "MiB"),
    Figure("n12_due_100k", "N12", "  instants due over a day", "/s"),
    Figure("n12_load_10k", "N12", "10,000 schedules: first load", "s"),
    Figure("n12_restart_10k", "N12", "  added to a start", "s"),
    Figure("n12_cpu_10k", "N12", "  coordinator's CPU while none is due", "% of a core"),
    Figure("n12_pss_10k", "N12", "  coordinator's memory (PSS)", "MiB"),
    Figure("n12_load_1k", "N12", "1,000 schedules: first load", "s"),
    Figure("n12_restart_1k", "N12", "  added to a start", "s"),
    Figure("n12_cpu_1k", "N12", "  coordinator's CPU while none is due", "% of a core"),
    Figure("n12_pss_1k", "N12", "  coordinator's memory (PSS)", "MiB"),
    Figure("n12_start_empty", "N12", "  start of a node without any", "s"),
    Figure("n17_cpu", "N17", "idle node, CPU", "% of a core", Goal(1.0)),
    Figure("n17_pss", "N17", "idle node, memory (PSS)", "MiB", Goal(150)),
    Figure("n18", "N18", "a client's import, whole process", "ms", Goal(120), "n18_bare"),
    Figure("n18_bare", "N18", "  an interpreter that imports nothing", "ms"),
    Figure("n18_alone", "N18", "  the import alone", "ms"),
    Figure("n18_heavy", "N18", "  packages loaded that no client needs", "", Goal(0)),
    Figure("huey_enqueue", "huey", "huey on SQLite: enqueue", "jobs/s", is_rate=True),
    Figure("huey_drain", "huey", "huey on SQLite: drain", "jobs/s", is_rate=True),
    Figure("huey_p50", "huey", "huey on SQLite: submit to start, p50", "ms"),
    Figure("huey_p99", "huey", "huey on SQLite: submit to start, p99", "ms"),
)  # fmt: skip
"""In the order of the table."""
