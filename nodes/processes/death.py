"""How a process dies with the one that started it.

Decides it for actor processes and runner children alike; it must not know what they do. The kernel's promise
(`PR_SET_PDEATHSIG`) follows the parent's *thread*, so children are started from the main one.
"""

import os
import signal
import sys
from typing import Final

EXIT_ORPHAN: Final = 4
"""Exit status of a process whose parent was gone before it had begun."""

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent(expected_parent_pid: int | None = None) -> None:
    """Asks the kernel for SIGKILL when the parent's thread ends; leaves at once if that has happened already.

    Call it before anything else: what was done before would outlive a parent that dies in between.

    Args:
        expected_parent_pid: the process id of who started this process, as told by that process itself; None takes
            it from the first word of the command line, where the supervisor puts it.
    """
    if expected_parent_pid is None:
        word = sys.argv[1] if len(sys.argv) > 1 else ""
        # Started by hand, for a look at it: whoever is the parent now is the right one.
        expected_parent_pid = int(word) if word.isdecimal() else os.getppid()
    if sys.platform == "linux":
        import ctypes  # here, because only children need it

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != expected_parent_pid:
        os._exit(EXIT_ORPHAN)
