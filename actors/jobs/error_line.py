"""Which line of a failed attempt's error says most, for lists that have room for one.

Decides that it is the line that names the exception, in a traceback, and the last line of any other text. It must not
know how an error came about, nor how long a line may be.
"""

import re
from typing import Final

_TRACEBACK: Final = re.compile(r"([ |+]*)(?:Exception Group )?Traceback \(most recent call last\):")


def error_line(error: str | None) -> str:
    """Returns the line of an error that says most; empty if there is none.

    Of several tracebacks it is the last one's: the exception that was not caught, or the last part of a group. What
    stands right behind the frames names it; the message that begins there may have further lines.
    """
    lines = (error or "").strip("\n").splitlines()
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    heads = [(at, found) for at, line in enumerate(lines) if (found := _TRACEBACK.fullmatch(line))]
    if not heads:
        return last
    at, head = heads[-1]
    margin = len(head[1])  # of a part of a group: a frame of lines
    for line in lines[at + 1 :]:
        told = line[margin:]
        if told and not told.startswith(" "):
            # A bare name says nothing; what stands behind it may. And where the middle is cut out, frames are missing.
            return last if told == "[…]" or (not margin and ": " not in told) else told
    return last
