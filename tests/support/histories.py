"""Valid histories of a shard: the entries that a machine could have logged.

Decides what may follow what. Commands are small numbers that are read against a model of the shard, so any list of them
gives a valid history, and Hypothesis can shrink it.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from schedule_histories import SCHEDULE_STEPS, Plan

from mainspring.actors import entries
from mainspring.actors.entries import Entry, Op
from mainspring.actors.jobs import lifecycle as life
from mainspring.broker.wire.ids import job_id

Command = tuple[int, int, int]

SHARD = 3
RETRY = [3, 1000, 2.5, None, "x"]
PAYLOADS = ("{}", "[1,2]", '{"text":"Zürich ☃"}', "no json", "")


class Model:
    """What is known of the shard while its history is written."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.ops: list[Op] = []
        self.epoch, self.stamp_ms = 1, 1_000
        self.sequence = 1
        self.lanes: list[tuple[int, str, str]] = []
        self.executors = 0
        self.sessions: dict[int, tuple[int, int]] = {}
        self.sessions_made = 0
        self.attempts: dict[int, int] = {}
        self.due: dict[int, int | None] = {}
        self.running: dict[int, tuple[int, int]] = {}
        self.held: set[int] = set()
        self.lane_of: dict[int, int] = {}
        self.finished: dict[int, tuple[int, int]] = {}
        """Finished jobs that no PRUNE can have taken: id -> (state, attempts)."""
        self.ids: list[int] = []
        self.keys: dict[tuple[str, str], int] = {}
        self.plans: dict[int, Plan] = {}
        self.plans_made = 0

    @property
    def index(self) -> int:
        """The index of the entry that is being written."""
        return len(self.entries) + 1

    def idle(self, number: int, count: int) -> list[int]:
        """Some live jobs that do not run."""
        return _some([id for id in self.attempts if id not in self.running], number, count)

    def cut(self) -> None:
        """Ends the entry that is being written."""
        self.entries.append(Entry(self.epoch, self.stamp_ms, self.ops or [[entries.NOOP]]))
        self.ops = []

    def take(self, id: int, lane: int, due_ms: int | None) -> None:
        """A job was taken."""
        self.ids.append(id)
        self.lane_of[id] = lane
        self.attempts[id], self.due[id] = 0, due_ms

    def end(self, id: int, state: int) -> None:
        """A live job has ended."""
        self.finished[id] = (state, self.attempts[id])
        del self.attempts[id], self.due[id]
        self.running.pop(id, None)
        self.held.discard(id)


def _some(ids: list[int], number: int, count: int) -> list[int]:
    start = number % len(ids) if ids else 0
    return (ids[start:] + ids[:start])[:count]


def cut(model: Model, a: int, b: int) -> None:
    """Begins a new entry, later."""
    model.cut()
    model.stamp_ms += a % 7 * 100
    model.epoch += b % 9 == 8


def new_lane(model: Model, a: int, b: int) -> None:
    """Brings a lane."""
    lane = len(model.lanes) + 1
    tenant, queue = ("default", "other")[a % 2], ("mail", "web", "slow")[b % 3]
    model.lanes.append((lane, tenant, queue))
    model.ops.append([entries.LANES, [[lane, tenant, queue, a % 5 - 2, f"task-{b % 4}"]]])


def new_executor(model: Model, a: int, b: int) -> None:
    """Brings an executor."""
    model.executors += 1
    model.ops.append([entries.EXECUTORS, [[model.executors, f"node-{a % 2}", f"executor-{b % 5}"]]])


def task(model: Model, a: int, b: int) -> None:
    """Changes the catalogue."""
    timeout_ms = None if b % 2 else b
    model.ops.append([entries.TASKS, [[f"task-{a % 4}", "process", "mail", RETRY, timeout_ms, b % 3]]])


