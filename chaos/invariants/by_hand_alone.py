"""A job is skipped, discarded or lives again only because somebody has said so, and his name stands beside it.

Why: promise P6. A state that only people give must not come about by itself, nor be given to a job that lives; and
whoever asked a running job to stop first has decided how it ends, across every restart.
"""

from ...actors.entries import ASK, CANCEL, EXPIRE, FINISH, REVIVE, SETTLE
from ...actors.jobs.lifecycle import CANCELLED, DISCARDED, OUTCOME_CANCELLED, SKIPPED, SUCCEEDED, TRANSITIONS
from ..history import Decided, by_hand
from .base import Invariant


class ByHandAlone(Invariant):
    """What is done by hand against the audit, and ends against what was asked for."""

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.asked: dict[int, int] = {}
        self.ended: dict[int, int] = {}

    def committed(self, decided: Decided) -> None:
        """Walks through an entry."""
        named = by_hand(decided.entry)
        for op in decided.entry.ops:
            if op[0] == ASK:
                self._ask(op[1], op[2], named)
            elif op[0] == FINISH:
                for row in op[2]:
                    self._finish(row[0], row[2], row[3])
            elif op[0] in (CANCEL, EXPIRE):
                if op[0] == CANCEL and op[2] == SKIPPED:
                    self._named(op[1], named, "skipped")
                self.ended.update((id, op[2] if op[0] == CANCEL else 0) for id in op[1])
            elif op[0] == REVIVE:
                self._named([id for id, _ in op[1]], named, "retried")
                for id, _ in op[1]:
                    self.ended.pop(id, None)
            elif op[0] == SETTLE:
                self._settle([id for id, _ in op[1]], op[2], named)

    def _named(self, ids: list[int], named: set[int], what: str) -> None:
        missing = set(ids) - named
        if missing:
            self.fail(f"jobs {sorted(missing)} are {what}, and the entry does not say by whom")

    def _ask(self, ids: list[int], final: int, named: set[int]) -> None:
        if final == SKIPPED:
            self._named(ids, named, "asked to stop and be skipped")
        for id in ids:
            if id in self.asked:
                self.fail(f"job {id} is asked to stop, and was before")
            self.asked[id] = final

    def _finish(self, id: int, outcome: int, state: int) -> None:
        asked = self.asked.pop(id, None)
        if asked is not None and state not in (asked, SUCCEEDED):
            self.fail(f"job {id} was asked to end in state {asked}, and goes to state {state}")
        if asked is None and (state == SKIPPED or (state == CANCELLED and outcome != OUTCOME_CANCELLED)):
            self.fail(f"job {id} ends in state {state}, and nobody has asked for it")
        self.ended[id] = state

    def _settle(self, ids: list[int], final: int, named: set[int]) -> None:
        event = "skip" if final == SKIPPED else "discard"
        self._named(ids, named, f"put aside ({event})")
        if final not in (SKIPPED, DISCARDED):
            self.fail(f"jobs {ids} are put aside in state {final}")
        for id in ids:
            before = self.ended.get(id)
            if before and (before, event) not in TRANSITIONS:
                self.fail(f"job {id} has ended in state {before}, and goes to state {final}")
            self.ended[id] = final
