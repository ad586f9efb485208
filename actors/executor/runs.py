"""The runs that an executor holds: taken, handed to children, ended, reported.

Decides how each run ends: by its own result, by its timeout, by a cancel, because its child died, or because it goes
back. A child that dies takes down the run it was at (crashed, with the child's last words); the others that it had go
back unpunished.
"""

from typing import Any

from ...broker.wire.messages import Run
from . import acts
from .held import Held
from .pool import Child, Pool
from .settings import COMMAND, COMMAND_MARGIN_MS, STUCK_MS, WAIT_MAX_MS
from .state import ExecutorState

NOT_STARTED = "not_started"
"""The error_kind with which a child hands back a run that it had not begun."""

_PING_EVERY_NS = 1_000_000_000


def take(state: ExecutorState, peer: bytes, message: Run) -> None:
    """Takes leased jobs (the link has checked their epoch and sequence)."""
    now_ns, wall_ms = state.now.elapsed_ns, state.now.wall_ms
    for id, attempt, task, payload, timeout_ms, due_ms, queue, tenant, trace, ends_ms in message.jobs:
        if (id, attempt) in state.held:
            continue
        kind = state.task_kind.get(task, "process")
        timeout_ms = timeout_ms or state.task_timeout_ms.get(task)
        if ends_ms is not None:  # the job's own deadline may leave less than its timeout
            timeout_ms = min(timeout_ms or ends_ms, max(1, ends_ms - wall_ms))
        run_id = state.next_run
        state.next_run += 1
        deadline_ms = wall_ms + timeout_ms if timeout_ms else None
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
        held = Held(peer, message.shard, run_id, kind, timeout_ms, row, now_ns)
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
    """Forgets a run and queues its result for the coordinator."""
    del state.held[held.id, held.attempt]
    del state.by_run[held.run_id]
    if state.ending:
        state.ending.pop(held.run_id, None)
    if held.ending == "void":
        return
    row = [held.id, held.attempt, held.epoch, held.index, outcome, started_ms, finished_ms, result, error, kind]
    row += (output, verdict, after_ms)
    state.links[held.peer].shards[held.shard].results.append(row)


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
    """Starts missing children, hands out runs, and ends what is over its time."""
    now_ns = state.now.elapsed_ns
    for pool in state.pools.values():
        wanted = state.children_wanted(pool)
        for act in pool.spawn(state.next_child, now_ns, wanted):
            state.act(act)
            state.next_child += 1
        if state.tasks is not None and wanted == 0:
            _stop_idle(state, pool)
        _end_late_starters(state, pool, now_ns)
        for act in pool.hand_out(now_ns):
            state.act(act)
        _give_back_late(state, pool, now_ns)
        _end_overdue(state, pool, now_ns)
        if not pool.serial:
            _watch_loops(state, pool, now_ns)
    for held in [held for held in state.ending.values() if held.kill_ns is not None and held.kill_ns <= now_ns]:
        held.kill_ns = None
        assert held.child is not None
        state.act(acts.KillChild(held.child))
        state.count("children_killed")


def _end_late_starters(state: ExecutorState, pool: Pool, now_ns: int) -> None:
    """Kills children that take too long to import the tasks."""
    timeout_ms = state.settings.start_timeout_ms
    for child in pool.children.values():
        if not child.ready and not child.late and now_ns - child.spawned_ns >= timeout_ms * 1_000_000:
            child.late = True
            state.act(acts.KillChild(child.number))
            state.count("children_late")


def _stop_idle(state: ExecutorState, pool: Pool) -> None:
    for child in pool.children.values():
        if child.ready and not child.runs and not child.stopping:
            child.stopping = True
            state.act(acts.StopChild(child.number))


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


