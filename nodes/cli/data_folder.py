"""The data folder whose files a command reads, and the shard files in it.

Decides which folder is meant. It must not open the files. Rule: docs/design.md, "Finding the node".
"""

from pathlib import Path
from typing import Annotated

import typer

from ...broker.net.discovery import DATA_FOLDER
from ..shards.layout import ShardPath, shard_files
from .errors import CommandError

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="The node's data folder; else the nearest mainspring-data/ here or above.",
        show_default=False,
    ),
]
"""The type of a command's `--data` option: `data: Data = None`."""


def data_folder(given: Path | None, option: str = "--data") -> Path:
    """Returns the folder that is meant.

    Args:
        given: by the option; None looks for it.
        option: its name.

    Raises:
        CommandError: there is none.
    """
    if given is not None:
        if not given.is_dir():
            raise CommandError(f"{given} is no folder; give the data_dir of a node")
        inner = given / DATA_FOLDER
        return inner if inner.is_dir() and not shard_files(given) else given
    start = Path.cwd()
    for folder in (start, *start.parents):
        if (folder / DATA_FOLDER).is_dir():
            return folder / DATA_FOLDER
    raise CommandError(f"neither {start} nor a folder above it has {DATA_FOLDER}/; give the node's folder by {option}")


def shard_paths(folder: Path) -> list[ShardPath]:
    """Returns the shard files of a data folder, by shard.

    Raises:
        CommandError: it has none, or may not be read.
    """
    try:
        found = shard_files(folder)
    except OSError as error:
        raise CommandError(f"{folder} cannot be read ({error.strerror}); run this as the node's user") from None
    if not found:
        raise CommandError(
            f"{folder} has no shard files; give a node's data folder, which has them after its first start"
        )
    return found
