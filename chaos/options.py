"""What one seed makes of a world: how many, how fast, how bad the weather.

Decides every option from the seed alone, so that a seed says it all; a failing run prints them. Must not know how
they are used.
"""

from dataclasses import dataclass, replace
from typing import Any

from ..actors.draws import Draws
from .network import CALM, MS, Weather

SECOND = 1_000 * MS

WEATHERS = {
    "calm": CALM,
    "slow": Weather(delay_min_ns=20 * MS, delay_span_ns=60 * MS),
    "lossy": Weather(loss=1_600, duplicate=300),
    "wild": Weather(loss=800, duplicate=1_200, spike=1_200, spike_ns=1_500 * MS, in_order=False),
    "stormy": Weather(
        delay_span_ns=20 * MS, loss=3_300, duplicate=1_600, spike=800, spike_ns=4_000 * MS, in_order=False
    ),
}

FAULTS = (
    "crash_coordinator",
    "crash_executor",
    "crash_client",
    "drain_executor",
    "drain_coordinator",
    "kill_child",
    "pause_node",
    "cut_link",
    "lock_store",
    "stall_commits",
    "hold_applies",
    "hold_reads",
    "step_wall",
)

SCHEDULE_FAULTS = (
    "jump_wall",
    "reboot_host",
    "fail_over",
    "deploy",
)
"""Faults of worlds that have schedules."""

HOST_FAULTS = ("suspend_host",)
"""Faults that no drawn world has: tests/scenarios asks for them."""

START_WALL_MS = 1_800_000_000_000
CHANGES_OF_OFFSET_MS = (1_805_007_600_000, 1_825_567_200_000, 1_806_195_600_000, 1_824_944_400_000)
"""When New York and Berlin put their clocks forward and back."""


@dataclass(frozen=True, slots=True)
class Options:
    """One world. Times in ns where they say so, else in ms."""

    seed: int
    clients: int = 1
    executors: int = 1
    weather_name: str = "calm"
    weather: Weather = CALM
    weather_healed: Weather = CALM
    """After everything was mended."""
    faults: tuple[str, ...] = ()
    fault_every_ms: int = 1_500
    faulty_ms: int = 20_000
    submits: int = 30
    """Submits that each client makes."""
    submit_every_ms: int = 300
    burst_jobs: int = 40
    keyed_one_in: int = 6
    quick_jobs: bool = False
    """Most jobs are over at once, so executors take some ahead of free slots."""
    lead_ms: int = 10
    commit_min_ns: int = 100_000
    commit_span_ns: int = 2 * MS
    drift_ppm: int = 0
    wall_off_ms: int = 0
    step_ms: int = 0
    lease_ttl_ms: int = 3_000
    other_ttl_ms: int = 0
    """That of every other life of a coordinator, or epoch of a cluster: somebody edits its file; 0: the same."""
    kill_grace_ms: int = 300
    process_slots: int = 2
    asyncio_slots: int = 5
    heads_max: int = 8
    unapplied_max: int = 4096
    horizon_ms: int = 4_000
    finished_jobs_max: int = 100_000
    backlog_jobs_max: int = 10_000_000
    key_ttl_ms: int = 20_000
    session_ttl_ms: int = 3_600_000
    segment_entries: int = 16
    check_every: int = 50
    """Events between two checks of every relation inside the machines and of memory against rows."""
    starts_ms: int = START_WALL_MS
    """What a right wall clock shows at the start."""
    schedules: int = 0
    """Names of schedules that the operator uses; without any there is no operator."""
    schedule_acts: int = 0
    """Requests about schedules that the operator makes after the first, which defines them; without any, nobody
    defines schedules, code neither.
    """
    jump_ms: int = 60_000
    """How far the coordinator's wall clock jumps at the most."""
    tick_rows_max: int = 100_000
    wind_down: str = "pause"
    """How the schedules end in the end: pause or remove."""
    members: int = 1
    """Members of a cluster; 1 is a coordinator by itself, with a log of its own."""
    shards: int = 1
    spares: int = 0
    """Machines that may take a member's place."""
    rebalance_ms: int = 60_000
    append_bytes: int = 1 << 20
    tail_bytes: int = 1 << 23
    retain_bytes: int = 1 << 26
    retain_entries: int = 20_000

    def shown(self) -> dict[str, Any]:
        """Returns what a failing run prints."""
        names = [name for name in self.__slots__ if name not in ("weather", "weather_healed")]
        return {name: getattr(self, name) for name in names}


