"""What a pool of children keeps of runs that have ended: nothing for long."""

from mainspring.actors.executor.held import Held
from mainspring.actors.executor.pool import Child, Pool

DAY_MS = 86_400_000


def test_deadlines_of_ended_runs_do_not_pile_up() -> None:
    """Jobs with a timeout of a day that end at once leave no more than a bounded heap behind."""
    pool = Pool("asyncio", 1, 10)
    child = pool.children[1] = Child(1, 0)
    pool.child_came(child, 0)
    for run_id in range(1, 10_001):
        row = [run_id, run_id, 1, 1, 1, "task", "[]", None, 0, None, "default", "default", None]
        pool.waiting.append(Held(0, run_id, "asyncio", DAY_MS, row, 0))
        pool.hand_out(run_id)
        assert pool.overdue(run_id) == []
        if run_id < 10_000:
            pool.release(child, run_id, run_id)
    assert len(pool.deadlines) < 2_000
    assert pool.overdue(10_000 + DAY_MS * 1_000_000)[-1] == 10_000
