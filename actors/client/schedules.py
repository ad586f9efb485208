"""Schedules over all shards: which message goes where, in which order, and how the answers become one.

Decides that a set of several shards is tried on all of them before it is meant, so that one refusal changes nothing
anywhere, and that a name is of one shard alone: one that has moved to another queue is removed where it was. Must not
know of deadlines and repeats. Rule: docs/design.md, "Storage" (shard key).
"""

from collections.abc import Iterator

from ...broker.wire.limits import BATCH_BYTES_MAX, BATCH_JOBS_MAX
from ...broker.wire.messages import ScheduleAct, ScheduleSet
from ...broker.wire.routing import shard_for
from ...broker.wire.rows import SCHEDULE_ACTIONS
from ...broker.wire.schedule_rows import name_fault, schedule_fault
from .asks import CallerAsk
from .events import ActOnSchedules, Completed, Failure, Row, SetSchedules, refusal
from .filling import SCHEDULE_PLACES, fill
from .flights import UTF8_BYTES_MAX
from .state import ClientState

NAME, TENANT, QUEUE = 0, 1, 2
"""Places in a row of SCHEDULE_COLUMNS."""

_ROW_BYTES = 256
"""What a row takes besides its texts, at the most."""

_TOKEN_END = 1 << 63


def define(state: ClientState, command: SetSchedules) -> None:
    """Begins to define schedules; the cluster is known."""
    rows, shards = command.rows, state.cluster.shards
    failure = fill(state, rows, SCHEDULE_PLACES) or _fault(rows, state.cluster.payload_bytes_max)
    homes: dict[int, list[Row]] = {shard: [] for shard in range(shards)} if command.is_whole else {}
    if failure is None:
        for row in rows:
            homes.setdefault(shard_for(row[TENANT], row[QUEUE], shards), []).append(row)
    if failure is not None or not homes:
        state.complete(Completed(command.request, [], failure))
        return
    caller = CallerAsk(command.request, order={(row[TENANT], row[NAME]): at for at, row in enumerate(rows)})
    if command.is_dry or len(homes) > 1:
        caller.steps.append([_set(state, command, shard, own, is_dry=True) for shard, own in homes.items()])
    if not command.is_dry:
        caller.steps.append([_set(state, command, shard, own, is_dry=False) for shard, own in homes.items()])
        elsewhere = list(_elsewhere(state, command, homes))
        if elsewhere:
            caller.steps.append(elsewhere)
    assert caller.steps, "a set of schedules asks nobody"
    state.asks.proceed(caller)
    state.add(caller)


def _fault(rows: list[Row], payload_bytes_max: int) -> Failure | None:
    seen: set[tuple[str, str]] = set()
    for row in rows:
        fault = schedule_fault(row, payload_bytes_max)
        if fault is not None:
            return refusal("invalid_schedule", fault)
        if (row[TENANT], row[NAME]) in seen:
            text = f"two schedules of tenant {row[TENANT]!r} are named {row[NAME]!r}; give one of them another name"
            return refusal("invalid_schedule", text)
        seen.add((row[TENANT], row[NAME]))
    return None


def _set(state: ClientState, command: SetSchedules, shard: int, rows: list[Row], *, is_dry: bool) -> list[ScheduleSet]:
    """Returns the parts of one shard's set, under one number."""
    number, cuts = state.next_number(), list(_cut(rows))
    return [
        ScheduleSet(
            shard,
            number,
            command.by,
            command.source,
            command.revision,
            command.is_whole,
            is_dry,
            part,
            len(cuts),
            own,
        )
        for part, own in enumerate(cuts, 1)
    ]


def _cut(rows: list[Row]) -> Iterator[list[Row]]:
    """Yields rows in lists that fit a frame; an empty list as one."""
    part: list[Row] = []
    size = 0
    for row in rows:
        row_size = _ROW_BYTES + UTF8_BYTES_MAX * sum(len(value) for value in row if type(value) is str)
        if part and (len(part) == BATCH_JOBS_MAX or size + row_size > BATCH_BYTES_MAX):
            yield part
            part, size = [], 0
        part.append(row)
        size += row_size
    yield part


def _elsewhere(state: ClientState, command: SetSchedules, homes: dict[int, list[Row]]) -> Iterator[list[ScheduleAct]]:
    """Yields what removes the names in the shards that are not theirs: their queue was another one before."""
    for shard in range(state.cluster.shards):
        strangers: dict[str, list[str]] = {}
        for home, rows in homes.items():
            for row in rows if home != shard else ():
                strangers.setdefault(row[TENANT], []).append(row[NAME])
        for tenant, names in strangers.items():
            yield from _act(state, shard, command.by, "remove", tenant, names, None)


def act(state: ClientState, command: ActOnSchedules) -> None:
    """Begins to do something with schedules; no client knows their shards, so all are asked."""
    names = list(dict.fromkeys(command.names))
    fault = next((fault for name in names if (fault := name_fault(name)) is not None), None)
    if command.action not in SCHEDULE_ACTIONS:
        fault = f"action {command.action!r:.40} is unknown; give one of {', '.join(SCHEDULE_ACTIONS)}"
    if fault is not None or not names:
        failure = None if fault is None else refusal("invalid_schedule", fault)
        state.complete(Completed(command.request, [], failure))
        return
    caller = CallerAsk(command.request, order={(command.tenant, name): at for at, name in enumerate(names)})
    caller.steps.append(
        [
            messages
            for shard in range(state.cluster.shards)
            for messages in _act(state, shard, command.by, command.action, command.tenant, names, command.note)
        ]
    )
    state.asks.proceed(caller)
    state.add(caller)


def _act(
    state: ClientState, shard: int, by: str, action: str, tenant: str, names: list[str], note: str | None
) -> Iterator[list[ScheduleAct]]:
    for at in range(0, len(names), BATCH_JOBS_MAX):
        own = names[at : at + BATCH_JOBS_MAX]
        yield [ScheduleAct(shard, state.next_number(), by, action, tenant, own, note, state.draws.below(_TOKEN_END))]
