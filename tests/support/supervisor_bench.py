"""Drives a supervisor's machine by lines of text and writes its acts as text.

It decides only the notation. A line is `MS EVENT -> ACT, ACT`; lives are numbered from 1 for each process.
"""

from mainspring.actors.draws import Draws
from mainspring.actors.events import Wake
from mainspring.actors.machine import Now
from mainspring.actors.supervisor.acts import (
    Act,
    AllReady,
    Exit,
    Kill,
    Note,
    ReadAgain,
    ReloadEnded,
    ReloadTold,
    Start,
    Terminate,
)
from mainspring.actors.supervisor.events import AllDead, Event, Exited, Failed, Ready, ReloadAsked, StopAsked
from mainspring.actors.supervisor.machine import SupervisorMachine
from mainspring.actors.supervisor.settings import Kind, ProcessSpec, SupervisorSettings

SPECS = [
    ProcessSpec("c", Kind.COORDINATOR, 2_000),
    ProcessSpec("e1", Kind.EXECUTOR, 1_000),
    ProcessSpec("e2", Kind.EXECUTOR, 1_000),
]
SETTINGS = SupervisorSettings(backoff_min_ms=100, backoff_max_ms=350, reset_ms=10_000, linger_ms=500)


class Bench:
    """One machine with its lives numbered."""

    def __init__(self, specs: list[ProcessSpec] = SPECS, settings: SupervisorSettings = SETTINGS) -> None:
        self.machine = SupervisorMachine(settings, specs, Draws(7), Now(0, 0))
        self.lives: dict[str, list[int]] = {spec.name: [] for spec in specs}

    def handle(self, ms: int, event: Event) -> list[Act]:
        """Hands one event over at a time, and checks the machine after it."""
        acts = self.machine.handle(event, Now(ms * 1_000_000, 0)).acts
        for act in acts:
            if isinstance(act, Start):
                self.lives[act.name].append(act.incarnation)
        self.machine.check()
        return acts

    def play(self, text: str) -> None:
        """Plays a scenario; fails at the first line whose acts differ.

        A `wake` must come at exactly the time for which the machine asked, `wake early` at any.
        """
        for line in filter(None, map(str.strip, text.splitlines())):
            given, _, wanted = line.partition("->")
            at, _, words = given.strip().partition(" ")
            if words.strip() == "wake":
                wake_ns = self.machine.wake_at()
                assert wake_ns == int(at) * 1_000_000, f"{line}: it wants to wake at {wake_ns}"
            acts = self.handle(int(at), self.event(words.strip()))
            assert ", ".join(map(self.told, acts)) == wanted.strip(), line

    def event(self, words: str) -> Event:
        """Reads an event."""
        kind, *rest = words.split(" ", 2)
        name, text = (*rest, "", "")[:2]
        match kind:
            case "wake":
                return Wake()
            case "stop":
                return StopAsked()
            case "hangup":
                return ReloadAsked()
            case "reload":
                return ReloadAsked(int(name))
            case "ready":
                return Ready(name)
            case "failed":
                return Failed(name, text)
            case "exited":
                return Exited(name, text or "exited with status 1")
            case "dead":
                return AllDead(name, self.lives[name][int(text) - 1])
            case _:
                raise AssertionError(f"{words!r} is no event")

    def told(self, act: Act) -> str:
        """Writes an act."""
        match act:
            case Start(name, _, replaces):
                lives = [str(self.lives[name].index(life) + 1) for life in replaces]
                return " ".join(["start", name, *(["replacing"] if lives else []), *lives])
            case Terminate(name):
                return f"terminate {name}"
            case Kill(name):
                return f"kill {name}"
            case ReadAgain(name):
                return f"read again {name}"
            case ReloadTold(request, what, name):
                return f"tell {request} {what} {name}"
            case ReloadEnded(request, code, name, text, restarted):
                said = f"tell {request} {code}" + (f" {name}: {text}" if name else f": {text}" if text else "")
                return f"{said} with {' '.join(restarted)}" if restarted else said
            case AllReady():
                return "all ready"
            case Exit(status):
                return f"exit {status}"
            case Note(level, name, text):
                return f"{level}: {name} {text}" if name else f"{level}: {text}"
