"""`mainspring bench`: measures this machine's node, beside floors and a peer.

Decides how the run is asked for and shown; what is measured stands in `nodes/bench`.
"""

import json as json_text
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..bench import bytecode, machine, page, rounds
from ..bench.lines import HEADINGS, Line, lines, texts
from ..bench.sizes import FULL, QUICK, Sizes
from .errors import CommandError

NAMES = ", ".join((*rounds.MEASURES, *rounds.ALIASES))
BUILD = Path(__file__).parents[2] / "build"


def command(
    only: Annotated[str | None, typer.Option(metavar="N1,N5", help=f"Only these measures: {NAMES}.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One short round: shows that it works, not how fast.")] = False,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write everything as JSON, too.")] = None,
    directory: Annotated[
        Path | None, typer.Option("--dir", metavar="DIR", help="Where data directories stand while they are needed.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Write figures and plot into docs/benchmarks.md.")] = False,
) -> None:
    """Measure throughput, latency and cost of a node on this machine.

    docs/benchmarks.md says what each measure is. Floors (a ZeroMQ echo, an fsync) and a peer (huey on SQLite) are
    measured in the same rounds, for only ratios say much on a machine that does other things as well. Nodes are started
    and ended by the run itself. N14, N15 and N16 run drills, once and not in rounds: five minutes for the three, or one
    and a half with --quick; as root, for they cut links.
    """
    names = rounds.chosen(only)
    sizes = QUICK if quick else FULL
    folder = directory or BUILD
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{folder} cannot be made ({error.strerror}): give --dir a folder to write to") from error
    bytecode.renew()
    about = machine.describe(folder)
    samples = _measured(names, sizes, folder)
    found = lines(samples)
    _show(found, about, samples.skipped)
    if json is not None:
        whole: dict[str, Any] = {
            "machine": about,
            "rounds": sizes.rounds,
            "quick": quick,
            "figures": [line.as_dict() for line in found],
            "samples": samples.values,
            "skipped": samples.skipped,
        }
        json.write_text(json_text.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if write:
        page.write(page.section(found, about, samples.skipped))
        page.plot(found)


def _measured(names: Sequence[str], sizes: Sizes, folder: Path) -> rounds.Samples:
    if not sys.stderr.isatty():
        return rounds.run(names, sizes, folder, lambda what: print(what, file=sys.stderr, flush=True), lambda: None)
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    # No refresh by itself: that would be a thread that runs beside what is measured.
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
        bar = progress.add_task("", total=rounds.turns(names, sizes))

        def step(what: str) -> None:
            progress.update(bar, description=what, refresh=True)

        return rounds.run(names, sizes, folder, step, lambda: progress.update(bar, advance=1, refresh=True))


def _show(found: Sequence[Line], about: dict[str, str], skipped: dict[str, str]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for at, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if at in (0, 3) else "right", no_wrap=True)
    last = None
    for line in found:
        if last is not None and line.figure.id != last:
            table.add_section()
        last = line.figure.id
        colour = {None: "", True: "green", False: "red"}[line.is_met]
        cells = [Text(cell) for cell in texts(line)]
        cells[3].stylize(colour)
        table.add_row(*cells)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    console.print(table)
    console.print("; ".join(f"{name} {value}" for name, value in about.items()), style="dim", soft_wrap=True)
    for name, reason in skipped.items():
        console.print(f"{name} was {reason}", style="yellow", soft_wrap=True)
