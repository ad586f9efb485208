"""Which leases are open when a coordinator starts: those with a row, and those that stand in the log alone.

Decides from the store's `leases` and the log's entries since the last HOLD's floor. Leases count as renewed at the
start, because renewals are soft. Rule: docs/design.md, "Storage": truncation never passes a lease that has no row, so
the log since the floor has them all.
"""

from collections.abc import Iterable
from typing import Any

from ..entries import FINISH, HOLD, LEASE, Entry
from ..store import Restored


def open_leases(restored: Restored, entries: Iterable[tuple[int, Entry]]) -> list[list[Any]]:
    """Returns rows of HOLD_COLUMNS, in order of id.

    Args:
        restored: what the store holds, with every entry applied.
        entries: (index, entry) from the floor to `restored.applied`, in order.
    """
    found: dict[int, list[Any]] = {row[0]: row for row in restored.leases}
    for index, entry in entries:
        for op in entry.ops:
            if op[0] == LEASE:
                _, executor, incarnation, ids, attempts = op
                for id, attempt in zip(ids, attempts, strict=True):
                    found[id] = [id, attempt, entry.epoch, index, executor, incarnation, entry.stamp_ms]
            elif op[0] == FINISH:
                for row in op[2]:
                    if row[0] in found and found[row[0]][1] <= row[1]:
                        del found[row[0]]
            elif op[0] == HOLD:
                for row in op[2]:
                    found.setdefault(row[0], row)
    return [found[id] for id in sorted(found)]
