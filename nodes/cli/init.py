"""`mainspring init`: writes the samples to begin with.

Decides only what is printed; what is written is the settings' part.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..settings.errors import SettingsError
from ..settings.init import SAMPLES, THREE_NODES, write_samples
from .errors import CommandError
from .output import Json, show_json


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder, made if it is not there.")] = Path(),
    three_nodes: Annotated[
        bool, typer.Option("--three-nodes", help="Write the files of a cluster of three: a.toml, b.toml and c.toml.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a commented node file, a module of tasks and a file of schedules into a folder.

    Nothing is overwritten. Start the node with `mainspring node DIR/node.toml`, or three of them on this machine with
    `mainspring up DIR/a.toml DIR/b.toml DIR/c.toml`.
    """
    try:
        paths = [str(path) for path in write_samples(directory, THREE_NODES if three_nodes else SAMPLES)]
    except SettingsError as error:
        raise CommandError(str(error)) from None  # nothing is wrong with how it was called
    if json:
        show_json(paths)
    else:
        sys.stdout.writelines(f"wrote {path}\n" for path in paths)
