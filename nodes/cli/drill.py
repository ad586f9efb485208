"""`mainspring drill`: does real faults to real nodes, and judges what came of them.

Decides how drills are asked for and shown; what a drill does stands in `chaos/drills`. The nodes are the drill's own,
in namespaces or folders that it makes and takes down: it touches no other.
"""

import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ...chaos.drills import page, tools
from ...chaos.drills.drill import Drill
from ...chaos.drills.run import attempt
from ...chaos.drills.suite import DRILLS
from ...chaos.drills.table import HEADINGS, Result, cells
from .errors import USAGE, CommandError
from .output import Json, show_json

LIST, ALL = "list", "all"
REPORTS = Path(__file__).parents[2] / "build" / "drills"


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of a drill; `list` for their names, `all` for all.")],
    rounds: Annotated[int, typer.Option(metavar="N", help="Rounds; 0 for what the drill says.")] = 0,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="How long each fault lasts, for those that last.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="What is drawn depends on it.")] = 0,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where reports are left, a folder a drill.", show_default=False)
    ] = None,
    json: Json = False,
    write: Annotated[bool, typer.Option("--write", help="Write the table into docs/drills.md.")] = False,
) -> int:
    """Do real faults to a cluster of real nodes under load, and check that nothing is lost, doubled or left over.

    Three nodes are started in network namespaces of their own (as root; else over sockets in a folder, for the drills
    that need no more), with clients, and with handlers that write down each run. Each drill leaves a report: JSON, an
    HTML page with a picture, the history and the logs. The exit status is 1 if anything was violated. docs/drills.md
    says what each drill does and what is checked.
    """
    if name == LIST:
        return _list(json)
    if name != ALL and name not in DRILLS:
        raise CommandError(f"there is no drill {name!r}; `mainspring drill list` shows them", USAGE)
    if rounds < 0 or (seconds is not None and seconds <= 0):
        raise CommandError("--rounds and --seconds are positive: give a larger number", USAGE)
    results: list[Result] = []
    skipped: dict[str, str] = {}
    for drill in DRILLS.values() if name == ALL else (DRILLS[name],):
        missing = tools.missing(drill.needs)
        if missing:
            skipped[drill.name] = "; ".join(missing)
            continue
        results.append(_run(drill, rounds or drill.rounds, seed, seconds, (report or REPORTS) / drill.name))
    if name != ALL and skipped:
        raise CommandError(f"{name} needs what is not there: {skipped[name]}")
    if json:
        show_json([result.as_dict() for result in results])
    else:
        _show(results, skipped)
    if write:
        page.write(results, skipped)
    return 0 if all(result.is_clean for result in results) else 1


def _stop(number: int, _frame: object) -> NoReturn:
    """Ends the command as Ctrl-C does: what was made is taken down."""
    raise SystemExit(128 + number)


def _run(drill: Drill, rounds: int, seed: int, seconds: float | None, folder: Path) -> Result:
    from rich.console import Console

    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, _stop)
    if not console.is_terminal:
        say = partial(print, f"{drill.name}:", file=sys.stderr, flush=True)
        return attempt(drill, rounds, seed, seconds, folder, say)
    with console.status(drill.name) as status:
        return attempt(drill, rounds, seed, seconds, folder, lambda text: status.update(f"{drill.name}: {text}"))


def _list(json: bool) -> int:
    if json:
        show_json(
            [
                {
                    "name": drill.name,
                    "title": drill.title,
                    "rounds": drill.rounds,
                    "missing": tools.missing(drill.needs),
                }
                for drill in DRILLS.values()
            ]
        )
        return 0
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table("drill", "what it does", "rounds", "missing here", box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for drill in DRILLS.values():
        table.add_row(drill.name, drill.title, str(drill.rounds), "; ".join(tools.missing(drill.needs)))
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table)
    return 0


def _show(results: Sequence[Result], skipped: dict[str, str]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    if results:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for at, heading in enumerate(HEADINGS):
            table.add_column(heading.strip(), justify="left" if at in (0, len(HEADINGS) - 1) else "right")
        for result in results:
            table.add_row(*cells(result), style="" if result.is_clean else "red")
        console.print(table)
    for result in results:
        for text in result.verdict["told"]:
            console.print(f"{result.name}: {text}", style="red", soft_wrap=True)
        console.print(f"{result.name}: {result.report}/report.html", style="dim", soft_wrap=True)
    for name, reason in skipped.items():
        console.print(f"{name} was not run; it needs {reason}", style="yellow", soft_wrap=True)
