"""`mainspring preview`: what schedules will do, before they do it.

Decides what is looked at: an expression, a file of schedules, or those of the running node. It must not know how the
times are found (nodes/schedules) nor how they are printed (preview_pages.py).
"""

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ...broker.wire.limits import JITTER_MS_MAX
from ...broker.wire.rows import FOLDS, GAPS
from ..schedules.picture import drawn
from ..schedules.preview import HOUR_MS, Planned, definition, of_listing, of_rows, planned, transitions, upcoming
from ..schedules.preview_load import HOURS_MAX, load
from ..spans import parse_duration
from .connection import Url, connected
from .errors import CommandError
from .formats import parse_instant
from .output import Json, show_json
from .preview_pages import Change, Preview, show, told

if TYPE_CHECKING:
    from ...broker.net.client import Client

COUNT_DEFAULT: Final = 10
COUNT_MAX: Final = 10_000
PAGE: Final = 1000
PROBE_S: Final = 2.0
"""How long a node is asked what a file changes, where nobody has asked for it."""


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None


def _span_ms(text: str) -> int:
    try:
        ms = round(parse_duration(text) * 1000)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None
    if ms > JITTER_MS_MAX:
        raise typer.BadParameter(f"{text} is more than a day; give a shorter jitter")
    return ms


Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="EXPR|FILE",
        help="A cron expression in quotes, or a file of schedules; the node's schedules, if not given.",
        show_default=False,
    ),
]
Zone = Annotated[str | None, typer.Option("--tz", metavar="ZONE", help="The time zone of EXPR; UTC, if not given.")]
Fold = Annotated[
    str | None,
    typer.Option(metavar="RULE", help=f"Of EXPR, when clocks go back: {', '.join(FOLDS)}; first, if not given."),
]
Gap = Annotated[
    str | None,
    typer.Option(metavar="RULE", help=f"Of EXPR, when clocks go forward: {', '.join(GAPS)}; shift, if not given."),
]
Jitter = Annotated[
    int | None, typer.Option(metavar="SPAN", help="Of EXPR: put off by so much at the most.", parser=_span_ms)
]
After = Annotated[
    datetime | None,
    typer.Option(metavar="TIME", help="Look from then on: ISO 8601, local without offset.", parser=_instant),
]
Count = Annotated[int, typer.Option(metavar="N", help="How many times to list.", min=1, max=COUNT_MAX)]
Hours = Annotated[int, typer.Option(metavar="H", help="How far to count the load.", min=1, max=HOURS_MAX)]
Picture = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Draw the load as SVG into this file.", show_default=False)
]


def command(
    words: Words = None,
    tz: Zone = None,
    fold: Fold = None,
    gap: Gap = None,
    jitter: Jitter = None,
    after: After = None,
    count: Count = COUNT_DEFAULT,
    hours: Hours = 24,
    picture: Picture = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Look ahead: the next times, clock changes, collisions, and the load of each minute.

    Nothing is changed, and without a node an expression or a file is looked at just as well. Of a file is shown, too,
    how the node's load changes with it, if a node is found. Paused schedules count as if they ran.

    Example: mainspring preview "30 2 * * *" --tz Europe/Riga --after 2026-10-24
    """
    target = _target(words)
    after_ms = int((time.time() if after is None else after.timestamp()) * 1000)
    is_file = target is not None and _is_file(target)
    of_expression = {"--tz": tz, "--fold": fold, "--gap": gap, "--jitter": jitter}
    given = next((name for name, value in of_expression.items() if value is not None), None)
    if given is not None and (target is None or is_file):
        raise typer.BadParameter(f"{given} goes with an expression; schedules have their own")
    change = None
    if target is None:
        title, schedules = "the node's schedules", _of_node(url)
    elif is_file:
        title = target
        schedules, change = _of_file(Path(target), url, after_ms, hours)
    else:
        title = target
        schedules = [_of_expression(target, tz or "UTC", fold or FOLDS[0], gap or GAPS[0], jitter or 0)]
    _show(title, schedules, after_ms, count, hours, picture, change, as_json=json)


def _show(
    title: str,
    schedules: list[Planned],
    after_ms: int,
    count: int,
    hours: int,
    picture: Path | None,
    change: Change | None,
    *,
    as_json: bool,
) -> None:
    times = upcoming(schedules, after_ms, count)
    counted = load(schedules, after_ms, hours)
    until_ms = max(after_ms + hours * HOUR_MS, times[-1].instant_ms if times else 0)
    changes = transitions(schedules, after_ms, until_ms)
    if picture is not None:
        _draw(picture, drawn(counted, changes, schedules[0].calendar.expression.zone if schedules else "UTC"))
    found = Preview(title, schedules, after_ms, hours, times, counted, changes, change, picture)
    if as_json:
        show_json(told(found))
    else:
        show(found)


def _draw(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}; give another file for the picture") from None


def _target(words: list[str] | None) -> str | None:
    if words is not None and len(words) > 1:
        raise typer.BadParameter("put the expression in quotes, or the shell makes file names of its stars")
    return words[0] if words else None


def _is_file(target: str) -> bool:
    """Says whether a file is meant: an expression has blanks, or begins with an @."""
    return target.endswith(".toml") or (" " not in target and not target.startswith("@") and Path(target).exists())


def _of_node(url: str | None) -> list[Planned]:
    with connected(url) as client:
        return of_listing(all_schedules(client))


def _of_expression(text: str, zone: str, fold: str, gap: str, jitter_ms: int) -> Planned:
    try:
        return planned(definition(text, zone, fold=fold, gap=gap, jitter_ms=jitter_ms))
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None


def _of_file(path: Path, url: str | None, after_ms: int, hours: int) -> tuple[list[Planned], Change | None]:
    from ..schedules.load import load_schedules

    declared = load_schedules(path)
    schedules = of_rows(declared.rows, declared.source)
    now = _now_on_node(url)
    if now is None:
        return schedules, None
    taken = {one.name for one in schedules}
    kept = [one for one in now if one.source != declared.source and one.name not in taken]
    return schedules, Change(load(now, after_ms, hours), load([*kept, *schedules], after_ms, hours))


def _now_on_node(url: str | None) -> list[Planned] | None:
    """Returns the node's schedules; None if none is found and nobody has named one."""
    from ...broker.tasks.exceptions import MainspringError

    try:
        with connected(url, PROBE_S) as client:
            return of_listing(all_schedules(client))
    except (MainspringError, CommandError):
        if url is not None:
            raise
        return None


def all_schedules(client: "Client") -> list[dict[str, Any]]:
    """Lists all schedules of the node."""
    found: list[dict[str, Any]] = []
    after: dict[str, Any] = {}
    while True:
        columns, rows, more = client.listing("schedules", limit=PAGE, **after)
        page = sorted((dict(zip(columns, row, strict=True)) for row in rows), key=_place)
        if not more:
            return found + page
        # Each shard has cut its own part: what all of them have told reaches as far as the shortest one at least.
        last = _place(page[PAGE - 1])
        found += [row for row in page if _place(row) <= last]
        after = dict(zip(("after_name", "after_tenant", "after_schedule"), last, strict=True))


def _place(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["name"], row["tenant"], row["schedule"]
