"""What clients saw: each request as it was made, and what they could conclude of it.

Decides the form of the file: an object a line, in the order of their clocks. Must not know who judges it. `refused` is
definite, it has not happened; `unknown` may have; the same op is tried again under the same keys until it is `ok`.
"""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

INVOKE, OK, REFUSED, UNKNOWN = "invoke", "ok", "refused", "unknown"
FLUSH_BYTES: Final = 64 * 1024


class Event(NamedTuple):
    """A line."""

    at_ns: int
    """Elapsed time, which all processes of a host share."""
    what: str
    op: int
    keys: list[str]
    """Of INVOKE."""
    ids: list[int]
    """Of OK, in the order of the keys."""
    code: str
    """Of REFUSED and UNKNOWN."""


class Writer:
    """Appends to a history."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=FLUSH_BYTES)

    def note(self, what: str, op: int, *, keys: Sequence[str] = (), ids: Sequence[int] = (), code: str = "") -> None:
        """Writes a line."""
        row: dict[str, Any] = {"at_ns": time.clock_gettime_ns(time.CLOCK_BOOTTIME), "what": what, "op": op}
        row |= {name: value for name, value in (("keys", keys), ("ids", ids), ("code", code)) if value}
        self._file.write(json.dumps(row) + "\n")

    def flush(self) -> None:
        """Lets others read what is written."""
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read(path: Path) -> Iterator[Event]:
    """Yields the lines of a history; a last line that is not whole is left out."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield event_of(line)


def event_of(line: str | bytes) -> Event:
    """Reads a line."""
    row = json.loads(line)
    return Event(row["at_ns"], row["what"], row["op"], row.get("keys", []), row.get("ids", []), row.get("code", ""))
