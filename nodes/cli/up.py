"""`mainspring up`: runs nodes in the foreground, with or without files.

Decides what is printed, and which settings a node without a file has from the command line; the others are built in.
"""

import sys
from contextlib import suppress
from itertools import combinations
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
    Prints `ready URL` for each node once jobs are accepted on all; that of a member of a cluster names the others, too.
    Several nodes are stopped when one of them ends, unless they are members of a cluster. The first Ctrl-C lets running
    jobs finish, the second stops at once.
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
    _refuse_torn(files, every)
    is_cluster = all(len(settings.cluster.members) > 1 for settings in every)
    return run_nodes(files, ready=announce, ended=_tell_end, is_outlived=is_cluster)


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


def _refuse_torn(files: list[Path], every: list[NodeSettings]) -> None:
    """Refuses files that name the same members and differ in what these must agree on: they would not hear each other.

    Raises:
        CommandError: naming two files and what differs.
    """
    begun = [(file, one) for file, one in zip(files, every, strict=True) if one.member and not one.cluster.join]
    for (first, one), (second, other) in combinations(begun, 2):
        if not {member.name for member in one.cluster.members} & {member.name for member in other.cluster.members}:
            continue
        differs = [key for key in type(one.cluster).model_fields if _of(one, key) != _of(other, key)]
        differs += ["shards"] if one.coordinator.shards != other.coordinator.shards else []
        if differs:
            text = f"{first} and {second} are of one cluster, and differ in {', '.join(differs)}: make them the same"
            raise CommandError(text, USAGE)


def _of(settings: NodeSettings, key: str) -> object:
    """Returns a key of [cluster]; the order of members means nothing."""
    value = getattr(settings.cluster, key)
    return sorted(member.model_dump_json() for member in value) if key == "members" else value


def _tell_end(file: Path, status: int, goes_on: bool) -> None:
    others = "go on" if goes_on else "are stopped"
    sys.stderr.write(f"mainspring: the node of {file} has ended with status {status}; the others {others}\n")
