"""`mainspring init`: writes the samples to begin with.

Decides only what is printed; what is written is the settings' part.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..settings.init import write_samples
from .output import Json, show_json


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder, made if it is not there.")] = Path(),
    json: Json = False,
) -> None:
    """Write a commented node file, a module of tasks and a file of schedules into a folder.

    Nothing is overwritten. Start the node with `mainspring node DIR/node.toml`.
    """
    paths = [str(path) for path in write_samples(directory)]
    if json:
        show_json(paths)
    else:
        sys.stdout.writelines(f"wrote {path}\n" for path in paths)