def calm(seed: int) -> Options:
    """Returns a world without faults."""
    return Options(seed)


def drawn(seed: int) -> Options:
    """Returns the world of a seed: each option is drawn by itself, so many corners are met together."""
    draws = Draws(seed).child("options")

    def pick(*choices: Any) -> Any:
        return choices[draws.below(len(choices))]

    weather_name: str = pick("calm", "calm", "slow", "lossy", "wild", "stormy")
    faults = tuple(fault for fault in FAULTS if draws.below(2))
    slow_commits = pick(False, False, True)
    options = Options(
        seed,
        clients=pick(1, 2, 3),
        executors=pick(1, 2, 3),
        weather_name=weather_name,
        weather=WEATHERS[weather_name],
        faults=faults,
        fault_every_ms=pick(400, 1_000, 2_500),
        faulty_ms=pick(8_000, 15_000, 30_000),
        submits=pick(10, 20, 40),
        submit_every_ms=pick(50, 200, 600),
        burst_jobs=pick(5, 20, 60),
        keyed_one_in=pick(6, 6, 2),
        quick_jobs=pick(False, False, True),
        lead_ms=pick(10, 10, 300),
        drift_ppm=pick(0, 0, 200, 20_000),
        wall_off_ms=pick(0, 50, 5_000),
        step_ms=pick(100, 3_000, 20_000),
        lease_ttl_ms=pick(1_500, 3_000, 6_000),
        kill_grace_ms=pick(0, 200, 1_000),
        process_slots=pick(1, 2, 4),
        asyncio_slots=pick(1, 5, 20),
        heads_max=pick(4, 8, 32),
        unapplied_max=pick(4096, 4096, 12),
        horizon_ms=pick(2_000, 4_000, 30_000),
        finished_jobs_max=pick(30, 100_000),
        backlog_jobs_max=pick(60, 10_000_000, 10_000_000),
        key_ttl_ms=pick(2_000, 20_000),
        session_ttl_ms=pick(70_000, 3_600_000),
        segment_entries=pick(4, 16, 64),
    )
    if slow_commits:
        options = replace(options, commit_min_ns=5 * MS, commit_span_ns=pick(20, 200) * MS)
    edits = draws.child("edits")
    if edits.below(4) == 0:
        options = replace(options, other_ttl_ms=(1_000, 1_500, 9_000)[edits.below(3)])
    return _scheduled(options, draws.child("schedules"))


def _scheduled(options: Options, draws: Draws) -> Options:
    """Returns the options with schedules, if the seed has some."""

    def pick(*choices: Any) -> Any:
        return choices[draws.below(len(choices))]

    if not pick(False, False, True):
        return options
    faults = tuple(fault for fault in SCHEDULE_FAULTS if draws.below(2))
    change_ms = pick(*CHANGES_OF_OFFSET_MS) - pick(5_000, 20_000, 3_590_000)
    return replace(
        options,
        faults=options.faults + faults,
        faulty_ms=pick(8_000, 15_000, 25_000),
        starts_ms=pick(START_WALL_MS, change_ms, change_ms),
        schedules=pick(2, 4, 8),
        schedule_acts=pick(5, 15, 30),
        jump_ms=pick(5_000, 60_000, 3_600_000, 10_800_000),
        tick_rows_max=pick(15, 100_000),
        wind_down=pick("pause", "remove"),
        backlog_jobs_max=pick(6, 15, options.backlog_jobs_max, options.backlog_jobs_max),
    )


assert not set(FAULTS) & set(SCHEDULE_FAULTS), "a fault has one kind"
assert not set(HOST_FAULTS) & set(FAULTS + SCHEDULE_FAULTS), "a fault has one kind"
