"""How a child ends when there is nobody left to tell.

It decides that it ends at once: no atexit handlers, no joining of users' threads. It must not know why.
"""

import os
import sys
from contextlib import suppress
from typing import NoReturn


def leave(status: int, text: str | None = None) -> NoReturn:
    """Ends the process at once, with a line on stderr if `text` is given."""
    with suppress(OSError, ValueError):
        if text is not None:
            os.write(2, f"{text}\n".encode())
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    os._exit(status)
