"""`mainspring cluster grow`: takes the nodes of several files in, one after the other.

Decides what a file must say for that. It must not know how one is taken in (cluster_acts.py).
"""

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..settings.environment import TASKS_VARIABLE
from ..settings.load import load
from .cluster_acts import rows, take_in
from .cluster_calling import WAIT, Act, Timeout, calls
from .connection import Url
from .errors import USAGE, CommandError
from .output import Json, show_json

if TYPE_CHECKING:
    from ...broker.net.cluster_picture import Picture


def command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="TOML files of the nodes that join.")],
    timeout: Timeout = WAIT,
    url: Url = None,
    json: Json = False,
) -> None:
    """Take the nodes of these files into the cluster, and wait until they vote.

    Each file has `join = true` and its own [[cluster.members]] table. Start the nodes first; one that does not run yet
    is waited for. One is taken in after the other; repeat the command if it was broken off.
    """
    acts = {file: _act(file) for file in files}
    told: list[dict[str, Any]] = []
    with calls(url) as talk:
        for file, (act, shards) in acts.items():
            found = take_in(talk, act, timeout, partial(_check_shards, file, shards))
            told.append({"member": act.name, "shards": rows(found)})
            if not json:
                sys.stdout.write(f"{act.name} is a voting member\n")
                sys.stdout.flush()
    if json:
        show_json(told)


def _act(file: Path) -> tuple[Act, int]:
    """Reads which node is to be taken in, and how many shards it has.

    Raises:
        CommandError: the file is not that of a node that joins.
        SettingsError: it cannot be used.
    """
    settings = load(file, {TASKS_VARIABLE: "unknown", **os.environ})  # which tasks it runs is its own business
    member = settings.member
    if member is None or not settings.cluster.join:
        text = "its [cluster] has no `join = true`, so its node begins a cluster of its own: set it, or leave it out"
        raise CommandError(f"{file}: {text}", USAGE)
    return Act("add", member.name, member.member_endpoint, member.client_endpoint), settings.coordinator.shards


def _check_shards(file: Path, shards: int, picture: "Picture") -> None:
    """Refuses a node that could not take all shards.

    Raises:
        CommandError: the cluster has another number of them.
    """
    wanted = len(picture.groups())
    if shards != wanted:
        text = (
            f"has shards = {shards}, and the cluster has {wanted}: set [coordinator] shards = {wanted}, and start its"
        )
        raise CommandError(f"{file}: {text} node with an empty data folder", USAGE)
