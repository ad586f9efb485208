"""What is no fault in a set of schedules, and still not what somebody means: found before it happens.

Decides what is worth a word. It must not know files, lines or how a word is shown. Every check is about the time from
now on; what the clocks do is looked at for a year.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Final, NamedTuple

from ...actors.cron.calendar import calendar
from .preview import Planned, Transition, in_zone, transitions
from .preview_load import load

YEAR_MS: Final = 366 * 86_400_000
CROWD_MIN: Final = 10
"""So many schedules in one second are worth a word."""
CROWD_HOURS: Final = 24
NAMES_SHOWN_MAX: Final = 5

_FIELDS: Final = (
    ("seconds", 60, "minute"),
    ("minutes", 60, "hour"),
    ("hours", 24, "day"),
    ("days of the month", 0, "month"),
    ("months", 12, "year"),
    ("days of the week", 7, "week"),
)


class Remark(NamedTuple):
    """One thing worth a word."""

    name: str
    """The schedule, as `Planned.name`; empty if it is about several."""
    kind: str
    """A stable word: never, dst, step, task, queue or crowd."""
    text: str


def remarks(schedules: Sequence[Planned], now_ms: int, tasks: Mapping[str, str] | None = None) -> list[Remark]:
    """Looks schedules over.

    Args:
        schedules: what is looked at.
        now_ms: the present, in UTC milliseconds.
        tasks: the queue of each task that the node knows, by the task's name; None if no node was asked.
    """
    found: list[Remark] = []
    for one in schedules:
        found += _of_times(one, now_ms)
        found += _of_steps(one)
        if tasks is not None:
            found += _of_task(one, tasks)
    return [*found, *_of_crowds(schedules, now_ms)]


def _of_times(one: Planned, now_ms: int) -> Iterator[Remark]:
    defined, expression = one.definition, one.calendar.expression
    if not one.calendar.is_reboot and one.calendar.next_ms(now_ms) is None:
        is_over = defined.end_ms is not None and defined.end_ms <= now_ms
        why = "its end has passed" if is_over else "its expression names no time from now on"
        yield Remark(one.name, "never", f"never fires again: {why}; remove it, or correct it")
        return
    if expression.wildcard or expression.every_s or one.calendar.is_reboot:
        return  # these follow real time
    told: set[str] = set()
    for change in transitions([one], now_ms, now_ms + YEAR_MS):
        text = _forward(one, change) if change.after_s > change.before_s else _back(one, change)
        if text is not None and text[0] not in told:
            told.add(text[0])
            yield Remark(one.name, "dst", text[1])


def _forward(one: Planned, change: Transition) -> tuple[str, str] | None:
    """Says what becomes of a time that the clocks pass over."""
    defined = one.definition
    shifting = calendar(defined.expression, defined.zone, defined.fold, "shift", defined.start_ms, defined.end_ms)
    note = shifting.note(change.instant_ms)
    if note is None or not note.startswith(("shifted", "also")):
        return None
    when = in_zone(change.instant_ms, change.zone)
    time = note.rpartition(" ")[2]
    if defined.gap == "skip":
        becomes = 'it does not run; gap = "shift" has it run'
    elif note.startswith("also"):
        becomes = f"it runs once for both, at {when:%H:%M}; gap or another time changes that"
    else:
        becomes = f"it runs at {when:%H:%M}; another time, or tz = UTC, avoids that"
    return "forward", f"on {when:%Y-%m-%d} clocks go forward and {time} does not occur: {becomes}"


def _back(one: Planned, change: Transition) -> tuple[str, str] | None:
    """Says that a time which comes twice is run twice, if it is."""
    repeated_ms = (change.before_s - change.after_s) * 1000
    first_ms = one.calendar.next_ms(change.instant_ms - repeated_ms - 1)
    if one.definition.fold != "both" or first_ms is None or one.calendar.note(first_ms) != "first of two":
        return None
    when = in_zone(first_ms, change.zone)
    text = f'on {when:%Y-%m-%d} clocks go back and {when:%H:%M} comes twice: it runs twice; fold = "first" runs it once'
    return "back", text


def _of_steps(one: Planned) -> Iterator[Remark]:
    """Finds steps that begin anew before they come out even."""
    words = one.definition.expression.split()
    if words and words[0].partition("=")[0] in ("CRON_TZ", "TZ"):
        words = words[1:]
    if not 5 <= len(words) <= 7:
        return
    fields = _FIELDS if len(words) > 5 else _FIELDS[1:]
    for word, (what, size, around) in zip(words, fields, strict=False):
        for item in word.split(","):
            start, slash, step = item.partition("/")
            if not slash or start not in ("*", "0") or not step.isdecimal() or int(step) < 2:
                continue
            if size == 0 and start == "*":
                text = f"{item} in the {what} counts anew from the 1st of each {around}; so the last step is shorter"
            elif size and size % int(step):
                rest = size - (size - 1) // int(step) * int(step)
                text = f"{item} in the {what} does not divide {size}: the last step of each {around} is {rest}"
            else:
                continue
            yield Remark(one.name, "step", f"{text}; @every keeps equal distances")


def _of_task(one: Planned, tasks: Mapping[str, str]) -> Iterator[Remark]:
    task, queue = one.definition.task, one.definition.queue
    if task not in tasks:
        near = get_close_matches(task, tasks, n=1)
        mend = f"did you mean {near[0]}?" if near else "`mainspring tasks` lists those there are"
        yield Remark(one.name, "task", f"no executor has announced the task {task}; {mend}")
    elif tasks[task] != queue:
        text = f'its jobs go to the queue {queue}, although its task names {tasks[task]}; say queue = "{tasks[task]}"'
        yield Remark(one.name, "queue", f"{text}, or leave it so if that is meant")


def _of_crowds(schedules: Sequence[Planned], now_ms: int) -> Iterator[Remark]:
    if len(schedules) < CROWD_MIN:
        return
    for crowd in load(schedules, now_ms, CROWD_HOURS).collisions[:1]:
        if crowd.schedules >= CROWD_MIN:
            names = ", ".join(crowd.names[:NAMES_SHOWN_MAX])
            when = in_zone(crowd.instant_ms, "UTC")
            assert when.utcoffset() == timedelta(0), "told in UTC"
            text = f"{crowd.schedules} schedules fire at {when:%Y-%m-%d %H:%M:%S} UTC ({names}, …)"
            yield Remark("", "crowd", f"{text}; a jitter spreads them")