def submit(model: Model, a: int, b: int) -> None:
    """Takes some jobs, some with every option."""
    if not model.lanes:
        new_lane(model, a, b)
    open_sessions = sorted(model.sessions)
    session = open_sessions[a % len(open_sessions)] if len(open_sessions) > 1 and a % 9 else None
    if session is None:
        model.sessions_made += 1
        session = model.sessions_made
    sequence, acked_below = model.sessions.get(session, (1, 0))
    acked_below = max(acked_below, sequence - b % 4)
    model.sessions[session] = (sequence + 1, acked_below)
    rows: list[list[Any]] = []
    first_id = job_id(SHARD, model.sequence)
    for offset in range(a % 6):
        seed = a + b * 7 + offset * 13
        lane, tenant, _ = model.lanes[seed % len(model.lanes)]
        due_ms = model.stamp_ms + seed % 9 * 100 if seed % 3 == 0 else None
        key = f"key-{seed % 5}" if seed % 4 == 0 else None
        until_ms = None if key is None else model.stamp_ms + seed % 700
        if key is not None and until_ms is not None:
            model.keys[tenant, key] = until_ms
        rows.append(
            [
                lane,
                PAYLOADS[seed % len(PAYLOADS)],
                model.stamp_ms if due_ms is None else due_ms,
                due_ms,
                key,
                RETRY if seed % 7 == 0 else None,
                seed if seed % 5 == 0 else None,
                model.stamp_ms + seed % 500 if seed % 6 == 0 else None,
                "00-trace" if seed % 8 == 0 else None,
                until_ms,
                model.stamp_ms + 600 + seed % 500 if seed % 6 == 0 else None,
            ]
        )
        model.take(first_id + offset, lane, due_ms)
    model.sequence += len(rows)
    existing = [[len(rows), model.ids[0]]] if b % 5 == 0 and model.ids else []
    first_id = first_id if rows else 0
    model.ops.append([entries.SUBMIT, session, sequence, acked_below, first_id, rows, existing])


def lease(model: Model, a: int, b: int) -> None:
    """Leases some jobs."""
    ids = model.idle(a, b % 5)
    if not model.executors:
        new_executor(model, a, b)
    if ids:
        executor = a % model.executors + 1
        attempts = [model.attempts[id] + 1 for id in ids]
        model.running.update((id, (executor, attempt)) for id, attempt in zip(ids, attempts, strict=True))
        model.ops.append([entries.LEASE, executor, 99, ids, attempts])


ENDS = (
    (life.OUTCOME_SUCCEEDED, life.SUCCEEDED),
    (life.OUTCOME_FAILED, life.DEAD),
    (life.OUTCOME_FAILED, life.RETRYING),
    (life.OUTCOME_CRASHED, life.RETRYING),
    (life.OUTCOME_RETURNED, life.READY),
    (life.OUTCOME_CANCELLED, life.CANCELLED),
    (life.OUTCOME_SUCCEEDED, life.SUCCEEDED),
)


def finish(model: Model, a: int, b: int) -> None:
    """Ends some attempts, in some way."""
    ids = _some(sorted(model.running), a, b % 5)
    rows: list[list[Any]] = []
    executor = model.running[ids[0]][0] if ids else 1
    for offset, id in enumerate(ids):
        _, attempt = model.running.pop(id)
        outcome, state = ENDS[(a + b + offset) % len(ENDS)]
        good, started = outcome == life.OUTCOME_SUCCEEDED, (a + offset) % 6 != 0
        due_ms = model.stamp_ms + b % 300 if state == life.RETRYING and a % 3 else None
        rows.append(
            [
                id,
                attempt,
                outcome,
                state,
                model.stamp_ms - 9,
                model.stamp_ms - 7 if started else None,
                model.stamp_ms - 4 if started else None,
                f"[{id}]" if good and a % 3 else None,
                None if good else f"it broke: {attempt}\nfor a reason",
                None if good else ("ValueError", "KeyError")[id % 2],
                due_ms,
                attempt - 1,
                b % 2,
                None if good or a % 2 else f"line {attempt}\n",
            ]
        )
        model.attempts[id], model.due[id] = attempt, due_ms
        model.held.discard(id)
        if state in life.TERMINAL:
            model.end(id, state)
    if rows:
        model.ops.append([entries.FINISH, executor, rows])


def cancel(model: Model, a: int, b: int) -> None:
    """Ends some jobs that do not run."""
    ids = model.idle(a, b % 3)
    if ids:
        final = (life.CANCELLED, life.SKIPPED)[a % 2] if b % 2 else life.EXPIRED
        model.ops.append([entries.CANCEL, ids, final] if b % 2 else [entries.EXPIRE, ids])
        for id in ids:
            model.end(id, final)


