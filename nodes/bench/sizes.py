"""How much each measure does in one run.

Decides the sizes, for a proper run and for a quick one that only shows that all works. It must not know how anything
is measured.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts of one run of each measure."""

    rounds: int = 3
    echo_in_turn: int = 2_000
    echo_in_flight: int = 20_000
    echo_bulk_messages: int = 1_500
    fsyncs: int = 300
    drain_jobs: int = 60_000
    process_jobs: int = 20_000
    single_jobs: int = 12_000
    batch_jobs: int = 60_000
    paced_jobs: int = 300
    loaded_jobs: int = 1_000
    delayed_jobs: int = 200
    backlog_jobs: int = 1_000_000
    history_jobs: int = 2_000_000
    restarts: int = 3
    memory_jobs: int = 1_000_000
    listed_s: float = 20.0
    idle_s: float = 20.0
    schedules_most: int = 100_000
    kills: int = 80
    silences: int = 8
    executor_kills: int = 16
    executor_silences: int = 6
    imports: int = 9
    huey_jobs: int = 4_000
    huey_paced_jobs: int = 150


FULL = Sizes()

QUICK = Sizes(
    rounds=1,
    echo_in_turn=300,
    echo_in_flight=4_000,
    echo_bulk_messages=200,
    fsyncs=50,
    drain_jobs=6_000,
    process_jobs=2_000,
    single_jobs=2_000,
    batch_jobs=10_000,
    paced_jobs=60,
    loaded_jobs=150,
    delayed_jobs=60,
    backlog_jobs=10_000,
    history_jobs=5_000,
    restarts=1,
    memory_jobs=20_000,
    listed_s=3.0,
    idle_s=3.0,
    schedules_most=1_000,
    kills=3,
    silences=1,
    executor_kills=2,
    executor_silences=1,
    imports=3,
    huey_jobs=500,
    huey_paced_jobs=30,
)
