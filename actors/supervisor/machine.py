"""Which process of a node is started, stopped and killed when.

Decides restarts (exponential backoff), readiness, the order of a stop (the kinds as they are listed) and when
to give up: a process that fails before it was ever ready, at the node's first start, stops the node; later
failures only wait longer and longer, loudly. A reload restarts the executors one after the other, and ends at the
first that does not come up. It must not know how processes are made. Rule: docs/design.md, "Execution"; for the
reload docs/operating.md.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, assert_never

from ..draws import Draws
from ..effects import Effects
from ..events import Wake
from ..machine import Now
from .acts import (
    Act,
    AllReady,
    Exit,
    Kill,
    Level,
    Note,
    ReadAgain,
    ReloadCode,
    ReloadEnded,
    ReloadTold,
    Start,
    Terminate,
)
from .events import BY_SIGNAL, AllDead, Event, Exited, Failed, Ready, ReloadAsked, StopAsked
from .process import Phase, Process
from .reload import Reload
from .settings import Kind, ProcessSpec, SupervisorSettings

NS_PER_MS = 1_000_000


class ProcessState(NamedTuple):
    """Where one process is, for people."""

    name: str
    kind: Kind
    phase: str
    since_ns: int
    """When it got there, in elapsed ns."""
    restarts: int
    error: str
    """How it ended when nobody had asked it to; empty once it is ready again."""


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
        self._reload: Reload | None = None
        self._reloads_again = False
        """A signal asked for a reload while another was under way: files may have changed since that began."""
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
            case ReloadAsked(request):
                self._on_reload_asked(request)
            case _:
                assert_never(event)
        self._do_what_is_due()
        if self._is_stopping:
            self._go_on_stopping()
        for process in self._processes.values():
            process.note_time(self._now_ns)
        acts, self._acts = self._acts, []
        return Effects(acts=list[object](acts))

    def wake_at(self) -> int | None:
        """Returns the earliest elapsed ns at which something is due, or None."""
        if self._has_exited:
            return None
        dues = [process.due_ns for process in self._processes.values()]
        if self._reload is not None:
            dues.append(self._reload.due_ns)
        return min((due_ns for due_ns in dues if due_ns is not None), default=None)

    @property
    def phase(self) -> str:
        """Where the node as a whole is."""
        if self._is_stopping:
            return "stopping"
        if self._reload is not None:
            return "reloading"
        return "ready" if self._said_all_ready else "starting"

    def processes(self) -> list[ProcessState]:
        """Lists the processes."""
        return [
            ProcessState(p.name, p.spec.kind, p.phase.value, p.since_ns, max(0, p.starts - 1), p.last_error)
            for p in self._processes.values()
        ]

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
        if self._reload is not None:
            self._reload.check()
        if self._is_stopping:
            assert self._reload is None, "a stopping node reloads"
            assert all(process.restart_ns is None for process in processes), "a stopping node starts a process"
        if self._has_exited:
            assert all(process.phase is Phase.GONE for process in processes), "left while a process runs"

    def _on_ready(self, process: Process) -> None:
        if process.phase is not Phase.STARTING:
            return  # it was asked to stop in the meantime, or says it twice
        process.phase = Phase.READY
        process.ever_ready, process.last_error = True, ""
        self._note("info", process, "ready")
        if not self._said_all_ready and all(p.ever_ready for p in self._processes.values()):
            self._said_all_ready = True
            self._acts.append(AllReady())
        if self._reload is not None and self._reload.awaits_ready_of(process):
            self._acts.append(ReloadTold(self._reload.request, "ready", process.name))
            self._reload.note_ready()
            self._go_on_reloading(self._reload)

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
            return
        if self._reload is not None and self._reload.awaits_end_of(process):
            self._note("info", process, f"{text}; starts again on new code")
            process.failures = 0
            process.end(self._now_ns, linger_ns)
            return
        process.last_error = told
        if not process.ever_ready:
            process.end(None, linger_ns)
            self._give_up(process, told)
            return
        lived_ms = (self._now_ns - process.started_ns) // NS_PER_MS
        process.failures = 1 if lived_ms >= self._settings.reset_ms else process.failures + 1
        wait_ms = self._settings.backoff_ms(process.failures)
        self._note("error", process, f"{told}; starts again in {wait_ms / 1000:g} s")
        process.end(self._after(wait_ms), linger_ns)
        if self._reload is not None and self._reload.awaits_ready_of(process):
            self._fail_reload(self._reload, process, told)

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

    def _on_reload_asked(self, request: int) -> None:
        if self._is_stopping:
            self._acts.append(ReloadEnded(request, "stopping", "", "the node stops: start it again instead", ()))
        elif self._reload is None:
            self._begin_reload(request)
        elif request == BY_SIGNAL:
            self._reloads_again = True
        else:
            text = f"a reload is under way, at {self._reload.name}: ask again when it is over"
            self._acts.append(ReloadEnded(request, "under_way", "", text, ()))

    def _begin_reload(self, request: int) -> None:
        assert self._reload is None, "two reloads at once"
        assert not self._is_stopping, "a stopping node reloads"
        for process in self._processes.values():
            # One that starts reads its file anyway, and does not hear signals yet.
            if process.spec.kind is Kind.SCHEDULE_KEEPER and process.phase is Phase.READY:
                self._acts += (ReadAgain(process.name), ReloadTold(request, "reads again", process.name))
        executors = [process for process in self._processes.values() if process.spec.kind is Kind.EXECUTOR]
        self._reload = Reload(request, executors)
        self._go_on_reloading(self._reload)

    def _go_on_reloading(self, reload: Reload) -> None:
        """Turns to the next executor, or ends the reload after the last one."""
        process = reload.current
        if process is None:
            self._end_reload("reloaded")
            return
        self._acts.append(ReloadTold(reload.request, "restarting", process.name))
        if process.phase in (Phase.STARTING, Phase.READY):
            process.end_by(Phase.STOPPING, self._after(process.spec.stop_timeout_ms))
            self._acts.append(Terminate(process.name))
        elif not process.runs:
            process.hurry(self._now_ns)  # it has failed, and new code may be what it needs

    def _fail_reload(self, reload: Reload, process: Process, text: str) -> None:
        left = reload.left
        spared = f"; on the code that they had: {', '.join(left)}" if left else ""
        self._note("error", process, f"does not come up on new code, so the reload ends here{spared}")
        self._end_reload("failed", process.name, text)

    def _end_reload(self, code: ReloadCode, name: str = "", text: str = "") -> None:
        assert self._reload is not None, "no reload to end"
        ended, self._reload = self._reload, None
        self._acts.append(ReloadEnded(ended.request, code, name, text, tuple(ended.restarted)))
        again, self._reloads_again = self._reloads_again, False
        if again and not self._is_stopping:
            self._begin_reload(BY_SIGNAL)

    def _begin_stop(self) -> None:
        self._is_stopping = True
        if self._reload is not None:
            self._end_reload("stopping", "", f"the node stops: {self._reason}" if self._reason else "the node stops")
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
        reload = self._reload
        if reload is not None and reload.due_ns is not None and reload.due_ns <= self._now_ns:
            process = reload.current
            assert process is not None, "nothing is being restarted"
            self._fail_reload(reload, process, f"was not ready within {process.spec.start_timeout_ms / 1000:g} s")

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
        if self._reload is not None and self._reload.awaits_end_of(process):
            self._reload.note_begun(self._after(process.spec.start_timeout_ms))

    def _kill(self, process: Process) -> None:
        process.end_by(Phase.KILLED, self._after(self._settings.linger_ms))
        self._acts.append(Kill(process.name))

    def _after(self, wait_ms: int) -> int:
        return self._now_ns + wait_ms * NS_PER_MS

    def _note(self, level: Level, process: Process, text: str) -> None:
        self._acts.append(Note(level, process.name, text))
