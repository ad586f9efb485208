"""What a client's application does: submits of every kind, and then waiting, cancelling and asking.

Decides each request by the client's own stream. Notes every job before it is asked for, and afterwards what its
caller may conclude: taken, refused for good, or unknown. Rule: a timeout means unknown; only a definite error asserts
absence.
"""

from typing import TYPE_CHECKING, Any

from ..actors.client.events import (
    ActOnJobs,
    ActOnSchedules,
    AwaitJobs,
    CancelJobs,
    Completed,
    Partial,
    RunQuery,
    SetSchedules,
    StatusJobs,
    SubmitJobs,
)
from ..actors.draws import Draws
from .definitions import drawn_definition
from .history import Asked, payload_for
from .node import LOCAL, Item

if TYPE_CHECKING:
    from .client_node import ClientNode

MS = 1_000_000
SUBMIT, CANCEL, CANCEL_DUE, STATUS, QUERY = "submit", "cancel", "cancel when due", "status", "query"
SCHEDULE, ACT, ACT_DUE = "schedule", "act", "act when due"
PLANS = (
    "succeed",
    "succeed",
    "succeed",
    "succeed",
    "succeed",
    "succeed",
    "fail",
    "fatal",
    "again",
    "uncounted",
    "snooze",
    "flaky",
    "crash",
    "hang",
    "stubborn",
    "block",
)
DEADLINE_NS = 20_000 * MS


