"""Jobs that the coordinator makes by itself, for the ticks of schedules; and the lanes that any job needs.

Decides ids, lanes and rows. Nobody waits for an answer, so these jobs belong to no client's session (their SUBMIT says
session 0). It must not know why a job is made.
"""

from typing import Any, NamedTuple

from ...broker.wire.ids import job_id
from ..entries import LANES, SUBMIT
from ..limits import LANES_MAX
from ..schedules.schedule import Definition
from . import placing
from .state import ShardState

LaneKey = tuple[str, str, int, str]
"""(tenant, queue, priority, task)."""


class NewJob(NamedTuple):
    """A job to be made: as the definition says, nominally for scheduled_ms, not to run before due_ms (wall)."""

    definition: Definition
    scheduled_ms: int
    due_ms: int
    key: str | None = None


class Lanes:
    """The lanes of the jobs of one op; new ones get numbers, and are written down before the jobs."""

    def __init__(self, state: ShardState) -> None:
        self._state = state
        self._rows: list[list[Any]] = []
        self._made: dict[LaneKey, int] = {}

    def number(self, key: LaneKey) -> int:
        """Returns the number of a lane."""
        lane = self._state.image.lane_of.get(key)
        if lane is not None:
            return lane.id
        id = self._made.get(key)
        if id is None:
            id = self._made[key] = len(self._state.image.lanes) + len(self._rows) + 1
            self._rows.append([id, *key])
        return id

    def write(self) -> None:
        """Writes the new ones down."""
        if self._rows:
            op = [LANES, self._rows]
            self._state.log(op)
            self._state.image.apply_lanes(op)


def has_room(state: ShardState, definition: Definition, queued: int) -> bool:
    """Says whether a queue takes one more job beside `queued` that are about to be made."""
    image = state.image
    if image.queue_live.get(definition.queue, 0) + queued >= state.settings.backlog_jobs_max:
        return False
    key = (definition.tenant, definition.queue, definition.priority, definition.task)
    return key in image.lane_of or len(image.lanes) + queued < LANES_MAX


def take_key(state: ShardState) -> int:
    """Notes that a key is taken now; returns until when (UTC ms) it is held."""
    state.keys_taken = True
    until_ms = state.now.wall_ms + state.settings.key_ttl_ms
    state.keys_until_ms = max(state.keys_until_ms, until_ms)
    return until_ms


def make(state: ShardState, jobs: list[NewJob]) -> list[int]:
    """Makes jobs, and returns their ids, in order."""
    if not jobs:
        return []
    image, wall_ms = state.image, state.now.wall_ms
    lanes = Lanes(state)
    rows: list[list[Any]] = []
    for definition, scheduled_ms, due_ms, key in jobs:
        lane = lanes.number((definition.tenant, definition.queue, definition.priority, definition.task))
        due = due_ms if due_ms > wall_ms else None
        retry, timeout_ms = definition.retry, definition.timeout_ms
        until_ms = None if key is None else take_key(state)
        rows.append([lane, definition.payload, scheduled_ms, due, key, retry, timeout_ms, None, None, until_ms, None])
    lanes.write()
    first_id = job_id(state.shard, image.next_sequence)
    op = [SUBMIT, 0, 0, 0, first_id, rows, []]
    state.log(op)
    made = image.apply_submit(op, state.index)
    placing.place_fresh(state, made, [None] * len(made))
    state.count("jobs_submitted", len(made))
    return [job.id for job in made]
