"""What jobs write, as lines of a JSON log: with `log_format = "json"` whoever reads the log finds nothing else in it.

Decides what a line is and how long one may be. Must not know where the lines go.
"""

import json
import time
from typing import Final

LINE_BYTES_MAX: Final = 8 * 1024
"""A longer line is told in pieces."""


class OutputLines:
    """Makes a JSON object of each line that a child has written.

    Args:
        actor: the executor's name.
        node: the node's name.
    """

    def __init__(self, actor: str, node: str) -> None:
        self._who = {"actor": actor, **({"node": node} if node else {})}
        self._begun: dict[int, bytes] = {}

    def take(self, child: int, data: bytes) -> bytes:
        """Returns the lines that this completes; what has no end yet waits."""
        *whole, begun = (self._begun.pop(child, b"") + data).split(b"\n")
        while len(begun) > LINE_BYTES_MAX:
            whole.append(begun[:LINE_BYTES_MAX])
            begun = begun[LINE_BYTES_MAX:]
        if begun:
            self._begun[child] = begun
        return b"".join(self._line(child, line) for line in whole)

    def end(self, child: int) -> bytes:
        """Returns the line that a child, which writes no more, has not ended."""
        begun = self._begun.pop(child, b"")
        return self._line(child, begun) if begun else b""

    def _line(self, child: int, line: bytes) -> bytes:
        now_ms = time.time_ns() // 1_000_000
        at = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now_ms // 1000))}.{now_ms % 1000:03d}Z"
        text = line.decode("utf-8", "replace")
        told = {"time": at, "level": "info", **self._who, "message": text, "stream": "output", "child": child}
        return json.dumps(told).encode() + b"\n"
