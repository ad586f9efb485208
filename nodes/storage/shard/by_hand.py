"""What somebody has done with finished jobs: they live again, or get another final state.

Decides the statements. Must not know who may do it, nor when: the ops REVIVE and SETTLE of actors/entries.py say what
was decided.
"""

# ruff: noqa: S608 - statements are put together from constants; every value is bound

from ....actors.jobs.lifecycle import READY
from .batch import pack
from .database import Database

_NAMED = "id IN (SELECT value FROM json_each(?))"
_STATES = f"SELECT id, lane, state FROM finished WHERE {_NAMED}"
REVIVE = f"""INSERT INTO jobs (id, lane, state, due_ms, scheduled_ms, attempts, failures, crashes, asked, created_ms,
    key, retry, timeout_ms, expires_ms, trace, deadline_ms, payload)
    SELECT id, lane, {READY}, NULL, scheduled_ms, attempts, 0, 0, 0, created_ms,
    key, retry, timeout_ms, NULL, trace, NULL, payload FROM finished WHERE {_NAMED}"""
_DELETE = f"DELETE FROM finished WHERE {_NAMED}"
_SETTLE = f"UPDATE finished SET state = ? WHERE {_NAMED}"

ByLane = dict[int, dict[int, int]]
"""lane -> state -> how many jobs more."""


def revive(database: Database, rows: list[list[int]]) -> ByLane:
    """Moves finished jobs, rows [id, lane], back among the live ones, ready."""
    by_lane = _left(database, rows, READY)
    ids = pack([row[0] for row in rows])
    database.execute(REVIVE, (ids,))
    database.execute(_DELETE, (ids,))
    return by_lane


def settle(database: Database, rows: list[list[int]], state: int) -> ByLane:
    """Gives finished jobs, rows [id, lane], another final state; how long they are kept goes by their end as before."""
    by_lane = _left(database, rows, state)
    database.execute(_SETTLE, (state, pack([row[0] for row in rows])))
    return by_lane


def _left(database: Database, rows: list[list[int]], to: int) -> ByLane:
    """Counts what leaves which state of a lane for the state `to`."""
    found = {id: (lane, state) for id, lane, state in database.execute(_STATES, (pack([row[0] for row in rows]),))}
    by_lane: ByLane = {}
    for id, lane in rows:
        assert id in found, f"job {id} is not finished"
        assert found[id][0] == lane, f"job {id} stands in lane {found[id][0]}, not in {lane}"
        more = by_lane.setdefault(lane, {})
        state = found[id][1]
        more[state] = more.get(state, 0) - 1
        more[to] = more.get(to, 0) + 1
    return by_lane
