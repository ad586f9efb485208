"""The load ahead as a picture: a strip of cells for each schedule, bars for all together, marks where clocks change.

Decides how it is drawn, as SVG that fetches nothing. It must not know how the load was counted. Rule: whatever comes
from a schedule is escaped.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final
from xml.sax.saxutils import escape

from .preview import Transition, in_zone
from .preview_load import MINUTE_MS, Load

ROWS_MAX: Final = 40
NAME_CHARS_MAX: Final = 28
LEFT: Final = 210
"""Where the strips begin, right of the names."""
WIDE: Final = 864
TOP, BARS, ROW, GAP, FOOT = 48, 90, 16, 4, 64
MARGIN: Final = 16
STEPS: Final = ("#dbeafe", "#93c5fd", "#3b82f6", "#1d4ed8", "#172554")
"""Few jobs in a cell to many."""
INK, DIM, MARK, GROUND = "#1f2937", "#6b7280", "#dc2626", "#f3f4f6"
NEAR_AN_END: Final = 0.2
"""Nearer to an end than this share of the width, a mark's text goes to one side."""
_TICKS_MAX: Final = 12
_TICK_HOURS: Final = (1, 2, 3, 4, 6, 12, 24, 48, 72, 96, 168)


def drawn(load: Load, transitions: Sequence[Transition], zone: str) -> str:
    """Draws the load.

    Args:
        load: what to draw.
        transitions: when clocks change.
        zone: of the times under the strips.
    """
    rows = load.each[:ROWS_MAX]
    strips_top = TOP + BARS + 2 * GAP
    bottom = strips_top + len(rows) * (ROW + GAP)
    height, width = bottom + FOOT, LEFT + WIDE + MARGIN
    most = max((max(cells) for _, cells in rows), default=0.0)
    title = f"{load.total} jobs in {len(load.minutes) // 60} hours; at most {_number(load.peak)} in a minute"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img">\n<title>{escape(title)}</title>\n'
        f'<rect x="0" y="0" width="{width}" height="{height}" fill="#ffffff"/>\n'
    )
    parts = [
        head,
        _text(MARGIN, 24, title, size=15),
        _bars(load),
        *_ticks(load, zone, bottom),
    ]
    for number, (one, cells) in enumerate(rows):
        top = strips_top + number * (ROW + GAP)
        parts.append(_text(LEFT - 8, top + ROW - 4, _shortened(one.name), anchor="end", hint=one.name))
        parts.append(_strip(top, cells, most))
    for instant_ms, together in groupby(transitions, key=lambda transition: transition.instant_ms):
        parts.append(_mark(load, instant_ms, list(together), bottom))
    parts.append(_text(MARGIN, height - 12, _remark(load, len(rows)), color=DIM))
    return "".join(parts) + "</svg>\n"


def _bars(load: Load) -> str:
    """Draws the most jobs a minute, for as many minutes as a cell has, all schedules together."""
    wide = WIDE / -(-len(load.minutes) // load.cell_minutes)
    peak = load.peak or 1.0
    parts = [f'<rect x="{LEFT}" y="{TOP}" width="{WIDE}" height="{BARS}" fill="{GROUND}"/>\n']
    for number, start in enumerate(range(0, len(load.minutes), load.cell_minutes)):
        most = max(load.minutes[start : start + load.cell_minutes])
        if most:
            tall = max(1.0, most / peak * BARS)
            parts.append(_box(LEFT + number * wide, TOP + BARS - tall, wide, tall, STEPS[3]))
    parts.append(_text(LEFT - 8, TOP + 10, f"{_number(load.peak)} a minute", anchor="end", color=DIM))
    parts.append(_text(LEFT - 8, TOP + BARS, "all together", anchor="end"))
    return "".join(parts)


def _strip(top: float, cells: Sequence[float], most: float) -> str:
    wide, place = WIDE / len(cells), 0
    parts = [_box(LEFT, top, WIDE, ROW, GROUND)]
    for color, run in groupby(_color(count, most) for count in cells):
        length = len(list(run))
        if color:
            parts.append(_box(LEFT + place * wide, top, length * wide, ROW, color))
        place += length
    return "".join(parts)


def _color(count: float, most: float) -> str:
    if not count:
        return ""
    if most <= 1:
        return STEPS[2]
    return STEPS[min(len(STEPS) - 1, int(count / most * len(STEPS)))]


def _ticks(load: Load, zone: str, bottom: float) -> list[str]:
    """Draws times under the strips, at whole hours of the zone."""
    hours = len(load.minutes) // 60
    step = next((step for step in _TICK_HOURS if hours / step <= _TICKS_MAX), _TICK_HOURS[-1])
    parts: list[str] = []
    for minute in range(len(load.minutes)):
        at = in_zone(load.start_ms + minute * MINUTE_MS, zone) if minute % 15 == 0 or minute < 60 else None
        if at is None or at.minute or (at.hour % step if step < 24 else at.hour or at.toordinal() % (step // 24)):
            continue
        x = LEFT + minute * WIDE / len(load.minutes)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#d1d5db" stroke-width="1"/>\n')
        parts.append(_text(x, bottom + 14, f"{at:%H:%M}" if at.hour else f"{at:%d %b}", anchor="middle", color=DIM))
    parts.append(_text(LEFT + WIDE, bottom + 30, zone, anchor="end", color=DIM))
    return parts


def _mark(load: Load, instant_ms: int, together: Sequence[Transition], bottom: float) -> str:
    place = (instant_ms - load.start_ms) / (len(load.minutes) * MINUTE_MS)
    if not 0 <= place <= 1:
        return ""
    x = LEFT + place * WIDE
    anchor = "start" if place < NEAR_AN_END else "end" if place > 1 - NEAR_AN_END else "middle"
    text = told(together[0]) + (f", and {len(together) - 1} more" if len(together) > 1 else "")
    return (
        f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{bottom}" stroke="{MARK}" stroke-width="2"'
        f' stroke-dasharray="4 3"/>\n' + _text(x, TOP - 10, text, anchor=anchor, color=MARK)
    )


def told(transition: Transition) -> str:
    """Says in a few words what the clocks do."""
    minutes = abs(transition.after_s - transition.before_s) // 60
    by = f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
    return f"{transition.zone}: clocks go {'forward' if transition.after_s > transition.before_s else 'back'} {by}"


def _remark(load: Load, rows: int) -> str:
    cell = "a cell is a minute" if load.cell_minutes == 1 else f"a cell is {load.cell_minutes} minutes"
    parts = [f"{cell}; the darker, the more jobs"]
    if len(load.each) > rows:
        parts.append(f"{len(load.each) - rows} calmer schedules are not drawn")
    if load.spread:
        parts.append(f"{len(load.spread)} busy ones are spread evenly over each hour")
    return "; ".join(parts)


def _box(x: float, y: float, width: float, height: float, color: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.2f}" height="{height:.1f}" fill="{color}"/>\n'


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", color: str = INK, size: int = 12, hint: str = ""
) -> str:
    title = f"<title>{escape(_printable(hint))}</title>" if hint else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-family="sans-serif" font-size="{size}" text-anchor="{anchor}"'
        f' fill="{color}">{title}{escape(_printable(text))}</text>\n'
    )


def _printable(text: str) -> str:
    """Takes out what XML cannot hold."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _shortened(name: str) -> str:
    return name if len(name) <= NAME_CHARS_MAX else f"{name[: NAME_CHARS_MAX - 1]}…"


def _number(count: float) -> str:
    return f"{count:g}" if count == int(count) else f"{count:.1f}"
