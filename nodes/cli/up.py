"""`mainspring up`: runs nodes in the foreground, with or without files.

Decides what is printed, and which settings a node without a file has from the command line; the others are built in.
"""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from ..schedules.node import check_schedules
from ..settings.load import default, load
from ..settings.models import NodeSettings
from ..supervisor.run import run_node
from ..supervisor.several import run_nodes
from .errors import USAGE, CommandError

DATA_DIR = Path("mainspring-data")


def command(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="TOML files, one a node.", show_default=False)
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option(metavar="MODULE", help="Without FILE: a module of tasks; may be given again.", show_default=False),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help=f"Without FILE: where to store; ./{DATA_DIR} if not given.", show_default=False
        ),
    ] = None,
) -> int:
    """Run one node, or several, in the foreground until Ctrl-C.

    Without a file this is a single node with data in ./mainspring-data, which runs the tasks of MAINSPRING_TASKS.
    Prints `ready URL` for each node once jobs are accepted on all. The first Ctrl-C lets running jobs finish, the
    second stops at once.
    """
    if not files:
        settings = default(data_dir or DATA_DIR, tasks or ())
        if not settings.executors:
            sys.stderr.write(
                "mainspring: no tasks, so jobs are taken and wait: give --tasks MODULE, or set MAINSPRING_TASKS\n"
            )
        return run_node(settings, ready=announce)
    if tasks or data_dir:
        raise typer.BadParameter("--tasks and --data-dir are for a node without FILE: set them in the file instead")
    every = [check_schedules(load(file)) for file in files]
    if len(files) == 1:
        return run_node(every[0], ready=announce)
    _refuse_shared(files, every)
    return run_nodes(files, ready=announce, ended=_tell_end)


def announce(url: str) -> None:
    """Prints where jobs are accepted; a node does not stop because nobody reads that."""
    with suppress(OSError):
        sys.stdout.write(f"ready {url}\n")
        sys.stdout.flush()


def _refuse_shared(files: list[Path], every: list[NodeSettings]) -> None:
    used: dict[Path, Path] = {}
    for file, settings in zip(files, every, strict=True):
        data_dir = settings.node.data_dir
        if data_dir in used:
            text = f"{used[data_dir]} and {file} have the same data_dir, {data_dir}: give each its own"
            raise CommandError(text, USAGE)
        used[data_dir] = file


def _tell_end(file: Path, status: int) -> None:
    sys.stderr.write(f"mainspring: the node of {file} has ended with status {status}; the others are stopped\n")
