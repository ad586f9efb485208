"""The command line program: `mainspring`, alias `taskctl`; a file a subcommand, imported when it is called.

Decides where the program starts, and nothing else: what it can do stands in `commands`.
"""

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Runs the program on the process's arguments, and ends the process with its exit status."""
    _open_standard_streams()
    from .app import run

    sys.exit(run(sys.argv[1:]))


def _open_standard_streams() -> None:
    """Opens what the caller has closed: else a file of the node's gets its number, and what is printed goes there."""
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(fd, "r" if fd == 0 else "w", closefd=False))  # noqa: SIM115  (stays open)
