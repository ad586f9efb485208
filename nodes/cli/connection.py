"""How commands reach the node: the `--url` option, ids from the command line, and a client that is closed again.

Decides how a word becomes a job id and a fault of the URL a fault of the command. It must not know what is asked. Rule:
docs/design.md, "Finding the node"; the client does the finding.
"""

import os
import socket
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ...broker.wire.ids import parse_id
from .errors import CommandError

if TYPE_CHECKING:
    from ...broker.net.client import Client

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="The node, as ipc://PATH, or several of a cluster, by commas; else MAINSPRING_URL, else the nearest"
        " mainspring-data/ here or above.",
        show_default=False,
    ),
]
"""The type of a command's `--url` option: `url: Url = None`."""

TIMEOUT_S: Final = 10.0
NOBODY_TIMEOUT_S: Final = 3.0
"""How long is waited where nobody listens: a node that starts again is back by then."""
COMPLETION_TIMEOUT_S: Final = 1.0


@contextmanager
def connected(url: str | None, timeout_s: float = TIMEOUT_S) -> Generator["Client"]:
    """Gives a client of the node, and closes it.

    Raises:
        CommandError: the URL is none.
        MainspringError: there is no node to be found.
    """
    from ...broker.net.client import Client
    from ...broker.net.discovery import find_endpoints

    try:
        endpoints = find_endpoints(url)
        if why := nowhere(endpoints):
            raise CommandError(f"no node can be reached at {', '.join(endpoints)}: {why}")
        if not any(map(_is_open, endpoints)):
            timeout_s = min(timeout_s, NOBODY_TIMEOUT_S)
        client = Client(url, timeout_s)
    except ValueError as fault:
        raise CommandError(str(fault)) from None
    with client:
        yield client


def _is_open(endpoint: str) -> bool:
    """Says whether somebody may listen; of a Unix socket the system knows at once."""
    if not endpoint.startswith("ipc://"):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(os.fsencode(endpoint.removeprefix("ipc://")))
        except OSError as error:
            return not isinstance(error, FileNotFoundError | ConnectionRefusedError)
    return True


def nowhere(endpoints: Sequence[str]) -> str | None:
    """Returns what to do about endpoints whose hosts are names that nobody here knows; None if one is known."""
    from ...broker.net.address import unknown_host

    hosts: list[str] = []
    for endpoint in endpoints:
        host = unknown_host(endpoint)
        if host is None:
            return None
        hosts.append(host)
    names = ", ".join(dict.fromkeys(hosts))
    what = "is no name that resolves" if len(set(hosts)) == 1 else "are no names that resolve"
    return f"{names} {what} here; correct the URL, or the name service"


Ids = Annotated[
    list[str], typer.Argument(metavar="ID", help="Such as 1042 or 3-1042; - reads them from stdin, one a line.")
]
"""The type of a command's ids: `ids: Ids`."""

FROM_STDIN: Final = "-"


def job_ids(words: Sequence[str]) -> list[int]:
    """Reads ids such as 1042 or 3-1042; each once, in their order. `-` stands for the lines of stdin.

    Raises:
        typer.BadParameter: one is none.
    """
    try:
        return list(dict.fromkeys(parse_id(word) for word in _with_stdin(words)))
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None


def _with_stdin(words: Iterable[str]) -> Iterator[str]:
    """Yields words, and in place of `-` the lines of stdin; empty ones are left out."""
    for word in words:
        if word == FROM_STDIN:
            yield from (line.strip() for line in sys.stdin if line.strip())
        else:
            yield word


def names_of(listing: str, column: str, incomplete: str) -> list[str]:
    """Returns what a column of a listing holds, for completion in the shell; nothing if no node answers soon."""
    from ...broker.tasks.exceptions import MainspringError

    try:
        with connected(None, COMPLETION_TIMEOUT_S) as client:
            found = {str(row[column]) for row in client.query(listing)}
    except (MainspringError, CommandError):
        return []
    return sorted(name for name in found if name.startswith(incomplete))
