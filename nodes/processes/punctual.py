"""How a process asks to be woken on time.

Decides it for processes whose loop sleeps until a timer of somebody's. The kernel may wake a sleeper 50 µs late, to
wake several at once; a coordinator would rather not.
"""

import sys
from typing import Final

_PR_SET_TIMERSLACK: Final = 29
_SLACK_NS: Final = 1_000


def wake_punctually() -> None:
    """Asks the kernel to wake this thread, and those that it starts, within a microsecond of the time asked for."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_TIMERSLACK, _SLACK_NS, 0, 0, 0)
