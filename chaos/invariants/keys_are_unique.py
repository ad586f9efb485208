"""Within the stated time of an idempotency key no second job is taken under it.

Why: a key is the caller's own protection against sending twice; it must hold across batches in flight, sessions and
restarts.
"""

from ...actors.entries import KEYS_END, LANES, SUBMIT
from ..history import Decided
from .base import Invariant


class KeysAreUnique(Invariant):
    """One job a (tenant, key) at a time."""

    EACH_SHARD = True

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.tenants: dict[int, str] = {}
        self.until_ms: dict[tuple[str, str], tuple[int, int]] = {}

    def committed(self, decided: Decided) -> None:
        """Looks at the keys of new jobs."""
        stamp_ms = decided.entry.stamp_ms
        for op in decided.entry.ops:
            if op[0] == LANES:
                self.tenants.update((row[0], row[1]) for row in op[1])
            elif op[0] == SUBMIT:
                for id, row in enumerate(op[5], op[4]):
                    if row[4] is None:
                        continue
                    key = (self.tenants[row[0]], row[4])
                    held = self.until_ms.get(key)
                    if held is not None and held[1] > stamp_ms:
                        self.fail(
                            f"key {key} is given to job {id} at {stamp_ms}, job {held[0]} holds it until {held[1]}"
                        )
                    self.until_ms[key] = (id, row[9])
            elif op[0] == KEYS_END:
                assert op[1] <= stamp_ms, "keys end before their time"
