"""`python -m mainspring.chaos.raft WAY [SEED]`: runs seeds of the raft engine alone, or a script.

Decides how that is asked for and shown. WAY is bag, timed, scripts, or the name of a script.
"""

import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterable

from .run import Report, run_bag, run_script, run_timed
from .scripts import SCRIPTS

WAYS: dict[str, Callable[[int], Report]] = {"bag": run_bag, "timed": run_timed}


def main(arguments: list[str]) -> int:
    """Runs what is asked for; 1 if something failed."""
    parser = ArgumentParser("python -m mainspring.chaos.raft", description="Run the raft engine alone, under weather.")
    parser.add_argument("way", choices=[*WAYS, "scripts", *SCRIPTS])
    parser.add_argument("seed", type=int, nargs="?", default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds")
    asked = parser.parse_args(arguments)
    reports: Iterable[Report]
    if asked.way in WAYS:
        reports = (WAYS[asked.way](seed) for seed in range(asked.seed, asked.seed + asked.seeds))
    else:
        reports = (run_script(name) for name in (SCRIPTS if asked.way == "scripts" else [asked.way]))
    counts: Counter[str] = Counter()
    runs = failing = 0
    for report in reports:
        runs += 1
        counts.update(report.counts)
        if report.violation is not None:
            failing += 1
            print(report)
    print(f"{runs} runs, {failing} failing; {', '.join(f'{number} {what}' for what, number in counts.items())}")
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
