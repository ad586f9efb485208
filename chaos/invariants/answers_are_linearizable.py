"""What clients hear of a job is how it stood at some instant between their question and the answer.

Why: a question to one leader, and the next one to another, must not go back in time: whoever has heard that a job is
taken, or has ended, finds it so from then on. The log says when each change was decided and when it was committed; in
between it took place. Rule: linearizability, per job (chaos/linearizability.py).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...actors.entries import CANCEL, EXPIRE, FINISH, REVIVE, SETTLE, SUBMIT
from ...actors.jobs.lifecycle import EXPIRED, STATES, TERMINAL
from ..history import Decided
from ..linearizability import ABSENT, ENDED, LIVE, History, Operation, check
from .base import Invariant

if TYPE_CHECKING:
    from ..client_node import ClientNode

_ENDED = {STATES[state]: ENDED + STATES[state] for state in TERMINAL}


class _Stands:
    """How a job stands: each change gives it a state, each answer names the state that it has."""

    start = ABSENT

    def steps(self, state: str, operation: Operation) -> Sequence[str]:
        """Returns the states that an operation may lead to; an ended job may be pruned, and then is not found."""
        if operation.kind == "change":
            return (operation.argument,)
        if operation.result == ABSENT:
            return (state,) if state != LIVE else ()
        return (state,) if operation.result == state else ()

    def is_read(self, operation: Operation) -> bool:
        """Says whether it is an answer."""
        return operation.kind == "status"


class AnswersAreLinearizable(Invariant):
    """Answers about jobs against the changes in the log."""

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.history = History()
        self.number = 0

    def committed(self, decided: Decided) -> None:
        """Notes how jobs change."""
        for op in decided.entry.ops:
            if op[0] == SUBMIT:
                for id in range(op[4], op[4] + len(op[5])):
                    self._change(id, decided, LIVE)
            elif op[0] == FINISH:
                for row in op[2]:
                    if row[3] in TERMINAL:
                        self._change(row[0], decided, _ENDED[STATES[row[3]]])
            elif op[0] in (CANCEL, EXPIRE):
                state = op[2] if op[0] == CANCEL else EXPIRED
                for id in op[1]:
                    self._change(id, decided, _ENDED[STATES[state]])
            elif op[0] in (SETTLE, REVIVE):
                for id, _ in op[1]:
                    self._change(id, decided, _ENDED[STATES[op[2]]] if op[0] == SETTLE else LIVE)

    def _change(self, id: int, decided: Decided, state: str) -> None:
        self._add(id, decided.at_ns, "change", state, "ok")

    def _add(self, id: int, since_ns: int, kind: str, argument: str, result: str) -> None:
        self.number += 1
        self.history.invoke(self.number, since_ns, kind, id, argument)
        self.history.returned(self.number, self.world.now_ns, result)

    def told(self, client: "ClientNode", rows: list[list[Any]], since_ns: int) -> None:  # noqa: ARG002 - the hook's own
        """Notes what a client hears."""
        for id, state, *_ in rows:
            seen = ABSENT if state == "not_found" else _ENDED.get(state, LIVE)
            self._add(id, since_ns, "status", "", seen)

    def at_end(self) -> None:
        """Looks for an order that explains everything."""
        fault = check(self.history, _Stands())
        if fault is not None:
            self.fail(str(fault), *self.world.coordinators)
