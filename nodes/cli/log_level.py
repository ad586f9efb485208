"""`mainspring log-level`: changes from which level on the running processes of a node log.

Decides what is printed. Which levels and processes there are, the node says.
"""

import sys
from typing import Annotated

import typer

from .control import DataDir, File, ask, control_path
from .output import Json, show_json


def command(
    level: Annotated[str, typer.Argument(metavar="LEVEL", help="debug, info, warning or error.")],
    file: File = None,
    process: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="One process; `mainspring processes` lists them.", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Change from which level on the processes of a node of this machine log, without a restart.

    Lasts until it is changed again or the node is started anew; a process that is restarted meanwhile keeps to it.
    """
    request: dict[str, object] = {"do": "log-level", "level": level, "process": process}
    *_, told = ask(control_path(file, data_dir), request)
    if json:
        show_json({key: told[key] for key in ("level", "changed", "later")})
        return
    if told["changed"]:
        sys.stdout.write(f"log level {told['level']}: {', '.join(told['changed'])}\n")
    if told["later"]:
        sys.stdout.write(f"log level {told['level']} from their next start on: {', '.join(told['later'])}\n")
