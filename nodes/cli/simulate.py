"""`mainspring simulate`: runs the machines in simulated worlds of lost frames, dying processes and lying clocks.

Decides which seeds are run and how that is shown; what a seed means stands in `chaos/`. One seed always gives the
same run, so a failing one is its own reproduction.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count
from time import monotonic
from typing import Annotated, Any

import typer

from ...chaos import coverage
from ...chaos.cluster_options import options_of
from ...chaos.shrink import BadChange, changed, changes, shrink
from ...chaos.simulate import Report, run
from .errors import CommandError
from .output import Json, show_json
from .progress import bar

SEED_MAX = (1 << 63) - 1
SEEDS = 100
SHOWN_MAX = 5
MEMBERS = (1, 3, 5)


def command(
    seed: Annotated[int | None, typer.Option(metavar="N", help="Run this seed alone, and tell all about it.")] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help=f"How many seeds to run; {SEEDS} if not said.")] = None,
    first: Annotated[int, typer.Option(metavar="N", help="The first of them.")] = 0,
    minutes: Annotated[float | None, typer.Option(metavar="M", help="Run seeds for so long instead.")] = None,
    jobs: Annotated[int, typer.Option(metavar="N", help="Processes; 0 for one a core.")] = 0,
    members: Annotated[
        int, typer.Option(metavar="N", help="Members of the cluster: 3 or 5; 1 is a coordinator by itself.")
    ] = 1,
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="With --seed: change what it draws.")
    ] = None,
    smaller: Annotated[
        bool, typer.Option("--shrink", help="With --seed: look for a smaller world that fails in the same way.")
    ] = False,
    json: Json = False,
) -> int:
    """Run the machines in simulated worlds, and look for what must never happen.

    Each seed is a world of its own: clients, executors, a coordinator or several, a network, disks and clocks, and what
    goes wrong with them. Prints failing seeds with all that is needed to run them again. The exit status is 1 if there
    was one.
    """
    _check(seed, seeds, first, minutes, jobs)
    if members not in MEMBERS:
        raise CommandError(f"a cluster of {members} members is not simulated: give 1, 3 or 5")
    if seed is None and (change or smaller):
        raise CommandError("--set and --shrink are about one world: say which with --seed")
    if seed is not None:
        report = _one(seed, members, change or [], is_shrunk=smaller)
        if json:
            show_json(_row(report) | {"options": report.options, "recent": report.recent, "counts": report.counts})
        else:
            sys.stdout.write(f"{report}\n")
        return 0 if report.violation is None else 1
    numbers = range(first, first + (seeds or SEEDS)) if minutes is None else count(first)
    return _many(numbers, minutes, jobs, members, json)


def _check(seed: int | None, seeds: int | None, first: int, minutes: float | None, jobs: int) -> None:
    if seed is not None and (seeds is not None or minutes is not None):
        raise CommandError("--seed runs one seed: leave --seeds and --minutes away")
    if seeds is not None and minutes is not None:
        raise CommandError("--seeds and --minutes both say how long to run: give one of them")
    if not (0 <= first <= SEED_MAX - (seeds or SEEDS) and 0 <= (seed or 0) <= SEED_MAX):
        raise CommandError(f"seeds run from 0 to {SEED_MAX}: give one of those")
    if (seeds is not None and seeds < 1) or (minutes is not None and minutes <= 0) or jobs < 0:
        raise CommandError("--seeds, --minutes and --jobs are positive: give a larger number")


def _one(seed: int, members: int, change: list[str], *, is_shrunk: bool) -> Report:
    """Runs one seed, changed and made smaller as was asked; the report says how to run the same again."""
    drawn = options_of(seed, members)
    try:
        options = changed(drawn, change)
    except BadChange as error:
        raise CommandError(str(error)) from None
    report = run(seed, options)
    if is_shrunk and report.violation is not None:
        with bar(None, "worlds tried") as step:
            report, options = shrink(report, options, lambda: step(1))
    report.changes = changes(drawn, options)
    return report


def _run(seed: int, members: int) -> Report:
    return run(seed, options_of(seed, members))


def _many(numbers: "range | count[int]", minutes: float | None, jobs: int, members: int, json: bool) -> int:
    """Runs seeds side by side, and shows how it goes."""
    reports: list[Report] = []
    counts: Counter[str] = Counter()
    started = monotonic()
    for report in _shown(numbers, minutes, jobs or os.cpu_count() or 1, members):
        counts.update(report.counts)
        reports.append(report)
    failing = sorted((report for report in reports if report.violation is not None), key=lambda report: report.seed)
    empty = coverage.empty(counts, members) if len(reports) >= coverage.SEEDS_MIN else []
    events, simulated_s = sum(report.events for report in reports), sum(report.simulated_s for report in reports)
    took_s = monotonic() - started
    if json:
        show_json(
            {
                "seeds": len(reports),
                "events": events,
                "simulated_s": round(simulated_s, 1),
                "took_s": round(took_s, 1),
                "failing": [_row(report) for report in failing],
                "empty": empty,
                "counts": dict(sorted(counts.items())),
            }
        )
    else:
        sys.stdout.writelines(f"{report}\n\n" for report in failing[:SHOWN_MAX])
        if len(failing) > SHOWN_MAX:
            sys.stdout.write(f"more failing seeds: {', '.join(str(report.seed) for report in failing[SHOWN_MAX:])}\n")
        if empty:
            sys.stdout.write(f"never happened, and should have: {', '.join(empty)}\n")
        sys.stdout.write(
            f"{len(reports)} seeds, {len(failing)} failing; {events} events, {events / took_s:,.0f} a second; "
            f"{simulated_s / 3600:.2f} hours simulated in {took_s:.1f} s\n"
        )
    return 1 if failing or empty else 0


def _shown(numbers: "range | count[int]", minutes: float | None, jobs: int, members: int) -> Iterator[Report]:
    until = None if minutes is None else monotonic() + 60 * minutes
    with bar(len(numbers) if isinstance(numbers, range) else None, "seeds") as step:
        failing = 0
        for report in _side_by_side(iter(numbers), until, jobs, members):
            failing += report.violation is not None
            step(1, f"{failing} failing" if failing else "")
            yield report


def _side_by_side(numbers: Iterator[int], until: float | None, jobs: int, members: int) -> Iterator[Report]:
    """Yields reports as they come; at most twice as many seeds are under way as there are processes."""
    under_way: set[Future[Report]] = set()
    with ProcessPoolExecutor(jobs) as pool:
        while True:
            while len(under_way) < 2 * jobs and (until is None or monotonic() < until):
                number = next(numbers, None)
                if number is None:
                    break
                under_way.add(pool.submit(_run, number, members))
            if not under_way:
                return
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)


def _row(report: Report) -> dict[str, Any]:
    return {
        "seed": report.seed,
        "violation": report.violation,
        "events": report.events,
        "trace": report.digest,
        "simulated_s": round(report.simulated_s, 3),
        "took_s": round(report.took_s, 3),
    }
