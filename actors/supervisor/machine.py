"""Which process of a node is started, stopped and killed when.

Decides restarts (exponential backoff), readiness, the order of a stop (the kinds as they are listed) and when
to give up: a process that fails before it was ever ready, at the node's first start, stops the node; later
failures only wait longer and longer, loudly. It must not know how processes are made. Rule: docs/design.md,
"Execution".
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

from ..draws import Draws
from ..effects import Effects
from ..events import Wake
from ..machine import Now
from .acts import Act, AllReady, Exit, Kill, Level, Note, Reload, Start, Terminate
from .events import AllDead, Event, Exited, Failed, Ready, ReloadAsked, StopAsked
from .process import Phase, Process
from .settings import Kind, ProcessSpec, SupervisorSettings

NS_PER_MS = 1_000_000


class SupervisorMachine:
    """The supervisor of one node; the first `Wake` starts its processes.

    Args:
        settings: how patient it is.
        specs: the processes of the node; at least one, names unique.
        draws: where incarnations come from.
        now: the time at which it begins.
    """

    def __init__(self, settings: SupervisorSettings, specs: Sequence[ProcessSpec], draws: Draws, now: Now) -> None:
        assert specs, "a node has at least one process"
        assert len({spec.name for spec in specs}) == len(specs), "two processes share a name"
        self._settings = settings
        self._draws = draws
        self._processes = {spec.name: Process(spec, now.elapsed_ns) for spec in specs}
        self._now_ns = now.elapsed_ns
        self._acts: list[Act] = []
        self._stops_asked = 0
        self._is_stopping = False
        self._said_all_ready = False
        self._has_exited = False
        self._status = 0
        self._reason = ""

    def handle(self, event: Event, now: Now) -> Effects:
        """Takes one event; the effects are acts alone, in the order in which they must be done."""
        assert now.elapsed_ns >= self._now_ns, "elapsed time went back"
        self._now_ns = now.elapsed_ns
        if self._has_exited:
            return Effects()
        match event:
            case Wake():
                pass  # what is due is done after every event
            case Ready(name):
                self._on_ready(self._processes[name])
            case Failed(name, text):
                self._on_failed(self._processes[name], text)
            case Exited(name, text):
                self._on_exited(self._processes[name], text)
            case AllDead(name, incarnation):
                self._processes[name].note_dead(incarnation)
            case StopAsked():
                self._on_stop_asked()
            case ReloadAsked():
                self._on_reload_asked()
            case _:
                assert_never(event)
        self._do_what_is_due()
        if self._is_stopping:
            self._go_on_stopping()
        acts, self._acts = self._acts, []
        return Effects(acts=list[object](acts))

    def wake_at(self) -> int | None:
        """Returns the earliest elapsed ns at which something is due, or None."""
        if self._has_exited:
            return None
        return min((p.due_ns for p in self._processes.values() if p.due_ns is not None), default=None)

    def snapshot(self) -> Mapping[str, object]:
        """Returns each process's phase by its name, and whether the node stops."""
        phases = {name: process.phase.value for name, process in self._processes.items()}
        return {"processes": phases, "stopping": self._is_stopping, "status": self._status}

    def check(self) -> None:
        """Asserts every internal relation."""
        processes = list(self._processes.values())
        for process in processes:
            process.check()
        lives = [process.incarnation for process in processes if process.incarnation]
        assert len(lives) == len(set(lives)), "two processes share an incarnation"
        assert not self._acts, "acts were left behind"
        assert self._is_stopping or not (self._stops_asked or self._reason), "asked to stop, and goes on"
        if self._is_stopping:
            assert all(process.restart_ns is None for process in processes), "a stopping node starts a process"
        if self._has_exited:
            assert all(process.phase is Phase.GONE for process in processes), "left while a process runs"

    def _on_ready(self, process: Process) -> None:
        if process.phase is not Phase.STARTING:
            return  # it was asked to stop in the meantime, or says it twice
        process.phase = Phase.READY
        process.ever_ready = True
        self._note("info", process, "ready")
        if not self._said_all_ready and all(p.ever_ready for p in self._processes.values()):
            self._said_all_ready = True
            self._acts.append(AllReady())

    def _on_failed(self, process: Process, text: str) -> None:
        if not process.runs:
            return
        process.failed_text = text
        if process.phase in (Phase.STARTING, Phase.READY):
            # It ends by itself; one that hangs at its end is killed.
            process.end_by(Phase.STOPPING, self._after(self._settings.linger_ms))

    def _on_exited(self, process: Process, text: str) -> None:
        if process.phase is Phase.GONE:
            return  # given up on, and dead at last
        assert process.runs, "a process ended twice"
        told = process.failed_text or text
        linger_ns = self._after(self._settings.linger_ms)
        if self._is_stopping:
            # Executors of one kind tend to fail alike; what was told once is enough.
            is_news = process.failed_text and not self._reason.endswith(told)
            self._note("error" if is_news else "info", process, told if is_news else text)
            process.end(None, linger_ns)
        elif not process.ever_ready:
            process.end(None, linger_ns)
            self._give_up(process, told)
        else:
            lived_ms = (self._now_ns - process.started_ns) // NS_PER_MS
            process.failures = 1 if lived_ms >= self._settings.reset_ms else process.failures + 1
            wait_ms = self._settings.backoff_ms(process.failures)
            self._note("error", process, f"{told}; starts again in {wait_ms / 1000:g} s")
            process.end(self._after(wait_ms), linger_ns)

    def _give_up(self, process: Process, text: str) -> None:
        assert not self._is_stopping, "gives up twice"
        self._reason = f"failed at its first start: {text}"
        self._note("error", process, self._reason)
        self._status = 1
        self._begin_stop()

    def _on_stop_asked(self) -> None:
        self._stops_asked += 1
        if self._stops_asked == 1:
            self._acts.append(Note("info", "", "stops: running jobs may finish; a second signal kills them"))
            if not self._is_stopping:
                self._begin_stop()
            return
        if self._stops_asked == 2:
            self._acts.append(Note("warning", "", "stops at once"))
        self._status = 1
        for process in self._processes.values():
            if process.runs and process.phase is not Phase.KILLED:
                self._kill(process)

    def _on_reload_asked(self) -> None:
        """Passes it on to who is ready: a process that starts reads its file anyway, and does not hear signals yet."""
        for process in self._processes.values():
            if process.spec.kind is Kind.SCHEDULE_KEEPER and process.phase is Phase.READY:
                self._acts.append(Reload(process.name))

    def _begin_stop(self) -> None:
        self._is_stopping = True
        for process in self._processes.values():
            if not process.runs:
                process.retire()

    def _go_on_stopping(self) -> None:
        """Asks the next kind of process to stop once nothing is left of the one before."""
        for kind in Kind:
            own = [process for process in self._processes.values() if process.spec.kind is kind]
            for process in own:
                if process.phase in (Phase.STARTING, Phase.READY):
                    process.end_by(Phase.STOPPING, self._after(process.spec.stop_timeout_ms))
                    self._acts.append(Terminate(process.name))
            if any(process.phase is not Phase.GONE for process in own):
                return
        assert not self._has_exited, "exits twice"
        self._has_exited = True
        self._acts.append(Exit(self._status))

    def _do_what_is_due(self) -> None:
        for process in self._processes.values():
            while process.due_ns is not None and process.due_ns <= self._now_ns:
                before = process.phase
                self._end_phase(process)
                assert process.phase is not before, f"{process.name} stays {before.value} beyond its time"

    def _end_phase(self, process: Process) -> None:
        """Does what follows when a phase has taken its time."""
        match process.phase:
            case Phase.WAITING:
                self._start(process)
            case Phase.STOPPING:
                self._note("warning", process, "has not stopped in time; killed")
                self._status = 1 if self._is_stopping else self._status
                self._kill(process)
            case Phase.KILLED:
                self._note("error", process, "does not die, although it was killed; left behind")
                self._abandon(process)
            case Phase.LINGERING:
                self._note("warning", process, "its children are not proven dead; their leases must run out")
                process.stop_lingering()
            case Phase.STARTING | Phase.READY | Phase.GONE:
                raise AssertionError(f"{process.name} is {process.phase.value} and waits for a time")

    def _abandon(self, process: Process) -> None:
        """Stops the node over a process that cannot be killed: a second one beside it would do harm."""
        process.give_up()
        self._status = 1
        if not self._is_stopping:
            self._begin_stop()

    def _start(self, process: Process) -> None:
        assert not self._is_stopping, "a stopping node starts nothing"
        incarnation = (self._draws.next_u64() >> 1) or 1
        replaces = process.begin(incarnation, self._now_ns)
        self._acts.append(Start(process.name, incarnation, replaces))

    def _kill(self, process: Process) -> None:
        process.end_by(Phase.KILLED, self._after(self._settings.linger_ms))
        self._acts.append(Kill(process.name))

    def _after(self, wait_ms: int) -> int:
        return self._now_ns + wait_ms * NS_PER_MS

    def _note(self, level: Level, process: Process, text: str) -> None:
        self._acts.append(Note(level, process.name, text))
