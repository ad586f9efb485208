"""What the supervisor answers to those who ask it through the control socket.

Decides what each request leads to, and the words of the answers: a reload is the machine's to decide, where processes
are is read from it, and levels are changed here. The answers' form stands in docs/operating.md.
"""

import os
from collections.abc import Mapping
from typing import Final

from ...actors.machine import Now
from ...actors.supervisor.acts import ReloadEnded, ReloadTold
from ...actors.supervisor.events import ReloadAsked
from ...actors.supervisor.machine import SupervisorMachine
from ..log import change_level
from ..processes.orders import level_order
from .child import ActorChild
from .control_socket import ControlSocket
from .levels import Levels
from .plans import SUPERVISOR
from .requests import LevelRequest, ReloadRequest, RequestFault, StatusRequest, parse_request

ERROR_CHARS_MAX: Final = 2000
"""How much of the text of an error is told of a process."""
NS_PER_MS: Final = 1_000_000


class Desk:
    """Answers the requests of one node.

    Args:
        control: where requests come from.
        levels: those in force.
        machine: knows where processes are, and how a reload goes.
        running: the processes that run, by name; looked at, never changed.
        now: the time at which the supervisor begins.
    """

    def __init__(
        self,
        control: ControlSocket,
        levels: Levels,
        machine: SupervisorMachine,
        running: Mapping[str, ActorChild],
        now: Now,
    ) -> None:
        self._control = control
        self._levels = levels
        self._machine = machine
        self._running = running
        self._begun_ns = now.elapsed_ns

    def turn(self, found: Mapping[int, int], now: Now) -> list[ReloadAsked]:
        """Takes what has come through the socket; returns what the machine is to decide."""
        asked: list[ReloadAsked] = []
        for number, line in self._control.turn(found, now.elapsed_ns):
            try:
                request = parse_request(line, self._levels.names)
            except RequestFault as fault:
                self._control.end(number, now.elapsed_ns, ok=False, code="malformed", text=str(fault))
                continue
            match request:
                case ReloadRequest():
                    asked.append(ReloadAsked(number))
                case LevelRequest(level, process):
                    self._change_level(number, level, process, now)
                case StatusRequest():
                    self._tell_status(number, now)
        return asked

    def tell(self, act: ReloadTold | ReloadEnded, now: Now) -> None:
        """Passes on how a reload goes; one that nobody waits for is told by the log alone."""
        if isinstance(act, ReloadTold):
            self._control.tell(act.request, now.elapsed_ns, event=act.what, process=act.name)
            return
        self._control.end(
            act.request,
            now.elapsed_ns,
            ok=act.code == "reloaded",
            code=act.code,
            process=act.name or None,
            text=act.text[-ERROR_CHARS_MAX:],
            restarted=act.restarted,
        )

    def _change_level(self, number: int, level: str, process: str | None, now: Now) -> None:
        """Tells those that run; the others have the level from their next start on."""
        changed = self._levels.change(level, process)
        told: list[str] = []
        for name in changed:
            if name == SUPERVISOR:
                change_level(level)
            elif name not in self._running or not self._running[name].order(level_order(level)):
                continue
            told.append(name)
        later = [name for name in changed if name not in told]
        self._control.end(number, now.elapsed_ns, ok=True, level=level, changed=told, later=later)

    def _tell_status(self, number: int, now: Now) -> None:
        """Tells one line a process, the supervisor first."""
        rows: list[dict[str, object]] = [
            {
                "process": SUPERVISOR,
                "kind": SUPERVISOR,
                "pid": os.getpid(),
                "phase": self._machine.phase,
                "since_ms": self._wall_ms(self._begun_ns, now),
                "restarts": 0,
                "error": "",
            }
        ]
        for state in self._machine.processes():
            child = self._running.get(state.name)
            rows.append(
                {
                    "process": state.name,
                    "kind": state.kind.name.lower().replace("_", "-"),
                    "pid": None if child is None else child.pid,
                    "phase": state.phase,
                    "since_ms": self._wall_ms(state.since_ns, now),
                    "restarts": state.restarts,
                    "error": state.error[-ERROR_CHARS_MAX:],
                }
            )
        for row in rows:
            level = self._levels.of(str(row["process"]))
            self._control.tell(number, now.elapsed_ns, event="process", **row, log_level=level)
        self._control.end(number, now.elapsed_ns, ok=True)

    def _wall_ms(self, elapsed_ns: int, now: Now) -> int:
        return now.wall_ms - (now.elapsed_ns - elapsed_ns) // NS_PER_MS