class Workload:
    """One client's application."""

    def __init__(self, node: "ClientNode", draws: Draws) -> None:
        self.node = node
        self.draws = draws
        self.options = node.world.options
        self.left = self.options.submits
        self.number = 0
        self.jobs = 0
        self.open: dict[int, tuple[str, Any]] = {}
        self.since_ns: dict[int, int] = {}
        """Request -> when it was made."""
        self.acked: list[int] = []
        self.awaited: set[int] = set()

    @property
    def done(self) -> bool:
        """Whether nothing is left to do or to hear."""
        return not self.left and not self.open

    def begin(self) -> None:
        """A life of the client begins."""
        self._later(SUBMIT, self.draws.below(self.options.submit_every_ms * MS))
        if self.acked:
            self._await([id for id in self.acked if id not in self.awaited] or self.acked[-5:])

    def abandon(self) -> None:
        """The client's life ended: what was open is unknown for ever."""
        for what, value in self.open.values():
            if what == SUBMIT:
                self._unknown(value)
        self.open.clear()
        self.awaited.clear()

    def _later(self, what: str, after_ns: int, *values: object) -> None:
        world = self.node.world
        world.push(world.now_ns + after_ns, self.node, (LOCAL, what, *values))

    def act(self, item: Item) -> None:
        """Does what its time has come for."""
        draws, every_ns = self.draws, self.options.submit_every_ms * MS
        what = item[1]
        if what == SUBMIT:
            if self.left:
                self.left -= 1
                self._submit()
                self._later(SUBMIT, 1 + draws.below(2 * every_ns))
        elif what == CANCEL and self.acked:
            ids = [self.acked[-1 - draws.below(min(len(self.acked), 30))] for _ in range(1 + draws.below(4))]
            self._ask(
                CancelJobs(self._next(), [*ids, 1 << 39] if draws.below(8) == 0 else ids, self._deadline()), CANCEL
            )
        elif what == CANCEL_DUE:
            self._ask(CancelJobs(self._next(), list(item[2]), self._deadline()), CANCEL)
        elif what == ACT and self.acked:
            recent = len(self.acked) if draws.below(3) == 0 else min(len(self.acked), 30)
            ids = [self.acked[-1 - draws.below(recent)] for _ in range(1 + draws.below(6))]
            self._act([*ids, 1 << 39] if draws.below(8) == 0 else ids)
        elif what == ACT_DUE:
            self._act(list(item[2]))
        elif what == STATUS and self.acked:
            ids = [self.acked[draws.below(len(self.acked))] for _ in range(1 + draws.below(5))]
            self._ask(StatusJobs(self._next(), ids, self._deadline()), STATUS)
        elif what == QUERY:
            names = ("queues", "executors", "tasks", "jobs", "stat", "nonsense")
            self._ask(RunQuery(self._next(), 0, names[draws.below(len(names))], {}, self._deadline()), QUERY)
        elif what == SCHEDULE:
            self._schedule()

    # Requests.

    def _submit(self) -> None:
        draws = self.draws
        shape = draws.below(10)
        count = 1 if shape < 4 else 1 + draws.below(6) if shape < 8 else 1 + draws.below(self.options.burst_jobs)
        asked = [self._job() for _ in range(count)]
        self._ask(
            SubmitJobs(self._next(), [row for row, _ in asked], self._deadline()), SUBMIT, [job for _, job in asked]
        )
        for what, one_in in ((CANCEL, 3), (ACT, 2), (ACT, 3), (STATUS, 6), (QUERY, 12)):
            if draws.below(one_in) == 0:
                self._later(what, draws.below(3_000 * MS))
        if self.options.schedules and draws.below(6) == 0:
            self._later(SCHEDULE, draws.below(3_000 * MS))

    def _act(self, ids: list[int]) -> None:
        """Does something with jobs by hand."""
        draws = self.draws
        action = ("retry", "retry", "skip", "discard")[draws.below(4)]
        force, reason = bool(draws.below(2)), None if draws.below(2) else f"reason {draws.below(9)}"
        self._ask(ActOnJobs(self._next(), action, ids, force, reason, self.node.name, self._deadline()), ACT)

    def _schedule(self) -> None:
        """Defines one of the operator's schedules, or does something with it."""
        draws, node = self.draws, self.node
        name = f"s{draws.below(1 + self.options.schedules // 2)}"
        number, deadline_ns = self._next(), self._deadline()
        if draws.below(2):
            row = list(drawn_definition(draws, name, node.now.wall_ms))
            self._ask(SetSchedules(number, [row], node.name, "client", "", False, False, deadline_ns), SCHEDULE)
        else:
            action = ("pause", "resume", "resume", "run", "run", "remove")[draws.below(6)]
            self._ask(ActOnSchedules(number, action, "default", [name], None, node.name, deadline_ns), SCHEDULE)

    def _job(self) -> tuple[list[Any], Asked]:
        draws, node = self.draws, self.node
        self.jobs += 1
        tag = f"{node.name}.{self.jobs}"
        task, queue = (("work", "default"), ("io", "default"), ("rare", "special"), ("work", "special"))[draws.below(4)]
        if draws.below(60) == 0:
            task = "nobody_has_it"
        plan = PLANS[draws.below(len(PLANS))]
        if plan == "block" and task != "io":
            plan = "succeed"
        length_ms = (0, 1 + draws.below(5), 1 + draws.below(80), 1 + draws.below(900))[draws.below(4)]
        if draws.below(12) == 0:
            length_ms = 1 + draws.below(2 * self.options.lease_ttl_ms)
        if self.options.quick_jobs and draws.below(12):
            plan, length_ms = "succeed", draws.below(3)
        timeout_ms = 50 + draws.below(1_500) if plan in ("hang", "stubborn") or draws.below(5) == 0 else None
        delay_ms = at_ms = None
        match draws.below(8):
            case 0 | 1:
                delay_ms = draws.below(60)
            case 2:
                delay_ms = draws.below(2_500)
            case 3:
                at_ms = node.now.wall_ms + draws.below(4_000) - 400
            case 4:
                far_ms = draws.below(4 * self.options.horizon_ms)
                delay_ms, at_ms = (far_ms, None) if draws.below(2) else (None, node.now.wall_ms + far_ms)
            case _:
                pass
        key = None
        if draws.below(self.options.keyed_one_in) == 0:
            # Some keys are asked for all the time, others by everybody within a moment.
            moment = node.world.now_ns // (300 * MS) if draws.below(2) else 0
            key = f"key-{moment}-{draws.below(5 if moment else 12)}"
        expires_ms = 1 + draws.below(2_000) if draws.below(10) == 0 else None
        deadline_ms = 1 + draws.below((700, 4_000)[draws.below(2)]) if draws.below(6) == 0 else None
        retry = [draws.below(3), 10 + draws.below(200), 1500, 800, draws.below(2)] if draws.below(4) == 0 else None
        priority = (0, 0, 5, -5)[draws.below(4)]
        row = [
            task,
            payload_for(tag, f"{plan}:{length_ms}"),
            queue,
            "default",
            priority,
            delay_ms,
            at_ms,
            key,
            retry,
            timeout_ms,
            expires_ms,
            None,
            deadline_ms,
        ]
        asked = Asked(tag, node.name, plan, delay_ms, at_ms, key, node.world.now_ns)
        node.world.history.asked[tag] = asked
        return row, asked

    def _await(self, ids: list[int]) -> None:
        self.awaited.update(ids)
        self._ask(AwaitJobs(self._next(), list(ids), None), "await", ids)

    def _ask(self, command: Any, what: str, value: Any = None) -> None:
        self.open[command.request] = (what, value)
        self.since_ns[command.request] = self.node.world.now_ns
        self.node.ask(command)

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _deadline(self) -> int | None:
        """Most callers wait for ever; some give up after a while."""
        if self.draws.below(4):
            return None
        return self.node.now.elapsed_ns + 100 * MS + self.draws.below(DEADLINE_NS)

    # Answers.

    def completed(self, act: Completed) -> None:
        """Takes the one answer to a request."""
        what, value = self.open.pop(act.request)
        since_ns = self.since_ns.get(act.request, 0)
        world = self.node.world
        code = act.failure.code if act.failure is not None else "done"
        world.count(f"{what}_{code}")
        if code == "malformed":
            world.fail("answers_fit", f"{self.node.name} was told: {act.failure}", self.node, *world.coordinators)
        if what == SUBMIT:
            self._submitted(value, act)
        elif what == CANCEL and act.failure is None:
            for _, cancelled in act.value:
                world.count(f"cancel_code_{cancelled}")
        elif what == ACT and act.failure is None:
            for _, acted in act.value:
                world.count(f"act_code_{acted}")
        elif what == "await":
            if act.failure is None:
                self._ended(act.value)
            else:
                self._await(value)
        elif what == SCHEDULE and act.failure is None:
            for row in act.value:
                world.count(f"change_{row[2]}")
        elif what == STATUS and act.failure is None:
            world.invariants.told(self.node, act.value, since_ns)

    def partial(self, act: Partial) -> None:
        """Takes news of some awaited jobs."""
        self._ended(act.rows)

    def _ended(self, rows: list[list[Any]]) -> None:
        world = self.node.world
        for row in rows:
            world.count(f"ended_{row[1]}")
        world.invariants.told(self.node, rows, 0)  # that it has ended so is news, however long it was on its way

    def _submitted(self, jobs: list[Asked], act: Completed) -> None:
        history = self.node.world.history
        ids: list[int | None] = act.value if act.value is not None else [None] * len(jobs)
        assert len(ids) == len(jobs), "an answer does not fit its submit"
        new: list[int] = []
        for job, id in zip(jobs, ids, strict=True):
            if id is not None:
                job.id, job.acked = id, True
                new.append(id)
                if job.delay_ms and self.options.submits and self.draws.below(3) == 0:  # a story is told by its test
                    self._stop_when_due(id, job)
            elif act.failure is not None and act.failure.definite:
                job.refused = act.failure.code
            else:
                job.unknown = True
        history.world.invariants.answered(jobs)
        self.acked.extend(new)
        if new and self.draws.below(3):
            self._await(list(dict.fromkeys(new)))

    def _stop_when_due(self, id: int, job: Asked) -> None:
        """Cancels a job, or acts on it, about when it is due: so that it meets its lease on the way."""
        assert job.delay_ms is not None
        due_ns = job.at_ns + job.delay_ms * MS - self.draws.below(2 * self.options.lead_ms * MS)
        what = ACT_DUE if self.draws.below(2) else CANCEL_DUE
        if what == ACT_DUE and self.draws.below(2):
            due_ns -= self.draws.below(job.delay_ms * MS)
        self._later(what, max(due_ns - self.node.world.now_ns, 0), [id])

    def _unknown(self, jobs: list[Asked]) -> None:
        for job in jobs:
            job.unknown = True
        self.node.world.invariants.answered(jobs)