def revive(model: Model, a: int, b: int) -> None:
    """Lets some finished jobs live again."""
    ids = _some(sorted(model.finished), a, b % 4)
    if ids:
        model.ops.append([entries.REVIVE, [[id, model.lane_of[id]] for id in ids]])
        for id in ids:
            _, model.attempts[id] = model.finished.pop(id)
            model.due[id] = None


def settle(model: Model, a: int, b: int) -> None:
    """Puts some finished jobs aside."""
    event = ("skip", "discard")[b % 2]
    able = [id for id, (state, _) in model.finished.items() if (state, event) in life.TRANSITIONS]
    ids = _some(sorted(able), a, b % 4)
    if ids:
        final = life.TRANSITIONS[life.DEAD, event]
        model.ops.append([entries.SETTLE, [[id, model.lane_of[id]] for id in ids], final])
        model.finished.update((id, (final, model.finished[id][1])) for id in ids)


def ask(model: Model, a: int, b: int) -> None:
    """Asks some running jobs to stop."""
    ids = _some(sorted(model.running), a, b % 3)
    if ids:
        model.ops.append([entries.ASK, ids, (life.CANCELLED, life.SKIPPED)[b % 2]])


def ready(model: Model, a: int, b: int) -> None:
    """Puts some due jobs into their lanes."""
    ids = [id for id in model.idle(a, b % 4) if model.due[id] is not None]
    if ids:
        model.ops.append([entries.READY, ids])
        model.due.update(dict.fromkeys(ids))


def hold(model: Model, a: int, b: int) -> None:
    """Gives some leases a row."""
    ids = _some(sorted(model.running.keys() - model.held), a, b % 4)
    model.held.update(ids)
    rows = [
        [id, model.running[id][1], model.epoch, model.index, model.running[id][0], 99, model.stamp_ms] for id in ids
    ]
    model.ops.append([entries.HOLD, model.index, rows])


def end_sessions(model: Model, a: int, b: int) -> None:
    """Forgets some sessions."""
    ended = _some(sorted(model.sessions), a, b % 3)
    for session in ended:
        del model.sessions[session]
    model.ops.append([entries.SESSIONS_END, ended])


def prune(model: Model, a: int, b: int) -> None:
    """Retention, by age, by number or by both."""
    queue = (None, "mail", "web")[a % 3]
    before_ms = model.stamp_ms - b % 800 if a % 2 else 0
    keep = a % 11 if b % 3 else 1_000_000
    others = ["web"] if queue is None and a % 2 else []
    model.finished.clear()
    model.ops.append([entries.PRUNE, queue, others, before_ms, keep, 1 + b % 9])


def end_keys(model: Model, a: int, b: int) -> None:
    """Drops old idempotency keys."""
    ends = sorted(model.keys.values()) or [0]
    model.ops.append([entries.KEYS_END, ends[a % len(ends)] + b % 3 - 1])


def lease_ttl(model: Model, a: int, b: int) -> None:
    """Has leases trusted for another time."""
    model.ops.append([entries.LEASE_TTL, 1_000 + a * (b % 9)])


STEPS: tuple[Callable[[Model, int, int], None], ...] = (
    cut,
    submit,
    lease,
    finish,
    cut,
    submit,
    lease,
    finish,
    hold,
    cancel,
    ask,
    ready,
    revive,
    settle,
    new_lane,
    new_executor,
    task,
    end_sessions,
    prune,
    end_keys,
    lease_ttl,
    *SCHEDULE_STEPS,
)


def written(commands: list[Command]) -> Model:
    """Returns the model after these commands; its `entries` are the history."""
    model = Model()
    for step, a, b in commands:
        STEPS[step % len(STEPS)](model, a, b)
    model.cut()
    return model


def commands(size_max: int = 120) -> st.SearchStrategy[list[Command]]:
    """Lists of commands, of which any is a history."""
    number = st.integers(0, 999)
    return st.lists(
        st.tuples(st.integers(0, len(STEPS) - 1), number, number), min_size=size_max // 3, max_size=size_max
    )
