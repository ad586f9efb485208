"""An operator: somebody who defines schedules, changes them, pauses, runs and removes them, and asks until answered.

Decides each request by his own stream, and repeats it until it is answered, as a client does; sometimes he asks for a
run again under another number, with the token of the first. He speaks the protocol himself. He must not know what a
coordinator holds; only in the end somebody tells him what still runs (`wind_down`).
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from ..actors.draws import Draws
from ..actors.events import Received
from ..actors.schedules.schedule import Definition
from ..broker.wire.messages import Message, Refused, ScheduleAct, ScheduleChanged, ScheduleSet
from ..broker.wire.routing import shard_for
from .clock import NodeClock
from .definitions import INVALID, drawn_definition, edited
from .node import LOCAL, Item, Node

if TYPE_CHECKING:
    from .world import World

MS = 1_000_000
NEVER = "never"
"""How names begin that are given only to what must never be defined."""
_AGAIN_NS = 700 * MS


class Request(NamedTuple):
    """What was asked and is not answered yet: the frames of it, and whether a refusal is what is wanted."""

    messages: list[Message]
    is_invalid: bool = False


class OperatorNode(Node):
    """One operator. His process never dies, but his patience may."""

    def __init__(self, world: "World", clock: NodeClock, draws: Draws) -> None:
        super().__init__(world, "operator", clock, think_ns=20_000 + draws.below(100_000))
        self.draws = draws
        self.shards = range(world.options.shards)
        self.left = world.options.schedule_acts
        self.number = 0
        self.open: dict[int, Request] = {}
        self.defined: dict[str, Definition] = {}
        self.runs: list[ScheduleAct] = []
        self.winding_down = False

    @property
    def done(self) -> bool:
        """Whether nothing is left to ask or to hear."""
        return not self.left and not self.open

    def start(self) -> None:
        """Starts, and soon defines the first schedules."""
        self.world.network.join(self)
        if self.left:
            self._later(300 * MS, "begin")

    def _later(self, after_ns: int, what: str, *values: object) -> None:
        self.world.push(self.world.now_ns + after_ns, self, (LOCAL, what, *values))

    def local(self, item: Item) -> None:
        """Does what its time has come for."""
        what = item[1]
        if what == "again":
            self._again(item[2], item[3])
        elif what == "wind down":
            self._wind_down()
        elif what == "begin":
            self.define([self._new(self._name()) for _ in range(2 * self.world.options.schedules)])
            self._later(1 + self.draws.below(1_500 * MS), "act")
        elif self.left:
            self.left -= 1
            self._act()
            self._later(1 + self.draws.below(1_600 * MS), "act")

    # Requests.

    def _name(self) -> str:
        """Draws a name: of his own, of the file's, or of one that code declares."""
        number = self.draws.below(self.world.options.schedules)
        return f"{'ssfc'[number % 4]}{number // 4}"

    def _new(self, name: str) -> Definition:
        return drawn_definition(self.draws, name, self.now.wall_ms)

    def _act(self) -> None:
        draws = self.draws
        name = self._name()
        match draws.below(20):
            case 0 | 1:
                self.define([self._new(name)])
            case 2 | 3 | 4 | 5 | 6:
                old = self.defined.get(name)
                self.define([self._new(name) if old is None else edited(draws, old, self.now.wall_ms)])
            case 7 | 8:
                self._define_file()
            case 9 | 10:
                self.act("pause", [name], f"pause {draws.below(9)}" if draws.below(2) else None)
            case 11 | 12 | 13 | 14:
                self.act("resume", [name, self._name()])
            case 15 | 16 | 17:
                self._run(name)
            case 18:
                self.act("remove", [name])
            case _:
                self._nonsense()

    def define(
        self, definitions: list[Definition], *, source: str = "client", is_whole: bool = False, is_dry: bool = False
    ) -> None:
        """Defines schedules; a list comes in parts now and then."""
        homes: dict[int, list[list[Any]]] = {shard: [] for shard in self.shards} if is_whole else {}
        for definition in {definition.name: definition for definition in definitions}.values():
            homes.setdefault(self._home(definition), []).append(list(definition))
        self.defined.update((definition.name, definition) for definition in definitions)
        for shard, rows in homes.items():
            number, revision = self._next(), f"r{self.number}"
            cuts = [rows[:1], rows[1:]] if len(rows) > 1 and self.draws.below(2) else [rows]
            self._ask(
                number,
                [
                    ScheduleSet(shard, number, "operator", source, revision, is_whole, is_dry, part, len(cuts), own)
                    for part, own in enumerate(cuts, 1)
                ],
            )

    def _home(self, definition: Definition) -> int:
        return shard_for(definition.tenant, definition.queue, len(self.shards))

    def _define_file(self) -> None:
        """Loads a file: what it held before and does not hold now, ends."""
        names = [name for name in ("f0", "f1", "s1") if self.draws.below(3)]
        found = [
            self.defined[name] if name in self.defined and self.draws.below(2) else self._new(name) for name in names
        ]
        self.define(found, source="file:schedules.toml", is_whole=True)

    def act(self, action: str, names: list[str], note: str | None = None) -> None:
        """Does something with schedules by name, in every shard: he does not know which has them."""
        for shard in self.shards:
            self._act_in(shard, action, names, note)

    def _act_in(self, shard: int, action: str, names: list[str], note: str | None = None) -> None:
        number, token = self._next(), self.draws.below(1 << 63)
        message = ScheduleAct(shard, number, "operator", action, "default", list(dict.fromkeys(names)), note, token)
        if action == "run":
            self.runs.append(message)
        self._ask(number, [message])

    def _run(self, name: str) -> None:
        if not self.runs or self.draws.below(3):
            self.act("run", [name, self._name()][: 1 + self.draws.below(2)])
            return
        self.ask_again(self.runs[-1])

    def ask_again(self, old: ScheduleAct) -> None:
        """Makes the same call, as somebody does who has forgotten that it was answered."""
        number = self._next()
        self.world.count("runs_asked_again")
        again = ScheduleAct(old.shard, number, old.by, old.action, old.tenant, list(old.names), old.note, old.token)
        self._ask(number, [again])

    def _nonsense(self) -> None:
        """Asks for what is refused, or only whether it could be done: nothing of it may ever be there."""
        name = f"{NEVER}-{self.number}"
        definition = self._new(name)
        if self.draws.below(2):
            self.define([definition], is_dry=True)
            return
        number = self._next()
        broken = definition._replace(**INVALID[self.draws.below(len(INVALID))])
        row = [list(self._new(f"{NEVER}-too-{self.number}")), list(broken)]
        message = ScheduleSet(self._home(broken), number, "operator", "client", "", False, False, 1, 1, row)
        self._ask(number, [message], is_invalid=True)

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _ask(self, number: int, messages: list[Message], *, is_invalid: bool = False) -> None:
        self.open[number] = Request(messages, is_invalid)
        self._again(number, 0)

    def _again(self, number: int, tries: int) -> None:
        request = self.open.get(number)
        if request is None:
            return
        if tries > 4 and self.draws.below(8) == 0:
            del self.open[number]  # he gives up, and will never know
            self.world.count("schedules_given_up")
            return
        for message in request.messages:
            self.recent.append((self.world.now_ns, message))
            for coordinator in self.world.coordinators:
                self.world.network.send(self, coordinator.peer, message)
        self._later(_AGAIN_NS + self.draws.below(200 * MS), "again", number, tries + 1)

    # Answers.

    def turn(self) -> None:
        """Takes what has come."""
        inbox, self.inbox = self.inbox, []
        for event in inbox:
            if isinstance(event, Received):
                self._hear(event.message)

    def _hear(self, message: Any) -> None:
        request = self.open.get(message.request)
        if request is None:
            return
        if isinstance(message, Refused):
            if message.code in ("draining", "disk_full", "overloaded", "not_here"):
                return  # he asks again
            self.world.count(f"schedules_{message.code}")
            if not request.is_invalid and message.code != "queue_full":
                self.world.fail("answers_fit", f"the operator was told {message} to {request}", self)
        elif isinstance(message, ScheduleChanged):
            if request.is_invalid:
                self.world.fail("answers_fit", f"nonsense was taken: {request}", self)
            for _, _, change, _, _, job in message.changes:
                self.world.count(f"change_{change}")
                if change == "ran" and job not in self.world.history.taken:
                    self.world.fail("answers_fit", f"a run was answered with job {job}, which is not durable", self)
        del self.open[message.request]

    # The end.

    def wind_down(self) -> None:
        """From now on he ends all schedules, until none fires any more."""
        self.winding_down = True
        self._wind_down()

    def _wind_down(self) -> None:
        for shard in self.shards:
            seat = self.world.leader(shard)
            if seat is None:
                continue
            book = seat.machine.state.image.book
            names = [schedule.definition.name for schedule in book.by_number.values() if not schedule.paused]
            if names:
                self._act_in(shard, self.world.options.wind_down, names)
        self._later(1_500 * MS, "wind down")
