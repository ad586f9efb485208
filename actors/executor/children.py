"""An executor's runner children: started, watched, replaced, and what becomes of their runs when they die.

Decides when a child is started, taken out of work, let go or killed, and whom its death is put down to. A child that
dies takes down the run it was at (crashed, with the child's last words); the others that it had go back unpunished.
Must not know how a run ends while its child lives (runs.py). Rule: docs/running-jobs.md.
"""

from . import acts
from .held import Held
from .pool import Child, Pool
from .runs import report
from .settings import STOP_MS, STUCK_MS
from .state import ExecutorState

_PING_EVERY_NS = 1_000_000_000
_STOP_NS = STOP_MS * 1_000_000


def tend(state: ExecutorState) -> None:
    """Starts missing children, replaces worn ones, and ends those that are over their time."""
    now_ns = state.now.elapsed_ns
    for pool in state.pools.values():
        wanted = state.children_wanted(pool)
        if not (wanted or pool.children):
            continue
        if wanted and pool.recycles:
            _recycle(state, pool, now_ns)
        if pool.missing(wanted) > 0:
            for act in pool.spawn(state.next_child, now_ns, wanted):
                state.act(act)
                state.next_child += 1
        is_wanted = state.tasks is None or wanted > 0
        for child in pool.children.values():
            if not child.takes_runs or not is_wanted:
                _let_go(state, child, now_ns)
        if not pool.serial:
            _watch_loops(state, pool, now_ns)


def _recycle(state: ExecutorState, pool: Pool, now_ns: int) -> None:
    for child in pool.children.values():
        if child.takes_runs and not child.worn:
            pool.wear(child, now_ns)
    while pool.retire() is not None:
        state.count("children_recycled")


def _let_go(state: ExecutorState, child: Child, now_ns: int) -> None:
    """Ends a child that is to take no run; kills one that takes too long to end, or to import the tasks."""
    if child.late:
        return
    if not child.ready:
        if now_ns - child.spawned_ns < state.settings.start_timeout_ms * 1_000_000:
            return
        state.count("children_late")
    elif child.stop_ns is None:
        if not child.runs:
            child.stop_ns, child.takes_runs = now_ns, False
            state.act(acts.StopChild(child.number))
        return
    elif now_ns - child.stop_ns < _STOP_NS:
        return
    child.late = True
    state.act(acts.KillChild(child.number))


def exited(state: ExecutorState, number: int, how: str, output: str | None) -> None:
    """A child is dead: the run it was at has crashed (or ended as it was told), the others go back."""
    found = state.pool_of_child(number)
    if found is None:
        return
    pool, child = found
    del pool.children[number]
    if state.tasks is None and not state.failed:
        state.failed = True
        late = f"took more than {state.settings.start_timeout_ms} ms to import the tasks; raise start_timeout_s"
        words = f"; its output ends:\n{output}" if output else ""
        told = f"{late if child.late else how + ' before it had imported the tasks'}{words}"
        state.act(acts.Failed(f"a runner child {told}"))
    pool.child_went(state.now.elapsed_ns, child.ready)
    at_fault = _at_fault(pool, child)
    finished_ms = state.now.wall_ms
    for held in list(child.runs.values()):
        if held.over is not None and held.ending is None:
            kind, text = held.over
            report(state, held, "failed", _begun_ms(state, held), finished_ms, None, text, kind, output)
        elif held.ending in ("timed_out", "cancelled") and held.run_id in state.ending:
            text = f"it did not stop within {state.settings.kill_grace_ms} ms, so its process was killed"
            report(state, held, held.ending, _begun_ms(state, held), finished_ms, None, text, "killed", output)
        elif held.ending is not None:
            report(state, held, "returned", _begun_ms(state, held), finished_ms, None, None, None)
        elif held in at_fault:
            report(
                state,
                held,
                "crashed",
                _begun_ms(state, held),
                finished_ms,
                None,
                f"the runner process {how}",
                "crash",
                output,
            )
        else:
            text = f"the runner process {how} while it ran another job"
            report(state, held, "returned", None, None, None, text, None)
    if child.stop_ns is None and child.ready:
        state.count("children_died")


def _begun_ms(state: ExecutorState, held: Held) -> int | None:
    """Returns when a run whose child cannot tell any more has begun, UTC; about, for it was given to a child then."""
    if held.begun_ns is None:
        return None
    return state.now.wall_ms - (state.now.elapsed_ns - held.begun_ns) // 1_000_000


def _at_fault(pool: Pool, child: Child) -> list[Held]:
    """Returns the runs that a child's death is put down to.

    None if it was killed for one that was to end, or used too much; else the one known to be at it.
    """
    if child.killed:
        return []
    if child.stuck_run is not None:
        return [child.runs[child.stuck_run]] if child.stuck_run in child.runs else []
    if pool.serial:
        head = child.head()
        return [head] if head is not None else []
    return list(child.runs.values())  # nobody can tell which of them it was


def stuck(state: ExecutorState, number: int, run_id: int | None, stack: str) -> None:
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


def ponged(state: ExecutorState, number: int) -> None:
    """A child's loop turns."""
    found = state.pool_of_child(number)
    if found is not None:
        child = found[1]
        child.ponged_ns = state.now.elapsed_ns
        child.pinged_ns = child.stuck_ns = child.stuck_run = None


def sized(state: ExecutorState, rows: list[list[int]], dropped_bytes: int) -> None:
    """Learns how large the children are."""
    for number, rss_bytes in rows:
        found = state.pool_of_child(number)
        if found is not None:
            found[1].rss_bytes = rss_bytes
    if dropped_bytes:
        state.counts["output_dropped_bytes"] = dropped_bytes


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
    """Returns the elapsed ns at which children want a turn."""
    found: list[int] = []
    for pool in state.pools.values():
        wanted = state.children_wanted(pool)
        if pool.missing(wanted) > 0:
            found.append(pool.spawn_ns)
        age_ns = pool.recycle.age_ms * 1_000_000 if wanted else 0
        for child in pool.children.values():
            if child.takes_runs:
                if age_ns and not child.worn:
                    found.append(child.spawned_ns + age_ns)
            elif child.late:
                pass
            elif not child.ready:
                found.append(child.spawned_ns + state.settings.start_timeout_ms * 1_000_000)
            elif child.stop_ns is not None:
                found.append(child.stop_ns + _STOP_NS)
            if child.runs and not pool.serial:
                if child.pinged_ns is None:
                    found.append(child.ponged_ns + _PING_EVERY_NS)
                else:
                    found.append(child.pinged_ns + STUCK_MS * 1_000_000)
    return found
