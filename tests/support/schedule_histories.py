"""Valid histories of schedules: what a machine could have logged of them, as steps for histories.py.

Decides what may follow what among the ops of schedules. It computes no calendar: instants come every ten seconds.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from schedule_entries import a_definition

from mainspring.actors import entries
from mainspring.actors.schedules import reasons
from mainspring.broker.wire.ids import job_id
from mainspring.broker.wire.rows import CATCH_UPS, FOLDS, GAPS, OVERLAPS

if TYPE_CHECKING:
    from histories import Model

STEP_MS = 10_000
SHARD = 3

FIRED = (reasons.ON_TIME, reasons.CAUGHT_UP, reasons.REBOOT)
SKIPPED = (reasons.MISSED, reasons.OVERLAP, reasons.PAUSED)
EXPRESSIONS = ("* * * * *", "@reboot", "CRON_TZ=UTC @Reboot", "@every 10s")


class Plan:
    """What is known of a live schedule."""

    def __init__(self, number: int, name: str, tenant: str) -> None:
        self.number, self.name, self.tenant = number, name, tenant
        self.cursor_ms = number * STEP_MS
        self.skip: tuple[int, int, int] | None = None
        self.buffered_ms: int | None = None


def _drawn(name: str, tenant: str, seed: int) -> list[Any]:
    return a_definition(
        name,
        tenant,
        queue=("mail", "web")[seed % 2],
        task=f"task-{seed % 3}",
        payload=("{}", '{"text":"Zürich ☃"}', "no json")[seed % 3],
        retry=[3, 1000, 2.5, None, "x"] if seed % 4 == 0 else None,
        timeout_ms=seed if seed % 5 == 0 else None,
        expression=EXPRESSIONS[seed % len(EXPRESSIONS)],
        fold=FOLDS[seed % 3],
        gap=GAPS[seed % 2],
        start_ms=seed if seed % 6 == 0 else None,
        end_ms=1 << 40 if seed % 7 == 0 else None,
        catch_up=CATCH_UPS[seed % 3],
        overlap=OVERLAPS[seed % 3],
        runs_max=seed % 4 + 1 if seed % 3 == 0 else None,
        paused=(None, True, False)[seed // 3 % 3],
        note="why it is there" if seed % 2 else None,
    )


def define(model: "Model", a: int, b: int) -> None:
    """Adds schedules and changes those whose names are known."""
    by_name = {(plan.name, plan.tenant): plan for plan in model.plans.values()}
    rows: dict[int, list[Any]] = {}
    for offset in range(b % 4):
        seed = a + offset * 17 + b
        name, tenant = f"plan-{seed % 4}", ("default", "other")[seed % 5 == 0]
        plan = by_name.get((name, tenant))
        if plan is None:
            model.plans_made += 1
            plan = by_name[name, tenant] = model.plans[model.plans_made] = Plan(model.plans_made, name, tenant)
        plan.skip = None
        next_ms = None if seed % 6 == 0 else plan.cursor_ms + STEP_MS
        rows[plan.number] = [plan.number, plan.cursor_ms, next_ms, _drawn(name, tenant, seed)]
    source = ("code", "client", "file:schedules.toml")[a % 3]
    model.ops.append([entries.SCHEDULE, source, f"v{b % 3}", list(rows.values())])


def unschedule(model: "Model", a: int, b: int) -> None:
    """Removes some schedules."""
    numbers = _some(model, a, b % 3)
    for number in numbers:
        del model.plans[number]
    model.ops.append([entries.UNSCHEDULE, numbers])


def pause(model: "Model", a: int, b: int) -> None:
    """Pauses some schedules, or has them go on."""
    model.ops.append([entries.PAUSE, _some(model, a, 1 + b % 2), b % 2, (None, "the printer is out of ink")[a % 2]])


def tick(model: "Model", a: int, b: int) -> None:
    """Accounts for instants of some schedules; those that fire have a job in the same entry."""
    if not model.lanes:
        return
    rows: list[list[Any]] = []
    jobs: list[list[Any]] = []
    first_id = job_id(SHARD, model.sequence)
    for offset, number in enumerate(_some(model, a, 1 + b % 3) * 2):
        row = _fate(model, model.plans[number], a + b * 5 + offset * 7)
        if reasons.REASONS[row[4]].fired:
            row[5] = first_id + len(jobs)
            jobs.append([model.lanes[a % len(model.lanes)][0], "[]", row[1], None, *[None] * 7])
        rows.append(row)
    if jobs:
        model.ops.append([entries.SUBMIT, 0, 0, 0, first_id, jobs, []])
        model.sequence += len(jobs)
        for at in range(len(jobs)):
            model.take(first_id + at, jobs[at][0], None)
    model.ops.append([entries.TICK, rows])


def _fate(model: "Model", plan: Plan, seed: int) -> list[Any]:
    """Returns a row of TICK_COLUMNS, its job still open."""
    from_ms, count, reason = plan.cursor_ms + STEP_MS, 1, FIRED[seed % 3]
    kind = seed % 5
    if kind == 0 and plan.buffered_ms is not None:  # the one that waited has its turn
        from_ms, count = plan.buffered_ms, 1
        reason = (reasons.AFTER_OTHER, reasons.QUEUE_FULL)[seed % 2]
    elif kind == 1 and plan.buffered_ms is None:
        reason = reasons.BUFFERED
    elif kind == 2:
        from_ms, reason = plan.cursor_ms + model.index % 1000 + 1, reasons.MANUAL
    elif kind > 2:
        count, reason = seed % 4 + 1, SKIPPED[seed % 2]
    to_ms = from_ms + (count - 1) * STEP_MS
    if plan.skip is not None and plan.skip[2] == reason:
        from_ms, count = plan.skip[0], plan.skip[1] + count
    if reason == reasons.BUFFERED:
        plan.buffered_ms = from_ms
    elif from_ms == plan.buffered_ms:
        plan.buffered_ms = None
    skipped = not reasons.REASONS[reason].fired and reason != reasons.BUFFERED
    plan.skip = (from_ms, count, reason) if skipped else None
    plan.cursor_ms = max(plan.cursor_ms, to_ms - to_ms % STEP_MS)
    next_ms = None if seed % 11 == 0 else plan.cursor_ms + STEP_MS
    return [plan.number, from_ms, to_ms, count, reason, None, plan.cursor_ms, next_ms]


def note(model: "Model", a: int, b: int) -> None:
    """Somebody changed something; and a host was started."""
    rows = [[f"user-{a % 3}", "pause", f"default/plan-{b % 4}", None, f"paused: {b % 2}", None]] * (1 + a % 2)
    model.ops += [[entries.AUDIT, rows], [entries.BOOT, f"node-{a % 2}", f"boot-{b % 3}"]]


def end_ticks(model: "Model", a: int, b: int) -> None:
    """Retention, by age, by number or by both; ages of instants or of stamps."""
    before_ms = (0, model.stamp_ms, STEP_MS * (b % 30))[a % 3]
    model.ops.append([entries.TICKS_END, before_ms, (1_000_000, b % 12)[a % 2], 1 + b % 9])


def _some(model: "Model", number: int, count: int) -> list[int]:
    live = sorted(model.plans)
    start = number % len(live) if live else 0
    return (live[start:] + live[:start])[:count]


SCHEDULE_STEPS: tuple[Callable[["Model", int, int], None], ...] = (
    define,
    tick,
    tick,
    pause,
    unschedule,
    note,
    end_ticks,
)
