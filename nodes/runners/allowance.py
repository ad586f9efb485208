"""What a run may use of its process: the limits of its task, as the kernel holds them.

It decides how a limit becomes an exception in the run, which a parent that kills cannot do. It must not know of jobs.
Memory is what the process may map beyond what it has when the run begins (RLIMIT_DATA), so that a greedy allocation
raises MemoryError. CPU time is that of all its threads (ITIMER_PROF), and brings SIGPROF; RLIMIT_CPU would know whole
seconds only, and processes that the run starts would inherit it.
"""

import resource
import signal
from typing import Final

from ...broker.tasks.registry import Registry

_AGAIN_S: Final = 0.1
"""More CPU time after which SIGPROF comes again: it may have come when nothing could be raised."""


class Allowance:
    """The limits of one task, set for a run and taken back after it."""

    __slots__ = ("_before", "_cpu_s", "_limit", "_memory_bytes")

    def __init__(self, memory_bytes: int | None, cpu_ms: int | None) -> None:
        self._memory_bytes = memory_bytes
        self._cpu_s = None if cpu_ms is None else cpu_ms / 1000
        self._before: Final = resource.getrlimit(resource.RLIMIT_DATA)
        self._limit = self._before

    def begin(self) -> None:
        """Limits this process from now on."""
        if self._memory_bytes is not None:
            soft, hard = self._before
            wanted = _mapped_bytes() + self._memory_bytes
            # What an operator has limited already stays limited.
            limits = [wanted, *(bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY)]
            self._limit = (min(limits), hard)
            self.restore()
        if self._cpu_s is not None:
            signal.setitimer(signal.ITIMER_PROF, self._cpu_s, _AGAIN_S)

    def end(self) -> None:
        """Takes the limits back."""
        if self._cpu_s is not None:
            signal.setitimer(signal.ITIMER_PROF, 0)
        self.lift()

    def lift(self) -> None:
        """Takes the limit of memory back, or for a moment: what is allocated then is none of the run's."""
        if self._memory_bytes is not None:
            resource.setrlimit(resource.RLIMIT_DATA, self._before)

    def restore(self) -> None:
        """Limits memory again."""
        if self._memory_bytes is not None:
            resource.setrlimit(resource.RLIMIT_DATA, self._limit)


def allowances(registry: Registry) -> dict[str, Allowance]:
    """Returns the allowance of each task that has limits, by its name."""
    limited = (
        (task.name, task.options)
        for task in registry
        if task.options.memory_bytes is not None or task.options.cpu_ms is not None
    )
    return {name: Allowance(options.memory_bytes, options.cpu_ms) for name, options in limited}


def _mapped_bytes() -> int:
    """Returns what counts against RLIMIT_DATA: private memory that can be written, touched or not."""
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  (pathlib is imported by nothing else here)
        return int(file.read().split()[5]) * resource.getpagesize()
