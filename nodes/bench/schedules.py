"""N12: what many schedules cost: to load from scratch, to load at a start, while none of them is due, and in memory.

Decides what "many" looks like: times of day in a dozen zones, some on weekdays, some by the month, some every few
minutes, some `@every`; all on whole minutes, so that there is a time in which none is due. The clock of the first load
runs from the client's call to its answer, which comes when all are on disk. That of a start runs from the start of
the node's process to its readiness, less the same of a node that has none. CPU and memory are the coordinator's after
that start, when all next instants have been computed again. It must not know how other measures do it.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ...actors.cron.calendar import calendar
from ...broker.net.client import Client
from ...broker.tasks.schedule import Schedule
from ...broker.wire.rows import SCHEDULE_COLUMNS
from ..cli.errors import CommandError
from ..storage.shard.offline import open_offline
from ..storage.shard.shard_file import shard_file_name
from . import tasks
from .node import coordinator_alone
from .procfs import cpu_ns, pss_kib, wait_calm
from .sizes import Sizes
from .statistics import median

COUNTS: Final = {1_000: "1k", 10_000: "10k", 100_000: "100k"}
PATIENCE_S: Final = 300.0
STARTS: Final = 3
MINUTE_S: Final = 60
MARGIN_S: Final = 3.0
RATE_HOURS: Final = 24

ZONES: Final = (
    "UTC", "Europe/Riga", "America/New_York", "Asia/Tokyo", "Europe/London", "America/Sao_Paulo", "Asia/Kolkata",
    "Australia/Sydney", "America/Los_Angeles", "Africa/Johannesburg", "Pacific/Auckland", "Europe/Berlin",
)  # fmt: skip


def expression(number: int) -> str:
    """Returns one of many expressions, as people have them: of twenty, twelve are daily."""
    minute, hour = number * 7 % 60, number * 11 % 24
    match number % 20:
        case 0:
            return f"*/{(5, 10, 15)[number % 3]} * * * *"
        case 1:
            return f"{minute} * * * *"
        case 2:
            return f"@every {(30, 45, 90, 120)[number % 4]}m"
        case 3 | 4:
            return f"{minute} {hour} * * MON-FRI"
        case 5:
            return f"{minute} {hour} * * {number % 7}"
        case 6:
            return f"{minute} {hour} {1 + number % 28} * *"
        case 7:
            return f"{minute} */{(2, 4, 6)[number % 3]} * * *"
        case _:
            return f"{minute} {hour} * * *"


def rows(count: int) -> list[list[Any]]:
    """Returns so many definitions."""
    job = tasks.noop.job()
    return [
        Schedule(expression(number), ZONES[number % len(ZONES)]).row(
            job, name=f"bench-{number}", queue="default", priority=0
        )
        for number in range(count)
    ]


def measure(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns seconds, % of a core and MiB for each number of schedules, and how many are due a second."""
    empty = folder / "empty"
    coordinator_alone(empty / "first", empty / "data").stop()
    bare_s = _start_s(empty)
    found: dict[str, float] = {"n12_start_empty": bare_s}
    for count, name in COUNTS.items():
        if count <= sizes.schedules_most:
            found |= {
                f"n12_{key}_{name}": value for key, value in _measured(folder / name, count, bare_s, sizes).items()
            }
    return found


def _measured(folder: Path, count: int, bare_s: float, sizes: Sizes) -> dict[str, float]:
    defined = rows(count)
    with coordinator_alone(folder / "first", folder / "data") as node, Client(node.url, timeout=PATIENCE_S) as client:
        begun = time.perf_counter()
        client.schedules.apply(defined, source="bench")
        load_s = time.perf_counter() - begun
    start_s = _start_s(folder)
    _check_all_there(folder / "data" / shard_file_name("default", 0), count)
    with coordinator_alone(folder / "idle", folder / "data") as node:
        pid = node.coordinator_pid
        wait_calm(pid)
        cpu = _idle_cpu(pid, sizes.idle_s)
        memory_mib = pss_kib(pid) / 1024
    return {
        "load": load_s, "restart": max(0.0, start_s - bare_s), "cpu": cpu, "pss": memory_mib, "due": due_rate(defined),
    }  # fmt: skip


def _check_all_there(file: Path, count: int) -> None:
    connection = open_offline(file)
    try:
        found = connection.execute("SELECT count(*) FROM v_schedules").fetchone()[0]
    finally:
        connection.close()
    if found != count:
        raise CommandError(f"the shard file holds {found:,} of {count:,} schedules; the node under test has lost some")


def _start_s(folder: Path) -> float:
    """Returns how long a node takes until it is ready, from what is stored below a folder."""
    took: list[float] = []
    for number in range(STARTS):
        begun = time.perf_counter()
        with coordinator_alone(folder / f"start-{number}", folder / "data"):
            took.append(time.perf_counter() - begun)
    return median(took)


def _idle_cpu(pid: int, idle_s: float) -> float:
    """Returns the share of one core in % over a time in which no instant is due, for all stand on whole minutes."""
    over_s = time.time() % MINUTE_S
    if not MARGIN_S <= over_s <= MINUTE_S - MARGIN_S - idle_s:
        time.sleep(MINUTE_S - over_s + MARGIN_S)
    before_ns, begun = cpu_ns([pid]), time.monotonic()
    time.sleep(idle_s)
    return (cpu_ns([pid]) - before_ns) / ((time.monotonic() - begun) * 1e9) * 100


def due_rate(defined: list[list[Any]]) -> float:
    """Returns how many instants a second come, on average over the next day."""
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    span_s = RATE_HOURS * 3600
    at, zone = SCHEDULE_COLUMNS.index("expression"), SCHEDULE_COLUMNS.index("zone")
    instants = sum(calendar(row[at], row[zone]).count(now_ms, now_ms + span_s * 1000) for row in defined)
    return instants / span_s