def child_exited(state: ExecutorState, number: int, how: str) -> None:
    """A child is dead: the run it was at has crashed (or ended as it was told), the others go back."""
    found = state.pool_of_child(number)
    if found is None:
        return
    pool, child = found
    del pool.children[number]
    if state.tasks is None and not state.failed:
        state.failed = True
        late = f"took more than {state.settings.start_timeout_ms} ms to import the tasks; raise start_timeout_s"
        state.act(acts.Failed(f"a runner child {late if child.late else how + ' before it had imported the tasks'}"))
    pool.child_went(state.now.elapsed_ns, child.ready)
    at_fault = _at_fault(pool, child)
    finished_ms = state.now.wall_ms
    for held in list(child.runs.values()):
        if held.ending in ("timed_out", "cancelled") and held.run_id in state.ending:
            text = f"it did not stop within {state.settings.kill_grace_ms} ms, so its process was killed"
            report(state, held, held.ending, None, finished_ms, None, text, "killed")
        elif held.ending is not None:
            report(state, held, "returned", None, finished_ms, None, None, None)
        elif held in at_fault:
            report(state, held, "crashed", None, finished_ms, None, f"the runner process {how}", "crash")
        else:
            report(
                state, held, "returned", None, None, None, f"the runner process {how} while it ran another job", None
            )
    if not child.stopping and child.ready:
        state.count("children_died")


def _at_fault(pool: Pool, child: Child) -> list[Held]:
    """Returns the runs that a child's death is put down to.

    None if one was being ended anyway, else the one known to be at it.
    """
    if any(
        held.kill_ns is None and held.ending in ("timed_out", "cancelled", "void", "returned")
        for held in child.runs.values()
        if not pool.serial
    ):
        return []
    if child.stuck_run is not None:
        return [child.runs[child.stuck_run]] if child.stuck_run in child.runs else []
    if pool.serial:
        head = child.head()
        return [head] if head is not None else []
    return list(child.runs.values())  # nobody can tell which of them it was


def child_stuck(state: ExecutorState, number: int, run_id: int | None, stack: str) -> None:
    """A child's loop has stopped turning: note who holds it; if it goes on, the loop is replaced."""
    found = state.pool_of_child(number)
    if found is None or found[1].stuck_ns is not None:
        return
    child = found[1]
    child.stuck_ns = state.now.elapsed_ns
    child.stuck_run = run_id
    held = state.by_run.get(run_id) if run_id is not None else None
    who = f"job {held.id} ({held.row[5]})" if held is not None else "some job"
    state.act(acts.Note("warning", f"{who} blocks its event loop; await or use the process runner: {stack}"))


def child_ponged(state: ExecutorState, number: int) -> None:
    """A child's loop turns."""
    found = state.pool_of_child(number)
    if found is not None:
        child = found[1]
        child.ponged_ns = state.now.elapsed_ns
        child.pinged_ns = child.stuck_ns = child.stuck_run = None


def _watch_loops(state: ExecutorState, pool: Pool, now_ns: int) -> None:
    for child in pool.children.values():
        if not child.ready or not child.runs:
            continue
        if child.pinged_ns is None and now_ns - child.ponged_ns >= _PING_EVERY_NS:
            child.pinged_ns = now_ns
            state.act(acts.PingChild(child.number, now_ns // 1_000_000))
        elif child.pinged_ns is not None and now_ns - child.pinged_ns >= STUCK_MS * 1_000_000:
            child.pinged_ns = now_ns
            state.act(acts.KillChild(child.number))
            state.count("loops_replaced")


def wakes(state: ExecutorState) -> list[int]:
    """Returns the elapsed ns at which runs or children want a turn."""
    found: list[int] = []
    late_ns = WAIT_MAX_MS * 1_000_000
    for pool in state.pools.values():
        if len(pool.children) < state.children_wanted(pool):
            found.append(pool.spawn_ns)
        if pool.waiting:
            found.append(pool.waiting[0].arrived_ns + late_ns)
        if pool.deadlines:
            found.append(pool.deadlines[0][0])
        for child in pool.children.values():
            _child_wakes(state, pool, child, late_ns, found)
    found.extend(held.kill_ns for held in state.ending.values() if held.kill_ns is not None)
    return found


def _child_wakes(state: ExecutorState, pool: Pool, child: Child, late_ns: int, found: list[int]) -> None:
    if not child.ready and not child.late:
        found.append(child.spawned_ns + state.settings.start_timeout_ms * 1_000_000)
    if pool.serial:
        head = child.head()
        behind = [held for held in child.runs.values() if held is not head and held.ending is None]
        if head is not None and behind:
            found.append(head.arrived_ns + late_ns)
        return
    if not child.runs:
        return
    if child.pinged_ns is None:
        found.append(child.ponged_ns + _PING_EVERY_NS)
    else:
        found.append(child.pinged_ns + STUCK_MS * 1_000_000)
