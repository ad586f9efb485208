"""How commands ask the supervisor of a node of this machine: where its control socket is, and the talk over it.

Decides how the node is found (a FILE, `--data-dir`, MAINSPRING_URL, the nearest mainspring-data/) and what a fault of
the socket means. It must not know what is asked. The form of the talk stands in docs/operating.md.
"""

import json
import os
import socket
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from ...broker.net.discovery import URL_VARIABLE
from ..supervisor.data_dir import CONTROL_FILE, SOCKET_PATH_BYTES_MAX, folder_apart
from .data_folder import data_folder
from .errors import CommandError

File = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", help="The node's TOML file, which says where it is.", show_default=False),
]
"""The type of a command's FILE argument: `file: File = None`."""

DataDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="The node's data directory; else that of MAINSPRING_URL, else the nearest mainspring-data/ here or above.",
        show_default=False,
    ),
]
"""The type of a command's `--data-dir` option: `data_dir: DataDir = None`."""

ANSWER_TIMEOUT_S: Final = 10.0
"""A supervisor answers at once; one that takes so long is stopped or held up."""
LINE_BYTES_MAX: Final = 1024 * 1024


def control_path(file: Path | None, data_dir: Path | None) -> Path:
    """Returns where the control socket of the node that is meant lies, if it runs.

    Raises:
        typer.BadParameter: two nodes are meant.
        CommandError: no node can be meant, or not one of this machine.
        SettingsError: the file is none of a node.
    """
    if file is not None and data_dir is not None:
        raise typer.BadParameter("FILE and --data-dir both say which node is meant: leave one of them out")
    if file is not None:
        from ..settings.load import load

        return _in_folder(load(file).node.data_dir)
    url = os.environ.get(URL_VARIABLE)
    if data_dir is None and url:
        return _beside(url)
    return _in_folder(data_folder(data_dir, "--data-dir").absolute())


def _in_folder(folder: Path) -> Path:
    here = folder / CONTROL_FILE
    try:
        if not here.exists():
            # The node's own path to the folder may be another, and too long for a socket.
            apart = folder_apart(folder, folder.stat().st_uid) / CONTROL_FILE
            return apart if apart.exists() else here
    except OSError:
        pass  # it has never run, or is somebody else's; the connection tells
    return here


def _beside(url: str) -> Path:
    """Finds the control socket beside the coordinator's."""
    found = [part.strip().removeprefix("ipc://") for part in url.split(",") if part.strip().startswith("ipc://")]
    if len(found) != 1:
        raise CommandError(
            f"{URL_VARIABLE} ({url}) does not name one node of this machine, and only on its own machine a node can be"
            " told this: give its FILE or --data-dir there"
        )
    return Path(found[0]).parent / CONTROL_FILE


def ask(path: Path, request: dict[str, object]) -> Generator[dict[str, Any]]:
    """Sends a request, and gives each line of the answer as it comes; the last one has `done`.

    Raises:
        CommandError: nobody answers, or the node refuses to listen to this request.
    """
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(ANSWER_TIMEOUT_S)
        try:
            _connect(sock, path)
            with suppress(BrokenPipeError):  # it was refused before it was read, and the answer says why
                sock.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise CommandError(_no_answer(path, error)) from None
        with sock.makefile("rb") as lines:
            while True:
                told = _read(path, lines.readline)
                if (
                    told.get("done")
                    and not told.get("ok")
                    and told.get("code") in ("malformed", "overloaded", "not_allowed")
                ):
                    raise CommandError(str(told.get("text")))
                yield told
                if told.get("done"):
                    return
                sock.settimeout(None)  # it has begun, and says when it is over


def _connect(sock: socket.socket, path: Path) -> None:
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
        sock.connect(os.fsencode(path))
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)  # has a short name as long as it is open
    try:
        sock.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def _read(path: Path, readline: Any) -> dict[str, Any]:
    try:
        line: bytes = readline(LINE_BYTES_MAX)
    except OSError as error:
        raise CommandError(_no_answer(path, error)) from None
    if not line:
        raise CommandError(f"the node of {path.parent} has ended before it answered: its log says why")
    try:
        told: Any = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise CommandError(f"{path} answers what this version does not understand: use the version that runs the node")
    return cast("dict[str, Any]", told)


def _no_answer(path: Path, error: OSError) -> str:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            mend = "start it, or give the FILE or --data-dir of one that runs"
            return f"no node runs on {path.parent}, for there is no {CONTROL_FILE} in it: {mend}"
        case ConnectionRefusedError():
            return f"the node of {path.parent} does not run any more: start it again"
        case PermissionError():
            return f"{path} belongs to another user: run this as the user of the node"
        case TimeoutError():
            return (
                f"the supervisor behind {path} does not answer within {ANSWER_TIMEOUT_S:g} s: is it stopped (SIGSTOP)?"
            )
        case _:
            return f"{path} cannot be asked ({error.strerror}): run this on the node's machine, as its user"
