"""Whatever its processes do, a supervisor keeps its promises."""

from hypothesis import given
from hypothesis import strategies as st
from supervisor_bench import SETTINGS, SPECS, Bench

from mainspring.actors.events import Wake
from mainspring.actors.supervisor.acts import Act, AllReady, Exit, Kill, ReloadEnded, ReloadTold, Start, Terminate
from mainspring.actors.supervisor.events import AllDead, Event, Exited, Failed, Ready, ReloadAsked, StopAsked
from mainspring.actors.supervisor.settings import Kind

EXECUTORS = {spec.name for spec in SPECS if spec.kind is Kind.EXECUTOR}
STOP_MS_MAX = sum(spec.stop_timeout_ms for spec in SPECS) + 10 * SETTINGS.linger_ms


class World:
    """Processes as they are, apart from what the machine believes."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.now_ms = 0
        self.running: dict[str, int] = {}
        self.ended: list[tuple[str, int]] = []
        """Lives that have exited, and whose children are not reported dead."""
        self.dead: set[int] = set()
        self.was_ready: set[str] = set()
        self.exit: int | None = None
        self.stops = 0
        self.killed: set[str] = set()
        self.all_ready = 0
        self.reload: int | None = None
        """Who has asked for the reload that is under way."""
        self.restarting = ""
        self.answers: dict[int, int] = {}
        """For each reload that was asked for, how often it was said to be over."""

    def handle(self, event: Event) -> None:
        """Hands over one event, and does what the machine asks."""
        for act in self.bench.handle(self.now_ms, event):
            self.obey(act)

    def obey(self, act: Act) -> None:
        """Does one act, and holds it against the promises."""
        assert self.exit is None, f"{act} after the exit"
        match act:
            case Start(name, incarnation, replaces):
                assert name not in self.running, "two lives of one process at once"
                assert not self.stops, "a start after the stop"
                assert set(replaces) <= self.dead, "a life was replaced that is not known to be dead"
                assert name in EXECUTORS or not replaces, "a coordinator replaces nobody"
                self.running[name] = incarnation
                self.killed.discard(name)
            case Terminate(name):
                assert name in self.running, "asks a process to stop that does not run"
                assert name in EXECUTORS or not EXECUTORS & (self.running.keys() - self.killed), (
                    "the coordinator stops too early"
                )
                assert self.stopping or name == self.restarting, "a reload is at one executor at a time"
            case ReloadTold(request, what, name):
                assert self.reload in (None, request), "two reloads at once"
                self.reload = request
                self.restarting = name if what == "restarting" else ""
            case ReloadEnded(request, code, _, _, restarted):
                assert code != "reloaded" or set(restarted) == EXECUTORS, "an executor was left out"
                assert code in ("failed", "reloaded") or request != self.reload or self.stopping, "a reload is given up"
                self.answers[request] = self.answers.get(request, 0) + 1
                if request == self.reload:
                    self.reload, self.restarting = None, ""
            case Kill(name):
                assert name in self.running, "kills a process that does not run"
                self.killed.add(name)
            case AllReady():
                self.all_ready += 1
                assert self.was_ready == {spec.name for spec in SPECS}, "not all were ready"
                assert self.all_ready == 1, "all ready, twice"
            case Exit(status):
                self.exit = status
            case _:
                pass

    @property
    def stopping(self) -> bool:
        """Whether the node stops."""
        return bool(self.bench.machine.snapshot()["stopping"])

    def end(self, name: str) -> None:
        """Has a process end."""
        self.ended.append((name, self.running.pop(name)))
        self.handle(Exited(name, "exited"))

    def bury(self, number: int) -> None:
        """Has the children of a life that has ended die."""
        name, life = self.ended.pop(number % len(self.ended))
        self.dead.add(life)
        self.handle(AllDead(name, life))


@given(st.data(), st.integers(0, 60))
def test_promises_hold_under_any_order_of_events(data: st.DataObject, steps: int) -> None:
    """No life may run twice, be replaced before it is dead, or start after a stop; and a stop must end."""
    world = World()
    world.handle(Wake())
    asked = 0
    for _ in range(steps):
        choices = ["wake", "stop", "reload", "reload", "hangup"]
        choices += ["ready", "failed", "exit"] * 3 * bool(world.running) + ["bury"] * bool(world.ended)
        choice = data.draw(st.sampled_from(choices))
        name = data.draw(st.sampled_from(sorted(world.running))) if world.running else ""
        world.now_ms += data.draw(st.sampled_from([0, 1, 99, 100, 500, 1_000, 20_000]))
        match choice:
            case "ready":
                world.was_ready.add(name)
                world.handle(Ready(name))
            case "failed":
                world.handle(Failed(name, "no module named shop"))
            case "exit":
                world.end(name)
            case "bury":
                world.bury(data.draw(st.integers(0, 9)))
            case "stop":
                world.stops += 1
                world.handle(StopAsked())
            case "reload":
                asked += world.exit is None
                world.handle(ReloadAsked(asked))
            case "hangup":
                world.handle(ReloadAsked())
            case _:
                world.handle(Wake())
        world.stops += world.stopping
    # However the world behaves from now on, a stop has an end by time alone.
    world.stops += 1
    world.handle(StopAsked())
    asked_ms = world.now_ms
    while (wake_ns := world.bench.machine.wake_at()) is not None:
        world.now_ms = max(world.now_ms, -(-wake_ns // 1_000_000))
        assert world.now_ms - asked_ms <= STOP_MS_MAX, "the stop takes too long"
        world.handle(Wake())
    assert world.exit is not None, "the stop has no end"
    told = [world.answers.get(request, 0) for request in range(1, asked + 1)]
    assert told == [1] * asked, "each reload that was asked for is over once"
