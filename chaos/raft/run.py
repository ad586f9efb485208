"""Runs one seed, or one script, and says how it went.

Decides how long a run is. Rule: a run that fails says how to run it again.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from .bag import Bag
from .options import drawn
from .scripts import SCRIPTS
from .timed import Timed
from .witness import Violation, Witness

BAG_STEPS = 2_500


@dataclass(slots=True)
class Report:
    """How a run went."""

    way: str
    """bag, timed, or the name of a script."""
    seed: int
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    violation: str | None = None
    counts: dict[str, int] = field(default_factory=dict[str, int])

    def __str__(self) -> str:
        """Tells what a person needs to know; of a failing run, everything."""
        if self.violation is None:
            return f"{self.way} {self.seed}: clean, {self.counts}"
        return (
            f"{self.way} {self.seed}: violated\n  {self.violation}\n"
            f"options: {', '.join(f'{name}={value}' for name, value in self.options.items())}\n"
            f"replay: python -m mainspring.chaos.raft {self.way} {self.seed}"
        )


def run_bag(seed: int) -> Report:
    """Runs a seed in the bag."""
    options = drawn(seed)
    bag = Bag(options)
    return _judged(Report("bag", seed, options.shown()), bag.witness, lambda: bag.run(BAG_STEPS))


def run_timed(seed: int) -> Report:
    """Runs a seed in time."""
    options = drawn(seed)
    timed = Timed(options)
    return _judged(Report("timed", seed, options.shown()), timed.witness, timed.run)


def run_script(name: str) -> Report:
    """Plays a script."""
    return _judged(Report(name, 0), Witness(), SCRIPTS[name])


def _judged(report: Report, witness: Witness, act: Callable[[], None]) -> Report:
    try:
        act()
    except Violation as violation:
        report.violation = str(violation)
    except Exception as error:  # noqa: BLE001  (an engine that raises is what we are here to find)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{PurePath(frame.filename).name}:{frame.lineno}"
        report.violation = f"engines_do_not_raise: {type(error).__name__}: {error} at {place}"
    report.counts = witness.counts()
    return report
