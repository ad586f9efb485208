"""Finding the node: MAINSPRING_URL, else the nearest `mainspring-data/` upwards, as git finds its folder.

Decides which endpoints a client connects to. Must not know whether anybody listens there: a node that starts in a
moment is as good as one that runs. Rule: docs/design.md, "Finding the node".
"""

import os
from pathlib import Path

from .exceptions import NodeNotFound

URL_VARIABLE = "MAINSPRING_URL"
DATA_FOLDER = "mainspring-data"
SOCKET_NAME = "coordinator.sock"
URL_NAME = "coordinator.url"

IPC_PATH_BYTES_MAX = 107
"""A Unix socket's path has at most so many bytes; a node whose folder lies deeper writes down where it listens."""

_SCHEMES = ("ipc://", "tcp://", "inproc://")
_URL_BYTES_MAX = 4096


def find_endpoints(url: str | None = None) -> tuple[str, ...]:
    """Returns the endpoints to connect to.

    Args:
        url: one endpoint, or several joined by commas; None looks for it.

    Raises:
        NodeNotFound: there is no node to be found; the text says where it was looked for.
        ValueError: the url is no endpoint.
    """
    if url is not None:
        return _endpoints(url, "url")
    named = os.environ.get(URL_VARIABLE)
    if named:
        return _endpoints(named, URL_VARIABLE)
    start = Path.cwd()
    for folder in (start, *start.parents):
        data = folder / DATA_FOLDER
        if data.is_dir():
            return (endpoint_of(data),)
    raise NodeNotFound(
        f"no node found: {URL_VARIABLE} is not set, and neither {start} nor a folder above it has {DATA_FOLDER}/; "
        f"start one with `mainspring up`, or set {URL_VARIABLE}"
    )


def endpoint_of(data_dir: Path) -> str:
    """Returns where the node of a data folder listens.

    Raises:
        NodeNotFound: the folder lies too deep for a socket, and its node has not written down where it listens.
    """
    path = data_dir / SOCKET_NAME
    if len(os.fsencode(path)) <= IPC_PATH_BYTES_MAX:
        return f"ipc://{path}"
    note = data_dir / URL_NAME
    try:
        with note.open("rb") as file:
            text = file.read(_URL_BYTES_MAX).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NodeNotFound(f"no node found: {note} cannot be read ({error}); start one with `mainspring up`") from None
    endpoint = text if text.startswith(_SCHEMES) else f"ipc://{text}"
    if endpoint == "ipc://":
        raise NodeNotFound(f"no node found: {note} is empty; start one with `mainspring up`")
    return endpoint


def _endpoints(url: str, source: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(part.strip() for part in url.split(",") if part.strip()))
    for endpoint in found:
        if not endpoint.startswith(_SCHEMES):
            raise ValueError(f"{source} names {endpoint!r}, which is no endpoint; give ipc://PATH or tcp://HOST:PORT")
    if not found:
        raise ValueError(f"{source} is empty; give ipc://PATH or tcp://HOST:PORT")
    return found
