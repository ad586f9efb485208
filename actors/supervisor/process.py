"""One process as the supervisor sees it: where it is in its life, and which of its former lives are over.

Decides which phase follows which event; it must not know of the other processes. A former life counts as dead
only when the process has ended *and* its children are proven dead: a lease taken over too early would run a job
twice at once. Rule: docs/design.md, "Execution".
"""

from enum import Enum

from .settings import REPLACES_MAX, Kind, ProcessSpec


class Phase(Enum):
    """Where a process is in its life."""

    WAITING = "waiting"
    """Not running; starts at `due_ns`."""
    STARTING = "starting"
    """Started, not ready yet."""
    READY = "ready"
    STOPPING = "stopping"
    """Was asked to stop, or said that it has failed; killed at `due_ns`."""
    KILLED = "killed"
    """Was killed; given up on at `due_ns`."""
    LINGERING = "lingering"
    """Has ended, its children are not proven dead; no longer waited for at `due_ns`."""
    GONE = "gone"
    """Has ended, and will not start again."""


RUNNING = frozenset({Phase.STARTING, Phase.READY, Phase.STOPPING, Phase.KILLED})
TIMED = frozenset({Phase.WAITING, Phase.STOPPING, Phase.KILLED, Phase.LINGERING})


class Process:
    """One process of the node through all its lives."""

    __slots__ = (
        "_phase_seen",
        "children_dead",
        "dead",
        "due_ns",
        "ever_ready",
        "failed_text",
        "failures",
        "incarnation",
        "last_error",
        "phase",
        "restart_ns",
        "since_ns",
        "spec",
        "started_ns",
        "starts",
    )

    def __init__(self, spec: ProcessSpec, now_ns: int) -> None:
        self.spec = spec
        self.phase = Phase.WAITING
        self.due_ns: int | None = now_ns
        """When the phase is over if nothing happens before; None where only an event ends it."""
        self.incarnation = 0
        self.dead: list[int] = []
        """Former lives known to be dead, the youngest last."""
        self.children_dead = False
        self.ever_ready = False
        self.failed_text = ""
        self.last_error = ""
        """How it ended when nobody had asked it to; empty once it was ready again."""
        self.failures = 0
        """Short lives in a row."""
        self.starts = 0
        self.since_ns = now_ns
        """When the phase was entered."""
        self._phase_seen: Phase = self.phase
        self.started_ns = 0
        self.restart_ns: int | None = None
        """When the next life begins, at the earliest; None if there is none."""

    @property
    def name(self) -> str:
        """The name of the process."""
        return self.spec.name

    @property
    def runs(self) -> bool:
        """Tells whether the process exists: it was started and has not ended."""
        return self.phase in RUNNING

    def begin(self, incarnation: int, now_ns: int) -> tuple[int, ...]:
        """Begins a life; returns the former lives that it replaces."""
        assert self.phase is Phase.WAITING, self.phase
        assert incarnation not in (0, self.incarnation, *self.dead), "an incarnation was drawn twice"
        self.phase, self.due_ns, self.restart_ns = Phase.STARTING, None, None
        self.incarnation, self.started_ns = incarnation, now_ns
        # Only executors have children whose end would have to be proven.
        self.children_dead = self.spec.kind is not Kind.EXECUTOR
        self.failed_text = ""
        self.starts += 1
        return tuple(self.dead)

    def note_time(self, now_ns: int) -> None:
        """Notes since when the process is where it is; called after each event."""
        if self.phase is not self._phase_seen:
            self._phase_seen, self.since_ns = self.phase, now_ns

    def hurry(self, now_ns: int) -> None:
        """Has the next life of a process that does not run begin as soon as it may."""
        assert not self.runs, self.phase
        assert self.phase is not Phase.GONE, "a process that will not start again is hurried"
        self.failures, self.restart_ns = 0, now_ns
        if self.phase is Phase.WAITING:
            self.due_ns = now_ns

    def end_by(self, phase: Phase, due_ns: int) -> None:
        """Notes that the process is about to end: asked to (STOPPING), or killed (KILLED)."""
        assert self.runs, self.phase
        assert phase in (Phase.STOPPING, Phase.KILLED), phase
        self.phase, self.due_ns = phase, due_ns

    def end(self, restart_ns: int | None, linger_ns: int) -> None:
        """Notes that the process has ended.

        Args:
            restart_ns: when its next life begins at the earliest, in elapsed ns; None for never.
            linger_ns: until when its children may take to die, in elapsed ns.
        """
        assert self.runs, self.phase
        self.restart_ns = restart_ns
        self.phase, self.due_ns = Phase.LINGERING, linger_ns
        if self.children_dead:
            self._bury()

    def note_dead(self, incarnation: int) -> None:
        """Notes that nothing of one life is left; the process itself may not have been seen to end yet."""
        assert incarnation != 0, "no life has the number 0"
        if incarnation != self.incarnation:
            self._remember(incarnation)  # it was no longer waited for
            return
        self.children_dead = True
        if self.phase is Phase.LINGERING:
            self._bury()
        elif not self.runs:
            self._remember(incarnation)

    def stop_lingering(self) -> None:
        """Goes on without proof that the children are dead."""
        assert self.phase is Phase.LINGERING, self.phase
        assert not self.children_dead, "a life that is over does not linger"
        self._rest()

    def retire(self) -> None:
        """Takes a process that does not run out of service."""
        assert not self.runs, self.phase
        self.restart_ns = None
        if self.phase is Phase.WAITING:
            self.phase, self.due_ns = Phase.GONE, None

    def give_up(self) -> None:
        """Stops waiting for a process that does not die of being killed."""
        assert self.phase is Phase.KILLED, self.phase
        self.phase, self.due_ns, self.restart_ns = Phase.GONE, None, None

    def check(self) -> None:
        """Asserts every relation between the fields."""
        assert (self.due_ns is not None) == (self.phase in TIMED), (self.phase, self.due_ns)
        assert not self.runs or self.restart_ns is None, "a running process waits to start"
        assert self.phase is not Phase.READY or self.ever_ready, "ready, but never was"
        assert not self.runs or self.incarnation not in self.dead, "a running life counts as dead"
        assert len(self.dead) == len(set(self.dead)) <= REPLACES_MAX, "dead lives are listed twice or without end"

    def _bury(self) -> None:
        self._remember(self.incarnation)
        self._rest()

    def _rest(self) -> None:
        self.phase = Phase.GONE if self.restart_ns is None else Phase.WAITING
        self.due_ns = self.restart_ns

    def _remember(self, incarnation: int) -> None:
        if self.spec.kind is Kind.EXECUTOR and incarnation not in self.dead:
            self.dead.append(incarnation)
            del self.dead[:-REPLACES_MAX]
