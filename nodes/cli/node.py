"""`mainspring node`: runs the node of one TOML file.

Decides only how it is called; what a node is, its settings say.
"""

from pathlib import Path
from typing import Annotated

import typer

from ..processes.death import die_with_parent
from ..schedules.node import check_schedules
from ..settings.load import load
from ..supervisor.run import run_node
from .up import announce


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The node's TOML file; `mainspring init` writes one.")],
    parent: Annotated[int | None, typer.Option(hidden=True, help="End with this process, which started it.")] = None,
) -> int:
    """Run the node of a TOML file until SIGTERM or Ctrl-C.

    Prints `ready URL` once jobs are accepted; a member of a cluster may be the first one there, and prints it when it
    serves. The first signal lets running jobs finish, the second stops at once; SIGHUP reloads, as `mainspring reload`
    does. The log goes to stderr. Exit status: 0 after a stop in good order, 1 if the node failed.
    """
    if parent is not None:
        die_with_parent(parent)
    return run_node(check_schedules(load(file)), ready=announce)
