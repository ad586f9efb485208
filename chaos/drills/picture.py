"""Draws a drill as SVG: acknowledged jobs a second and how long acknowledgements took, over time, with the faults.

Decides the looks. Must not know what a fault is. The latencies' axis is logarithmic, for a fault makes them a thousand
times as long.
"""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from ...nodes.bench.statistics import percentile
from .measures import Traces
from .scene import Mark

WIDE, LEFT, RIGHT, TOP, STRIP, BETWEEN, BOTTOM = 960, 70, 20, 40, 150, 40, 40
TALL: Final = TOP + 2 * STRIP + BETWEEN + BOTTOM
INK, DIM, GRID = "#1f2937", "#6b7280", "#e5e7eb"
ACKS, STARTS, MEDIAN, MOST, FAULT = "#1d4ed8", "#047857", "#7e22ce", "#c4b5fd", "#b91c1c"
BUCKETS_MAX: Final = 240
BUCKET_NS_MIN: Final = 200_000_000
"""The pace of the batches, so that they do not show as teeth."""
LABELS_MAX: Final = 14
LATENCY_MS: Final = (0.5, 20_000.0)


def drawn(found: Traces, marks: Sequence[Mark], title: str) -> str:
    """Returns the picture; of a drill in which nothing was acknowledged, an empty one."""
    if not found.acks:
        return _frame(title, "")
    begun, ended = found.acks[0][0], max(found.acks[-1][0], found.acks[0][0] + BUCKET_NS_MIN)
    step = BUCKET_NS_MIN * math.ceil((ended - begun) / BUCKETS_MAX / BUCKET_NS_MIN)
    count = (ended - begun) // step + 1
    jobs, late = [0.0] * count, [list[float]() for _ in range(count)]
    starts = [0.0] * count
    for at, took, size in found.acks:
        jobs[(at - begun) // step] += size / (step / 1e9)
        late[(at - begun) // step].append(took / 1e6)
    for at in found.starts:
        if begun <= at <= ended:
            starts[(at - begun) // step] += 1 / (step / 1e9)
    across = (WIDE - LEFT - RIGHT) / count
    parts = [_faults(marks, begun, ended)]
    top = max(*jobs, *starts, 1.0)
    parts += _strip_frame(TOP, "jobs a second", [(f"{share * top:,.0f}", share) for share in (0, 0.5, 1)])
    parts.append(_line([(at, value / top) for at, value in enumerate(starts)], TOP, across, STARTS))
    parts.append(_line([(at, value / top) for at, value in enumerate(jobs)], TOP, across, ACKS))
    low = TOP + STRIP + BETWEEN
    ticks = [
        (name, _latency(ms)) for name, ms in (("1 ms", 1), ("10 ms", 10), ("0.1 s", 100), ("1 s", 1e3), ("10 s", 1e4))
    ]
    parts += _strip_frame(low, "time to acknowledgement", ticks)
    for share, color in ((1.0, MOST), (0.5, MEDIAN)):
        line = [(at, _latency(percentile(values, share))) for at, values in enumerate(late) if values]
        parts.append(_line(line, low, across, color))
    parts += _seconds((ended - begun) / 1e9, low + STRIP)
    parts.append(_legend())
    return _frame(title, "".join(parts))


def _latency(ms: float) -> float:
    least, most = (math.log10(bound) for bound in LATENCY_MS)
    return min(1.0, max(0.0, (math.log10(max(ms, LATENCY_MS[0])) - least) / (most - least)))


def _line(points: Sequence[tuple[int, float]], top: float, across: float, color: str) -> str:
    joined = " ".join(f"{LEFT + (at + 0.5) * across:.1f},{top + STRIP * (1 - share):.1f}" for at, share in points)
    return f'<polyline points="{joined}" fill="none" stroke="{color}" stroke-width="1.5"/>\n'


def _faults(marks: Sequence[Mark], begun: int, ended: int) -> str:
    """Draws a band from each fault to its healing, and a line where it began."""
    parts: list[str] = []
    labelled = math.ceil(len(marks) / LABELS_MAX)
    bottom = TOP + 2 * STRIP + BETWEEN
    for number, mark in enumerate(marks):
        x1, x2 = (
            LEFT + (min(max(at, begun), ended) - begun) / (ended - begun) * (WIDE - LEFT - RIGHT)
            for at in (mark.begun_ns, mark.healed_ns or mark.begun_ns)
        )
        hint = f"<title>{escape(mark.text)}</title>"
        parts.append(
            f'<rect x="{x1:.1f}" y="{TOP}" width="{max(x2 - x1, 1):.1f}" height="{bottom - TOP}" fill="{FAULT}"'
            f' fill-opacity="0.12">{hint}</rect>\n'
            f'<line x1="{x1:.1f}" y1="{TOP - 4}" x2="{x1:.1f}" y2="{bottom}" stroke="{FAULT}"'
            f' stroke-dasharray="3 3"/>\n'
        )
        if number % labelled == 0:
            parts.append(_text(x1, TOP - 8, str(number + 1), anchor="middle", color=FAULT))
    return "".join(parts)


def _strip_frame(top: float, title: str, ticks: Sequence[tuple[str, float]]) -> list[str]:
    parts = [_text(LEFT, top - 22 if top > TOP else top - 24, title, color=INK)]
    for name, share in ticks:
        y = top + STRIP * (1 - share)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDE - RIGHT}" y2="{y:.1f}" stroke="{GRID}"/>\n')
        parts.append(_text(LEFT - 6, y + 4, name, anchor="end"))
    return parts


def _seconds(whole_s: float, y: float) -> list[str]:
    step = next((step for step in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600) if whole_s / step <= 12), 1800)
    return [
        _text(LEFT + at / whole_s * (WIDE - LEFT - RIGHT), y + 16, f"{at} s", anchor="middle")
        for at in range(0, int(whole_s) + 1, step)
    ]


def _legend() -> str:
    names = (
        ("acknowledged", ACKS),
        ("handlers begun", STARTS),
        ("median", MEDIAN),
        ("longest", MOST),
        ("fault", FAULT),
    )
    return "".join(_text(LEFT + 130 * at, TALL - 8, f"■ {name}", color=color) for at, (name, color) in enumerate(names))


def _text(x: float, y: float, text: str, *, anchor: str = "start", color: str = DIM) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(text)}</text>\n'


def _frame(title: str, body: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {TALL}" width="{WIDE}" height="{TALL}"'
        f' role="img" font-family="sans-serif" font-size="12">\n<title>{escape(title)}</title>\n'
        f'<rect width="{WIDE}" height="{TALL}" fill="#ffffff"/>\n{body}</svg>\n'
    )
