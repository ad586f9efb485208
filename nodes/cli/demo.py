"""`mainspring demo`: a demonstration that checks itself.

Decides only how it is called, and which of its faults are the caller's to mend.
"""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from .errors import CommandError
from .output import WIDTH_OF_A_PIPE
from .up import DATA_DIR


def command(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the node running afterwards, until Ctrl-C.")] = False,
    tree: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The files to work on; the standard library if not given.", show_default=False
        ),
    ] = None,
    data_dir: Annotated[Path, typer.Option(metavar="DIR", help="Where the node stores its data.")] = DATA_DIR,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a picture of the run, too.", show_default=False)
    ] = None,
) -> int:
    """Run a node, drive it on real files for about ten seconds, and check what it has stored.

    Every file of the standard library is hashed, compressed and counted by a job of its own. Some jobs are delayed, one
    fails twice and then succeeds, one never ends and is killed at its timeout, one kills its own runner. A schedule
    ticks every second, and the crontabs of this machine are taken over, paused, with the next time of each. The summary
    is read from the shard file by SQL. Exit status: 0 if every count is what it must be, else 1.
    """
    from rich.console import Console

    from ..demo.node import NodeFailed
    from ..demo.run import Options, run_demo
    from ..demo.tree import TreeError, standard_library

    if svg is not None and not svg.parent.is_dir():
        raise typer.BadParameter(f"--svg {svg} lies in no folder; make {svg.parent} first")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us ends the node in good order, too
    options = Options(tree or standard_library(), data_dir, keep=keep, svg=svg)
    try:
        return run_demo(options, Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE))
    except (TreeError, NodeFailed) as error:
        raise CommandError(str(error)) from None
