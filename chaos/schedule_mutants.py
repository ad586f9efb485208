"""Planted bugs in schedules; see mutants.py.

Decides what is broken and how. Rule: what docs/promises.md says of P4 has a mutant here that breaks it.
"""

from itertools import count
from typing import Any

from ..actors.coordinator import schedule_acts, ticking, ticks
from ..actors.schedules import book, reasons, schedule
from .mutant import Function, Mutant

_BUSY: dict[str, Any] = {"schedules": 6, "schedule_acts": 25, "faulty_ms": 20_000, "faults": ("crash_coordinator",)}
"""A world in which much is asked of schedules."""
_HOSTS = _BUSY | {"schedules": 12, "faults": ("reboot_host", "fail_over", "crash_coordinator")}


def _cursor_stays(true: Function) -> Function:
    seen: set[tuple[str, int, int]] = set()

    def broken(self: Any, one: Any, from_ms: int, to_ms: int, instants: int, reason: int) -> bool:
        instant = (one.definition.name, one.number, from_ms)
        if instant in seen:
            return true(self, one, from_ms, to_ms, instants, reason)
        seen.add(instant)
        self._row(one, from_ms, to_ms, instants, reason, cursor_ms=one.cursor_ms, next_ms=one.next_ms)
        return True

    return broken


def _first_passed_over(true: Function) -> Function:
    def fates(*values: Any) -> list[Any]:
        found = true(*values)
        return found[1:] or found

    return fates


def _takes_up_old_cursor(true: Function) -> Function:
    cursors: dict[tuple[Any, ...], int] = {}

    def apply_schedule(self: Any, op: list[Any]) -> None:
        for row in op[3]:
            name = (id(self), row[3][0], row[3][1])
            if row[0] not in self.by_number and name in cursors:
                row[1] = cursors[name]
                row[2] = schedule.Definition._make(row[3]).calendar().next_ms(row[1])
            cursors[name] = row[1]
        true(self, op)

    return apply_schedule


def _token_ignored(true: Function) -> Function:
    calls = count()

    def run_key(message: Any, name: str) -> str:
        return f"{true(message, name)}:{next(calls)}"

    return run_key


def _pause_ignored(true: Function) -> Function:
    def fates(one: Any, *values: Any) -> list[Any]:
        paused, one.paused = one.paused, False
        try:
            return true(one, *values)
        finally:
            one.paused = paused

    return fates


def _live_forgotten(true: Function) -> Function:
    def init(self: Any, restored: Any) -> None:
        true(self, restored._replace(tick_jobs=[]))

    return init


def _without_jittered(_true: Function) -> Function:
    def settle(self: Any, one: Any) -> None:
        while self.account(one):
            self.write()

    return settle


def _waiting_forgotten(true: Function) -> Function:
    def init(self: Any, restored: Any) -> None:
        true(self, restored)
        for one in self.by_number.values():
            one.buffered_ms = None

    return init


def _waiting_stands_still(true: Function) -> Function:
    def init(self: Any, restored: Any) -> None:
        true(self, restored)
        self.freed.clear()

    return init


def _jitter_anew(true: Function) -> Function:
    calls = count()

    def fires_ms(self: Any, instant_ms: int) -> int:
        fires = true(self, instant_ms)
        return fires if fires == instant_ms else instant_ms + (fires - instant_ms) * (next(calls) % 7) // 7

    return fires_ms


def _boot_each_start(true: Function) -> Function:
    def boot(state: Any, made: Any) -> None:
        known = state.image.book.boots
        if state.settings.node in known:
            known[state.settings.node] = "another"
        true(state, made)

    return boot


def _boot_at_fail_over(true: Function) -> Function:
    def boot(state: Any, made: Any) -> None:
        known = state.image.book.boots
        if known:
            known.setdefault(state.settings.node, "another")
        true(state, made)

    return boot


def _looked_at_twice(true: Function) -> Function:
    def account(self: Any, one: Any) -> int:
        true(self, one)
        return true(self, one)

    return account


def _overlap_ignored(true: Function) -> Function:
    def gate(self: Any, one: Any, reason: int) -> int:
        found = true(self, one, reason)
        return reason if found == reasons.OVERLAP else found

    return gate


SCHEDULE_MUTANTS: dict[str, Mutant] = {
    "ticks_leave_the_cursor": Mutant(
        "an instant gets its job, and the cursor stays", ticks.Ticks, "_pass", _cursor_stays, _BUSY
    ),
    "cursor_passes_instants": Mutant(
        "the cursor moves over instants of which nothing became", ticks, "fates", _first_passed_over, _BUSY
    ),
    "ticks_are_decided_twice": Mutant(
        "a schedule is looked at twice in a turn", ticks.Ticks, "account", _looked_at_twice, _BUSY
    ),
    "generations_are_ignored": Mutant(
        "a schedule that is added again takes up where the old one was",
        book.Book,
        "apply_schedule",
        _takes_up_old_cursor,
        _BUSY | {"faults": ()},
    ),
    "run_tokens_are_ignored": Mutant(
        "a run that is asked for twice runs twice", schedule_acts, "_run_key", _token_ignored, _BUSY
    ),
    "pause_is_ignored": Mutant("a paused schedule fires", ticks, "fates", _pause_ignored, _BUSY),
    "overlap_is_ignored": Mutant(
        "an instant fires while an earlier job lives", ticks.Ticks, "_gate", _overlap_ignored, _BUSY
    ),
    "live_jobs_are_forgotten": Mutant(
        "the overlap rule knows only the jobs of this life", book.Book, "__init__", _live_forgotten, _BUSY
    ),
    "edits_lose_the_jittered": Mutant(
        "an instant that the jitter has moved beyond an edit is lost",
        ticks.Ticks,
        "settle",
        _without_jittered,
        _BUSY,
    ),
    "waiting_is_lost_at_a_start": Mutant(
        "a new coordinator forgets the instant that waits", book.Book, "__init__", _waiting_forgotten, _BUSY
    ),
    "waiting_is_not_looked_at": Mutant(
        "an instant that waits at a start waits for ever",
        book.Book,
        "__init__",
        _waiting_stands_still,
        _BUSY | {"faults": ("drain_coordinator",), "fault_every_ms": 1_000},
    ),
    "jitter_is_drawn_anew": Mutant(
        "an instant fires at another time each time it is asked", schedule.Schedule, "fires_ms", _jitter_anew, _BUSY
    ),
    "boots_fire_at_each_start": Mutant(
        "a coordinator that starts again runs what is for a boot", ticking, "_boot", _boot_each_start, _HOSTS
    ),
    "boots_fire_at_fail_over": Mutant(
        "a coordinator on another host runs what is for a boot", ticking, "_boot", _boot_at_fail_over, _HOSTS
    ),
}
"""Name -> planted bug."""
