"""`mainspring init`: writes the samples to begin with.

Decides only what is printed; what is written is the settings' part.
"""

from pathlib import Path
from typing import Annotated

import typer

from ..settings.init import write_samples


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder, made if it is not there.")] = Path(),
) -> None:
    """Write a commented node file and a module of tasks into a folder.

    Nothing is overwritten. Start the node with `mainspring node DIR/node.toml`.
    """
    for path in write_samples(directory):
        typer.echo(f"wrote {path}")
