"""Whether what clients saw of a job could have been seen if every request had taken effect at one instant.

Decides, for each job by itself, whether its requests can be put in one order that agrees with a model of the job and
with real time: whoever was answered before another one asked comes first. A request that was never answered may have
taken effect at any time since, or never. It must not know how requests travel, or who takes part. Rule: Wing and Gong,
"Testing and Verifying Concurrent Objects" (1993), with memory for what was tried, as Lowe has it (2017).
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple, Protocol

ABSENT = "absent"
LIVE = "live"
ENDED = "ended:"
"""`ended:cancelled`, `ended:succeeded`, ...: what clients may see of a job is absent, live, or one of these."""
CANCELLED = ENDED + "cancelled"


class Operation:
    """One request, from the moment when it was made to the one when its answer was known."""

    __slots__ = ("argument", "id", "invoked", "key", "kind", "result", "returned")

    def __init__(self, id: Hashable, invoked: int, kind: str, key: Hashable, argument: str) -> None:
        self.id = id
        self.invoked = invoked
        self.kind = kind
        self.key = key
        self.argument = argument
        self.returned: int | None = None
        """None: nobody knows whether it took effect."""
        self.result = ""

    def __repr__(self) -> str:
        until = "unknown" if self.returned is None else f"{self.returned} -> {self.result}"
        return f"{self.kind}({self.argument}) at {self.invoked}..{until}"


class Model(Protocol):
    """What one key may do: a machine whose states and steps clients could tell apart."""

    start: str

    def steps(self, state: str, operation: Operation) -> Sequence[str]:
        """Returns the states that an operation may lead to; none if what it returned cannot be returned there."""
        ...

    def is_read(self, operation: Operation) -> bool:
        """Says whether an operation changes nothing, wherever it stands."""
        ...


class JobModel:
    """One job: `submit`, `status`, `cancel`, `finish` (its argument is the state that it ends in), `retry`.

    Results: of a submit `ok`; of a status the state that was seen; of a cancel or retry `ok`, or the state (absent, or
    one that has ended) because of which it could not be; of a finish `ok`, or `void` if nobody wanted it any more. A
    cancel that was taken may find the job running: then it goes on until it finishes. A finish may be followed by
    another attempt: then its argument is `live`.
    """

    start = ABSENT

    def steps(self, state: str, operation: Operation) -> Sequence[str]:
        """Returns the states that an operation may lead to."""
        kind, result = operation.kind, operation.result
        is_known = operation.returned is not None
        if kind == "status":
            return (state,) if result == state else ()
        if kind == "submit":
            return (LIVE,) if state == ABSENT else ()
        if kind == "finish":
            if is_known and result == "void":
                return (state,)
            return (operation.argument,) if state == LIVE else ()
        assert kind in ("cancel", "retry"), f"no job can {kind}"
        is_possible = state == LIVE if kind == "cancel" else state.startswith(ENDED)
        if is_known and result != "ok":
            return (state,) if result == state and not is_possible else ()
        if not is_possible:
            return ()
        return (CANCELLED, LIVE) if kind == "cancel" else (LIVE,)

    def is_read(self, operation: Operation) -> bool:
        """Says whether it is a status."""
        return operation.kind == "status"


class History:
    """What was asked, and what came of it, in any order of keys."""

    def __init__(self) -> None:
        self._by_id: dict[Hashable, Operation] = {}
        self._by_key: dict[Hashable, list[Operation]] = {}

    def invoke(self, id: Hashable, at: int, kind: str, key: Hashable, argument: str = "") -> None:
        """Somebody makes a request; `id` is its own, and to ask the same again is the same request."""
        if id not in self._by_id:
            operation = self._by_id[id] = Operation(id, at, kind, key, argument)
            self._by_key.setdefault(key, []).append(operation)

    def returned(self, id: Hashable, at: int, result: str) -> None:
        """The first answer to it has come; later ones say the same, or are judged by others."""
        operation = self._by_id[id]
        assert at >= operation.invoked, f"{operation} was answered before it was made"
        if operation.returned is None:
            operation.returned, operation.result = at, result

    def refused(self, id: Hashable) -> None:
        """It is certain that it never took effect, nor ever will."""
        operation = self._by_id.pop(id)
        self._by_key[operation.key].remove(operation)

    def all_keys(self) -> Iterator[Hashable]:
        """Yields the keys, in the order in which they were first named."""
        return iter(self._by_key)

    def of(self, key: Hashable) -> list[Operation]:
        """Returns the requests about one key, in the order in which they were made."""
        return sorted(self._by_key[key], key=lambda operation: operation.invoked)


class Fault(NamedTuple):
    """A key whose requests agree with no order."""

    key: Hashable
    operations: list[Operation]
    placed: int
    """As many of them as any order could place."""

    def __str__(self) -> str:
        lines = [f"no order explains what was seen of {self.key!r}; at most {self.placed} of these have a place:"]
        return "\n  ".join([*lines, *map(repr, self.operations)])


def check(history: History, model: Model | None = None) -> Fault | None:
    """Returns the first key whose requests agree with no order, None if all do."""
    for key in history.all_keys():
        operations = history.of(key)
        placed = _placed(operations, model or JobModel())
        if placed is not None:
            return Fault(key, operations, placed)
    return None


def _placed(operations: Sequence[Operation], model: Model) -> int | None:
    """Returns None if there is an order, else how many operations the longest try has placed."""
    answered = sum(1 << at for at, operation in enumerate(operations) if operation.returned is not None)
    most = 0
    stack = [(0, model.start)]
    tried = {(0, model.start)}
    while stack:
        done, state = stack.pop()
        done = _with_reads(operations, done, state, model)
        most = max(most, done.bit_count())
        if answered & ~done == 0:
            return None
        for at in _may_be_next(operations, done):
            if model.is_read(operations[at]):
                continue  # it does not fit, or nobody saw what it read
            for after in model.steps(state, operations[at]):
                then = (done | 1 << at, after)
                if then not in tried:
                    tried.add(then)
                    stack.append(then)
    return most


def _with_reads(operations: Sequence[Operation], done: int, state: str, model: Model) -> int:
    """Places the reads that fit here: they may as well stand here, for nothing that follows depends on them."""
    while True:
        before = done
        for at in _may_be_next(operations, done):
            operation = operations[at]
            if operation.returned is not None and model.is_read(operation) and model.steps(state, operation):
                done |= 1 << at
        if done == before:
            return done


def _may_be_next(operations: Sequence[Operation], done: int) -> list[int]:
    """Returns the operations that no other one, not placed yet, was answered before."""
    found: list[int] = []
    alike: set[tuple[str, str]] = set()
    until: int | None = None
    for at, operation in enumerate(operations):
        if until is not None and operation.invoked > until:
            break
        if done >> at & 1:
            continue
        if operation.returned is None:
            # Of unanswered ones that ask the same, the oldest stands for all.
            if (operation.kind, operation.argument) in alike:
                continue
            alike.add((operation.kind, operation.argument))
        elif until is None or operation.returned < until:
            until = operation.returned
        found.append(at)
    return [at for at in found if until is None or operations[at].invoked <= until]
