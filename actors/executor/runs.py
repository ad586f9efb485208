"""The runs that an executor holds: taken, handed to children, ended, reported.

Decides how each run ends: by its own result, by its timeout, by a cancel, because it used too much, or because it goes
back. What becomes of the runs of a child that dies is decided in children.py. Rule: docs/running-jobs.md.
"""

from typing import Any

from ...broker.wire.messages import Run
from . import acts
from .held import Held
from .pool import Pool
from .settings import COMMAND, COMMAND_MARGIN_MS, WAIT_MAX_MS
from .state import ExecutorState

NOT_STARTED = "not_started"
"""The error_kind with which a child hands back a run that it had not begun."""

_MIB = 1024 * 1024


def take(state: ExecutorState, message: Run) -> None:
    """Takes leased jobs (their leader, epoch and sequence have been checked)."""
    now_ns, wall_ms = state.now.elapsed_ns, state.now.wall_ms
    for id, attempt, task, payload, timeout_ms, due_ms, queue, tenant, trace, left_ms in message.jobs:
        if (id, attempt) in state.held:
            continue
        kind = state.task_kind.get(task, "process")
        timeout_ms = timeout_ms or state.task_timeout_ms.get(task) or state.settings.timeout_default_ms or None
        if left_ms is not None:  # the job's own deadline may leave less
            timeout_ms = left_ms if timeout_ms is None else min(timeout_ms, left_ms)
        deadline_ms = None if timeout_ms is None else wall_ms + timeout_ms
        run_id = state.next_run
        state.next_run += 1
        row = [
            run_id,
            id,
            attempt,
            message.epoch,
            message.index,
            task,
            payload,
            timeout_ms,
            due_ms,
            deadline_ms,
            queue,
            tenant,
            trace,
        ]
        held = Held(message.shard, run_id, kind, timeout_ms, row, now_ns)
        if state.task_limits:
            held.limits = state.task_limits.get(task)
        state.held[id, attempt] = held
        state.by_run[run_id] = held
        if state.drain_until_ns is not None:
            report(state, held, "returned", None, None, None, "the executor is draining", None)
        elif task not in state.task_kind:
            report(state, held, "returned", None, None, None, f"this executor does not have the task {task}", None)
        else:
            state.pools[kind].waiting.append(held)


def report(
    state: ExecutorState,
    held: Held,
    outcome: str,
    started_ms: int | None,
    finished_ms: int | None,
    result: str | None,
    error: str | None,
    kind: str | None,
    output: str | None = None,
    verdict: str | None = None,
    after_ms: int | None = None,
) -> None:
    """Forgets a run and queues its result for whoever leads its shard."""
    del state.held[held.id, held.attempt]
    del state.by_run[held.run_id]
    if state.ending:
        state.ending.pop(held.run_id, None)
    if held.ending == "void":
        return
    row = [held.id, held.attempt, held.epoch, held.index, outcome, started_ms, finished_ms, result, error, kind]
    row += (output, verdict, after_ms)
    state.shards[held.shard].results.append(row)
    if outcome in state.logged:
        _, _, _, _, _, task, _, _, scheduled_ms, _, queue, tenant, trace = held.row
        who = (held.id, held.attempt, task, queue, tenant, trace)
        state.act(acts.AttemptEnded(*who, outcome, kind, scheduled_ms, started_ms, finished_ms))


def done(state: ExecutorState, number: int, rows: list[list[Any]]) -> None:
    """Takes results from a child."""
    found = state.pool_of_child(number)
    if found is None:
        return
    pool, child = found
    now_ns = state.now.elapsed_ns
    for run_id, outcome, started_ms, finished_ms, result, error, kind, output, verdict, after_ms in rows:
        held = pool.release(child, run_id, now_ns)
        if held is None:
            continue
        if child.stuck_run == run_id:
            child.stuck_ns = child.stuck_run = None
        head = child.head() if pool.serial else None
        if head is not None and head.ending is not None and head.run_id not in state.ending:
            _give_grace(state, head)  # told to end while it stood behind another: it may have begun before it heard
        if kind == NOT_STARTED:
            report(state, held, held.ending or "returned", None, None, None, error, None)
            continue
        pool.ended(finished_ms - started_ms)
        if outcome == "cancelled" and held.ending not in (None, "void"):
            outcome = held.ending
        report(state, held, outcome, started_ms, finished_ms, result, error, kind, output, verdict, after_ms)


def tend(state: ExecutorState) -> None:
    """Hands out runs, and ends what is over its time."""
    now_ns = state.now.elapsed_ns
    for pool in state.pools.values():
        if not (pool.children or pool.waiting or pool.deadlines):
            continue
        for act in pool.hand_out(now_ns):
            state.act(act)
        _give_back_late(state, pool, now_ns)
        _end_overdue(state, pool, now_ns)
        if pool.serial and state.task_limits:
            _watch_limited(state, pool)
    for held in [held for held in state.ending.values() if held.kill_ns is not None and held.kill_ns <= now_ns]:
        held.kill_ns = None
        assert held.child is not None
        _kill_child(state, held.child)


def _kill_child(state: ExecutorState, number: int) -> None:
    """Kills a child because of the run it is at."""
    found = state.pool_of_child(number)
    if found is not None:
        found[1].killed = True
        state.act(acts.KillChild(number))
        state.count("children_killed")


def _watch_limited(state: ExecutorState, pool: Pool) -> None:
    """Has the shell look at the runs that have a limit, from when they begin."""
    for child in pool.children.values():
        head = child.head()
        wanted = head.run_id if head is not None and head.limits is not None else None
        if wanted != child.watched:
            child.watched = wanted
            state.act(acts.WatchRun(child.number, wanted))


