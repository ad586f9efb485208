"""The figures: what each is called, what it should reach, and what it is held against.

Decides the goals and the bases of the ratios. It must not know how a figure is measured: measures give values by
these keys.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from .growth import COSTS, DEPTHS, Cost, key

Medians = Mapping[str, float]

DRAIN_GOAL: Final = 40_000
LOAD_JOBS_A_SECOND: Final = DRAIN_GOAL // 2
"""What flows beside N6: half of what N1 is to reach."""


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


GROWTH: Final = "growth"
GROWTH_BOUND: Final = 1.1
"""A job among a million may cost so much more than one among 100,000: a tenth is what two runs differ by."""
COMMANDS: Final = ("jobs", "job", "cancel", "queues", "executors", "stat")
ANSWER_MS: Final = 200


def _growth(cost: Cost) -> list[Figure]:
    """Returns how a cost grows, and what it is at every depth."""
    found = [Figure(key(cost, depth), GROWTH, f"  {cost.title}, {depth:,} pending", cost.unit) for depth in DEPTHS]
    if cost.seconds is None:
        return found
    title = f"{cost.title}: a job of 1 M to one of 100 k"
    return [Figure(f"{GROWTH}_{cost.key}", GROWTH, title, "×", Goal(GROWTH_BOUND)), *found]


def _query(command: str) -> list[Figure]:
    """Returns the lines of one command's answers."""
    return [
        Figure(
            f"queries_{command}_max", "queries", f"`{command}` beside a million jobs, longest", "ms", Goal(ANSWER_MS)
        ),
        Figure(f"queries_{command}_p99", "queries", "  p99", "ms"),
        Figure(f"queries_{command}_p50", "queries", "  p50", "ms"),
    ]


FIGURES: Final = (
    Figure("echo_in_turn", "floors", "ZeroMQ echo, in turn", "/s", is_rate=True),
    Figure("echo_in_flight", "floors", "ZeroMQ echo, 64 in flight", "/s", is_rate=True),
    Figure("echo_bulk", "floors", "ZeroMQ echo, 100 jobs a message", "jobs/s", is_rate=True),
    Figure("fsync_p50", "floors", "fsync of 400 bytes, p50", "ms"),
    Figure("fsync_p99", "floors", "fsync of 400 bytes, p99", "ms"),
    Figure(
        "n1", "N1", "drain, asyncio runner", "jobs/s",
        Goal(DRAIN_GOAL), "echo_bulk", "huey_drain", is_rate=True, peer_goal=20,
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
    Figure("n6_p50", "N6", "submit to start beside 20,000 jobs/s, p50", "ms", Goal(2.0)),
    Figure("n6_p99", "N6", "  p99", "ms", Goal(6.0)),
    Figure("n6_load", "N6", "  jobs that ended beside it", "jobs/s", Goal(0.95 * LOAD_JOBS_A_SECOND), is_rate=True),
    Figure("n7_p50", "N7", "lateness of a delayed job, p50", "ms", Goal(1.0), "n7_floor_p50"),
    Figure("n7_p99", "N7", "lateness of a delayed job, p99", "ms", Goal(2.5), "n7_floor_p99"),
    Figure("n7_early", "N7", "  started early", "jobs", Goal(0)),
    Figure("n7_floor_p50", "N7", "  a sleep and an echo, p50", "ms"),
    Figure("n7_floor_p99", "N7", "  a sleep and an echo, p99", "ms"),
    Figure("n7_delay_p99", "N7", "  by delay, submit included, p99", "ms"),
    Figure("n10_beyond", "N10", "memory a delayed job, beyond the horizon", "bytes", Goal(0)),
    Figure("n10_within", "N10", "  within it, by delay", "bytes", Goal(350)),
    Figure("n10_within_at", "N10", "  within it, by at", "bytes", Goal(350)),
    Figure("n10_beyond_mib", "N10", "  coordinator with all of them beyond (PSS)", "MiB"),
    Figure("n10_within_mib", "N10", "  the same within, by delay (PSS)", "MiB"),
    Figure("n11", "N11", "killed with a million pending: first start after", "s", Goal(1.0)),
    Figure("n11_coordinator", "N11", "  from the coordinator's start", "s"),
    Figure("n11_files", "N11", "  data directory", "MiB"),
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
    Figure("n13", "N13", "drain, three nodes", "jobs/s", Goal(20_000), "n1", is_rate=True),
    Figure("n14_ack_p50", "N14", "leader killed: without an acknowledgement, p50", "ms", Goal(100)),
    Figure("n14_ack_p99", "N14", "  p99", "ms", Goal(500)),
    Figure("n14_start_p50", "N14", "  without a handler that starts, p50", "ms", Goal(100)),
    Figure("n14_start_p99", "N14", "  p99", "ms", Goal(500)),
    Figure("n15_stop_p50", "N15", "leader held: without an acknowledgement, p50", "ms", Goal(450)),
    Figure("n15_stop_p99", "N15", "  p99", "ms", Goal(900)),
    Figure("n15_cut_p50", "N15", "leader cut off: the same, p50", "ms", Goal(450)),
    Figure("n15_cut_p99", "N15", "  p99", "ms", Goal(900)),
    Figure("n16_killed_p50", "N16", "executor killed: its jobs begin again, p50", "ms", Goal(1_000)),
    Figure("n16_killed_p99", "N16", "  p99", "ms", Goal(1_000)),
    Figure("n16_silent_p50", "N16", "executor cut off (lease 2 s): the same, p50", "ms", Goal(2_200)),
    Figure("n16_silent_p99", "N16", "  p99", "ms", Goal(2_200)),
    Figure("n17_cpu", "N17", "idle node, CPU", "% of a core", Goal(1.0)),
    Figure("n17_pss", "N17", "idle node, memory (PSS)", "MiB", Goal(150)),
    Figure("n18", "N18", "a client's import, whole process", "ms", Goal(120), "n18_bare"),
    Figure("n18_bare", "N18", "  an interpreter that imports nothing", "ms"),
    Figure("n18_alone", "N18", "  the import alone", "ms"),
    Figure("n18_heavy", "N18", "  packages loaded that no client needs", "", Goal(0)),
    *(figure for cost in COSTS for figure in _growth(cost)),
    *(figure for command in COMMANDS for figure in _query(command)),
    Figure("queries_load", "queries", "  jobs that ended beside them", "jobs/s", is_rate=True),
    Figure("queries_start_p99", "queries", "  their entry to handler start, p99", "ms"),
    Figure("queries_pss", "queries", "  coordinator's memory (PSS)", "MiB"),
    Figure("huey_enqueue", "huey", "huey on SQLite: enqueue", "jobs/s", is_rate=True),
    Figure("huey_drain", "huey", "huey on SQLite: drain", "jobs/s", is_rate=True),
    Figure("huey_p50", "huey", "huey on SQLite: submit to start, p50", "ms"),
    Figure("huey_p99", "huey", "huey on SQLite: submit to start, p99", "ms"),
)  # fmt: skip
"""In the order of the table."""
