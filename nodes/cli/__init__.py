"""The command line program: `mainspring`, alias `taskctl`; a file a subcommand, imported when it is called.

Decides where the program starts, and nothing else: what it can do stands in `commands`.
"""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Runs the program on the process's arguments, and ends the process with its exit status."""
    from .app import run

    sys.exit(run(sys.argv[1:]))