def used(state: ExecutorState, number: int, run_id: int, memory_bytes: int, cpu_ms: int) -> None:
    """Kills the child of a run that uses more than its task may.

    Of too much CPU time the child itself tells the handler first, which then has its grace.
    """
    found = state.pool_of_child(number)
    held = found[1].head() if found is not None else None
    if held is None or held.run_id != run_id or held.limits is None or held.over is not None:
        return
    most_bytes, most_ms = held.limits
    if most_bytes is not None and memory_bytes > most_bytes:
        text = f"{memory_bytes / _MIB:.1f} MiB of memory, more than its limit of {most_bytes / _MIB:.1f} MiB"
        held.over = ("memory_limit", f"it used {text}, so its process was killed")
    elif most_ms is not None and cpu_ms > most_ms + state.settings.kill_grace_ms:
        text = f"{cpu_ms / 1000:.1f} s of CPU time, more than its limit of {most_ms / 1000:.1f} s"
        held.over = ("cpu_limit", f"it used {text}, so its process was killed")
    else:
        return
    _kill_child(state, number)
    state.count("limits_broken")


def _give_back_late(state: ExecutorState, pool: Pool, now_ns: int) -> None:
    """Gives back jobs that have waited too long behind others."""
    late_ns = now_ns - WAIT_MAX_MS * 1_000_000
    if pool.waiting and pool.waiting[0].arrived_ns <= late_ns:
        pool.too_slow(now_ns)
        while pool.waiting and pool.waiting[0].arrived_ns <= late_ns:
            report(state, pool.waiting.popleft(), "returned", None, None, None, "no slot came free in time", None)
            state.count("runs_given_back")
    if not pool.serial:
        return
    for child in pool.children.values():
        head = child.head()
        if len(child.runs) < 2 or head is None or head.arrived_ns > late_ns:
            continue
        behind = [held for held in child.runs.values() if held is not head and held.ending is None]
        if behind:
            pool.too_slow(now_ns)
            for held in behind:
                held.ending = "returned"
            state.act(acts.CancelOn(child.number, [held.run_id for held in behind], "lease_lost", True))
            state.count("runs_given_back", len(behind))


def _end_overdue(state: ExecutorState, pool: Pool, now_ns: int) -> None:
    """Ends runs that are past their timeout."""
    found = [state.by_run.get(run_id) for run_id in pool.overdue(now_ns)]
    # One that was to go back may have begun just before it was told, and has its timeout all the same.
    overdue = [held for held in found if held is not None and held.ending in (None, "returned")]
    if overdue:
        end(state, overdue, "timed_out")


_REASONS = {"timed_out": "timeout", "cancelled": "cancelled", "returned": "lease_lost", "void": "lease_lost"}


def end(state: ExecutorState, helds: list[Held], outcome: str, kill_by_ns: int | None = None) -> None:
    """Tells runs to end with this outcome.

    Those that wait end at once, those in a child get a grace (up to `kill_by_ns`) and then their child is killed.
    """
    by_child: dict[int, list[Held]] = {}
    for held in helds:
        held.ending = outcome
        if held.child is None:
            state.pools[held.kind].waiting.remove(held)
            report(state, held, outcome, None, None, None, f"it had not started: {outcome}", None)
        else:
            by_child.setdefault(held.child, []).append(held)
    for number, group in by_child.items():
        found = state.pool_of_child(number)
        assert found is not None
        pool, child = found
        for held in group:
            if not pool.serial or held is child.head():
                _give_grace(state, held, kill_by_ns)
        state.act(acts.CancelOn(number, [held.run_id for held in group], _REASONS[outcome], pool.serial))


def _give_grace(state: ExecutorState, held: Held, kill_by_ns: int | None = None) -> None:
    """A run that was told to end is at it: its child is killed when the grace is over.

    A command child kills the command itself then, and is left in peace unless it is stuck.
    """
    grace_ms = state.settings.kill_grace_ms + (COMMAND_MARGIN_MS if held.kind == COMMAND else 0)
    kill_ns = state.now.elapsed_ns + grace_ms * 1_000_000
    held.kill_ns = kill_ns if kill_by_ns is None else min(kill_ns, kill_by_ns)
    state.ending[held.run_id] = held


def end_all(state: ExecutorState, outcome: str) -> None:
    """Tells every run to end that was not told before."""
    helds = [held for held in state.held.values() if held.ending is None]
    if helds:
        end(state, helds, outcome)


def give_back_waiting(state: ExecutorState) -> None:
    """Gives back what has not been handed to a child."""
    for pool in state.pools.values():
        while pool.waiting:
            report(state, pool.waiting.popleft(), "returned", None, None, None, "the executor is draining", None)


def wakes(state: ExecutorState) -> list[int]:
    """Returns the elapsed ns at which runs want a turn."""
    found: list[int] = []
    late_ns = WAIT_MAX_MS * 1_000_000
    for pool in state.pools.values():
        if not (pool.children or pool.waiting or pool.deadlines):
            continue
        if pool.waiting:
            found.append(pool.waiting[0].arrived_ns + late_ns)
        if pool.deadlines:
            found.append(pool.deadlines[0][0])
        for child in pool.children.values() if pool.serial else ():
            head = child.head()
            if head is not None and any(held is not head and held.ending is None for held in child.runs.values()):
                found.append(head.arrived_ns + late_ns)
    found.extend(held.kill_ns for held in state.ending.values() if held.kill_ns is not None)
    return found
