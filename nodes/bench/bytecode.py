"""The package as bytecode, as an installation leaves it.

Decides that what is measured never compiles itself: in a checkout whose bytecode is missing or older than the source,
each process of a node would, at every start. It must not know any measure.
"""

import compileall
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FOLDERS: Final = ("actors", "broker", "nodes", "chaos")


def renew(root: Path = ROOT) -> None:
    """Compiles what has no bytecode yet; where it cannot be written, all is left as it is."""
    for folder in FOLDERS:
        compileall.compile_dir(root / folder, quiet=2)
