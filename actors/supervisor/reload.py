"""One reload: which executors are still to be restarted on new code, and which one it is at.

Decides the order, one executor at a time, and when it has waited long enough for one. It must not know how a process
is restarted; the machine does that, and reports here. Rule: docs/operating.md, "Reload".
"""

from collections.abc import Sequence

from .process import Process


class Reload:
    """A reload under way.

    Args:
        request: who has asked for it, as `ReloadAsked` says.
        processes: the executors, in the order in which they are restarted.
    """

    __slots__ = ("_has_begun", "_left", "due_ns", "request", "restarted")

    def __init__(self, request: int, processes: Sequence[Process]) -> None:
        self.request = request
        self.restarted: list[str] = []
        """Names of those that are ready on new code."""
        self.due_ns: int | None = None
        """Until when the new life must be ready; None before it has begun."""
        self._left = list(processes)
        self._has_begun = False

    @property
    def current(self) -> Process | None:
        """The executor that is being restarted; None when all were."""
        return self._left[0] if self._left else None

    @property
    def name(self) -> str:
        """The name of the executor that is being restarted; empty when all were."""
        return self._left[0].name if self._left else ""

    @property
    def left(self) -> list[str]:
        """Names of those whose turn has not come."""
        return [process.name for process in self._left[1:]]

    def awaits_end_of(self, process: Process) -> bool:
        """Says whether a life on old code is to end, so that its end is no failure."""
        return process is self.current and not self._has_begun

    def awaits_ready_of(self, process: Process) -> bool:
        """Says whether a life on new code has begun, and is to become ready."""
        return process is self.current and self._has_begun

    def note_begun(self, due_ns: int) -> None:
        """Notes that the life on new code has begun."""
        assert self.current is not None, "nothing is being restarted"
        assert not self._has_begun, "two lives on new code"
        self._has_begun, self.due_ns = True, due_ns

    def note_ready(self) -> None:
        """Notes that the current executor is ready, and goes on to the next."""
        assert self._has_begun, "ready before it has begun"
        self.restarted.append(self._left.pop(0).name)
        self._has_begun, self.due_ns = False, None

    def check(self) -> None:
        """Asserts every relation between the fields."""
        assert (self.due_ns is not None) == self._has_begun, "waits for a life that has not begun"
        assert self._left, "a reload that is over goes on"
        assert not set(self.restarted) & {process.name for process in self._left}, "restarted, and still to be"
