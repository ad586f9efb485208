"""Makes a failing world small: as few faults, nodes and requests as still break the same invariant.

Decides what is tried and in which order: the largest steps first, each kept if the world still fails. The seed stays,
so what is left is told, and run again, as changes to what the seed draws. Rule: Hildebrandt and Zeller, "Simplifying
and Isolating Failure-Inducing Input" (2002), in its simplest form.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from .cluster_options import CLUSTER_WEATHERS
from .network import CALM
from .options import Options
from .simulate import Report, run

LEAST = {
    "schedules": 0,
    "schedule_acts": 0,
    "spares": 0,
    "clients": 1,
    "executors": 1,
    "shards": 1,
    "submits": 1,
    "burst_jobs": 1,
    "faulty_ms": 1_000,
    "drift_ppm": 0,
    "wall_off_ms": 0,
    "jump_ms": 1_000,
}
"""What may grow smaller, and how far; the first ones make the world most easy to read."""


class BadChange(ValueError):
    """A change of options that cannot be made; the text says why."""


def violated(report: Report) -> str:
    """Returns the name of the invariant that a report says was violated; empty if it is clean."""
    return (report.violation or "").partition(":")[0]


def shrink(report: Report, options: Options, tried: Callable[[], None] = lambda: None) -> tuple[Report, Options]:
    """Returns the smallest world found that violates the same invariant.

    Args:
        report: of a failing run.
        options: of that run.
        tried: called after each run.
    """
    name = violated(report)
    assert name, "a clean run has nothing to keep"
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for candidate in smaller(options):
            found = run(candidate.seed, candidate)
            tried()
            if violated(found) == name:
                report, options, is_smaller = found, candidate, True
                break
    return report, options


def smaller(options: Options) -> Iterator[Options]:
    """Yields worlds that have one thing less."""
    if options.weather_name != "calm":
        yield replace(options, weather_name="calm", weather=CALM, weather_healed=CALM)
    half = len(options.faults) // 2
    if half > 1:
        yield replace(options, faults=options.faults[:half])
        yield replace(options, faults=options.faults[half:])
    for fault in options.faults:
        yield replace(options, faults=tuple(other for other in options.faults if other != fault))
    for name, least in LEAST.items():
        value: int = getattr(options, name)
        for less in dict.fromkeys((least, (value + least) // 2)):
            if less < value:
                yield replace(options, **{name: less})


def changes(drawn: Options, options: Options) -> list[str]:
    """Returns what distinguishes a world from the one that its seed draws, as texts `name=value`."""
    before, after = drawn.shown(), options.shown()
    names = [name for name, value in after.items() if value != before[name] and name != "weather_healed"]
    return [f"{name}={_text(after[name])}" for name in names]


def changed(options: Options, texts: Sequence[str]) -> Options:
    """Makes the changes that `changes` has told.

    Raises:
        BadChange: there is no such option, or it has no such value.
    """
    for text in texts:
        name, _, value = text.partition("=")
        if name == "weather_name" and value in CLUSTER_WEATHERS:
            weather = CLUSTER_WEATHERS[value]
            options = replace(options, weather_name=value, weather=weather, weather_healed=CALM)
            continue
        known = options.shown().get(name)
        try:
            options = replace(options, **{name: _value(known, value)})
        except (ValueError, TypeError):
            names = ", ".join(options.shown())
            raise BadChange(f"{text!r} changes nothing: give NAME=VALUE with a number, or a name of {names}") from None
    return options


def _text(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)  # pyright: ignore[reportUnknownArgumentType]  (of texts)


def _value(known: Any, text: str) -> Any:
    match known:
        case bool():
            return {"True": True, "False": False}[text]
        case int():
            return int(text)
        case tuple():
            return tuple(filter(None, text.split(",")))
        case str():
            return text
        case _:
            raise ValueError(text)
