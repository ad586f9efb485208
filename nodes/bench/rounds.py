"""The rounds: every measure once a round, in turn, so that ratios are taken within a round; drills once a run.

Decides the order, what is skipped and why, and where data directories stand. It must not know how anything is
measured or shown.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from ...broker.tasks.exceptions import MainspringError
from ..cli.errors import CommandError
from . import (
    backlog,
    drain,
    echo,
    enqueue,
    failover,
    fsync,
    huey_peer,
    idle,
    import_cost,
    lateness,
    loaded,
    memory,
    queries,
    schedules,
    start_latency,
    three,
)  # fmt: skip
from .failover import Say
from .sizes import Sizes


def _floors(folder: Path, sizes: Sizes) -> dict[str, float]:
    return {**echo.measure(folder / "echo", sizes), **fsync.measure(folder / "fsync", sizes)}


def _never() -> str | None:
    return None


class Measure(NamedTuple):
    """One measure: what it says while it runs, how it is run, and why it may be absent."""

    title: str
    run: Callable[[Path, Sizes], dict[str, float]]
    absent: Callable[[], str | None] = _never


class Drills(NamedTuple):
    """A measure of many faults in a row: once a run, not once a round, and it says how far it is."""

    title: str
    run: Callable[[Path, Sizes, Say], dict[str, float]]
    absent: Callable[[], str | None] = _never


MEASURES: Final[dict[str, Measure | Drills]] = {
    "floors": Measure("floors: ZeroMQ echo and fsync", _floors),
    "N1": Measure("drain, asyncio runner", drain.measure_asyncio),
    "N2": Measure("drain, process runner", drain.measure_process),
    "N3": Measure("enqueue, one a call and in batches", enqueue.measure),
    "N5": Measure("submit to handler start", start_latency.measure),
    "N6": Measure("submit to handler start under load", loaded.measure),
    "N7": Measure("lateness of delayed jobs", lateness.measure),
    "N10": Measure("memory of delayed jobs", memory.measure),
    "N11": Measure("restart with a backlog and history", backlog.measure_restart),
    "N12": Measure("many schedules", schedules.measure),
    "N13": Measure("drain, three nodes", three.measure),
    "N14": Drills("kill -9 of the leader of three", failover.measure_kill),
    "N15": Drills("leader of three held, or cut off", failover.measure_silence),
    "N16": Drills("executor killed, or cut off", failover.measure_executor),
    "N17": Measure("idle node", idle.measure),
    "N18": Measure("a client's import", import_cost.measure),
    "growth": Measure("10,000 to a million pending jobs", backlog.measure_growth),
    "queries": Measure("questions beside a million pending jobs", queries.measure),
    "huey": Measure("huey on SQLite", huey_peer.measure, huey_peer.absent),
}
"""In the order of a round."""

ALIASES: Final = {"N4": "N3"}
"""Measured together."""


@dataclass
class Samples:
    """What the rounds gave: a value a round for each figure; and what is missing, with the reason."""

    values: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    skipped: dict[str, str] = field(default_factory=dict[str, str])


def chosen(only: str | None) -> list[str]:
    """Returns the ids of the measures to run; the floors and the peer come along unless others are named alone.

    Args:
        only: ids joined by commas, any case; None for all.

    Raises:
        CommandError: there is no such measure.
    """
    if only is None:
        return list(MEASURES)
    known = {name.lower(): name for name in (*MEASURES, *ALIASES)}
    wanted = [word.strip() for word in only.split(",") if word.strip()]
    unknown = [word for word in wanted if word.lower() not in known] or ([] if wanted else [only])
    if unknown:
        named = ", ".join(map(repr, unknown))
        raise CommandError(f"there is no measure {named}; there are {', '.join(known.values())}")
    found = {ALIASES.get(known[word.lower()], known[word.lower()]) for word in wanted}
    return [name for name in MEASURES if name in found]


def turns(names: Sequence[str], sizes: Sizes) -> int:
    """Returns how often `run` will say that a measure is done."""
    return sum(1 if isinstance(MEASURES[name], Drills) else sizes.rounds for name in names)


def run(names: Sequence[str], sizes: Sizes, folder: Path, step: Say, done: Callable[[], None]) -> Samples:
    """Runs the measures round by round.

    Args:
        names: of MEASURES.
        sizes: of each measure, and how many rounds.
        folder: data directories stand below it while they are needed.
        step: called before each measure with what it is, and while drills run with how far they are.
        done: called after each measure.
    """
    samples = Samples()
    for name in names:
        reason = MEASURES[name].absent()
        if reason is not None:
            samples.skipped[name] = f"not measured: {reason}"
    for number in range(1, sizes.rounds + 1):
        for name in names:
            if number > 1 and isinstance(MEASURES[name], Drills):
                continue
            if name not in samples.skipped:
                # The name is short because a Unix socket's path is.
                with tempfile.TemporaryDirectory(prefix=".b-", dir=folder) as own:
                    _run_one(name, number, Path(own) / "m", sizes, samples, step)
            done()
    return samples


def _run_one(name: str, number: int, folder: Path, sizes: Sizes, samples: Samples, step: Say) -> None:
    """Runs one measure; one that fails is left out from then on, and the others go on."""
    measure = MEASURES[name]
    try:
        if isinstance(measure, Drills):
            step(measure.title)
            found = measure.run(folder, sizes, lambda text: step(f"{measure.title}: {text}"))
        else:
            step(f"round {number} of {sizes.rounds}: {measure.title}")
            found = measure.run(folder, sizes)
    except (CommandError, MainspringError) as error:
        samples.skipped[name] = f"left out from round {number} on: {' '.join(str(error).split())}"
        return
    for key, value in found.items():
        samples.values.setdefault(key, []).append(value)
