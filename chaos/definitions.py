"""Definitions of schedules as people write them: of every kind, and often a little unwise.

Decides what is drawn. Must not know who defines them, nor what becomes of them. Rule: what would make more jobs than a
world can run is not drawn, for a world has to come to rest.
"""

from typing import Any

from ..actors.draws import Draws
from ..actors.schedules.schedule import Definition
from .history import payload_for

EXPRESSIONS: tuple[tuple[str, int], ...] = (
    ("* * * * * *", 1),
    ("* * * * * *", 1),
    ("* * * * * *", 1),
    ("*/2 * * * * *", 2),
    ("*/2 * * * * *", 2),
    ("*/2 * * * * *", 2),
    ("*/3 * * * * *", 3),
    ("*/5 * * * * *", 5),
    ("@every 3s", 3),
    ("@every 7s", 7),
    ("7-50/9 * * * * *", 9),
    ("*/4 * 1,2,3 * * *", 4),
    ("15,45 * * * * *", 30),
    ("* * * * *", 60),
    ("*/2 * * * *", 60),
    ("5 */2 * * * *", 60),
    ("0 0 1-3 * * *", 3_600),
    ("0 59 1 * * *", 3_600),
    ("30 0,30 2 * * *", 3_600),
    ("@hourly", 3_600),
    ("@reboot", 3_600),
    ("@reboot", 3_600),
    ("CRON_TZ=Asia/Kathmandu 20 * * * * *", 60),
)
"""(expression, seconds between its instants, about)."""

ZONES = ("UTC", "UTC", "America/New_York", "Europe/Berlin")
JOBS = (("work", "default"), ("io", "default"), ("rare", "special"), ("work", "special"))
INVALID: tuple[dict[str, Any], ...] = (
    {"expression": "61 * * * * *"},
    {"expression": "* * * *"},
    {"expression": "0 25 * * *"},
    {"zone": "Europe/Atlantis", "expression": "* * * * *"},
    {"overlap": "both"},
    {"tenant": "nobody"},
    {"jitter_ms": -1},
    {"start_ms": 2_000_000, "end_ms": 1_000_000},
    {"runs_max": 0},
)
"""Fields that make any definition one that is refused."""


def drawn_definition(draws: Draws, name: str, wall_ms: int) -> Definition:
    """Draws a definition; `wall_ms` is what its author's clock shows."""

    def pick(*choices: Any) -> Any:
        return choices[draws.below(len(choices))]

    expression, every_s = EXPRESSIONS[draws.below(len(EXPRESSIONS))]
    task, queue = JOBS[draws.below(len(JOBS))]
    overlap = pick("skip", "allow", "buffer_one")
    plan, timeout_ms = _plan(draws, overlap, every_s)
    start_ms = pick(None, None, None, None, wall_ms + draws.below(8_000) - 4_000)
    end_ms = pick(None, None, None, None, None, max(start_ms or 0, wall_ms) + draws.below(20_000))
    return Definition(
        name=name,
        tenant="default",
        queue=queue,
        task=task,
        payload=payload_for(f"tick-{name}", plan),
        priority=pick(0, 0, 5),
        retry=pick(None, None, [draws.below(3), 10 + draws.below(200), 1500, 800, draws.below(2)]),
        timeout_ms=timeout_ms,
        expression=expression,
        zone=pick(*ZONES),
        fold=pick("first", "last", "both"),
        gap=pick("shift", "skip"),
        start_ms=start_ms,
        end_ms=end_ms,
        jitter_ms=pick(0, 0, draws.below(900), draws.below(min(every_s, 20) * 2_000)),
        catch_up=pick("skip", "latest", "all"),
        window_ms=pick(0, 500, 5_000, 20_000) if every_s < 60 else pick(0, 60_000, 3_600_000),
        grace_ms=pick(0, 200, 1_500, 6_000),
        overlap=overlap,
        runs_max=pick(None, None, None, None, 1 + draws.below(6)),
        paused=(None, False, True)[max(draws.below(16) - 13, 0)],
        note=None,
    )


def _plan(draws: Draws, overlap: str, every_s: int) -> tuple[str, int | None]:
    """Draws what a job does, and its timeout; where jobs may pile up they are short."""
    if overlap == "allow" and every_s < 60:
        return f"succeed:{draws.below(120)}", None
    plan = ("succeed", "succeed", "succeed", "succeed", "flaky", "fail", "fatal", "crash", "hang")[draws.below(9)]
    length_ms = draws.below(40) if draws.below(3) == 0 else draws.below(3_500)
    timeout_ms = 200 + draws.below(2_500) if plan == "hang" or draws.below(6) == 0 else None
    return f"{plan}:{length_ms}", timeout_ms


def edited(draws: Draws, old: Definition, wall_ms: int) -> Definition:
    """Draws a change of one or a few fields of a definition."""
    other = drawn_definition(draws, old.name, wall_ms)
    fields = (
        ("note",),
        ("jitter_ms",),
        ("expression",),
        ("zone", "fold", "gap"),
        ("overlap",),
        ("catch_up", "window_ms", "grace_ms"),
        ("runs_max",),
        ("paused",),
        ("start_ms", "end_ms"),
        ("queue", "priority"),
    )[draws.below(10)]
    if fields == ("note",):
        return old._replace(note=f"note {draws.below(1_000)}")
    if fields == ("overlap",) and other.overlap == "allow":
        fields = ("overlap", "payload", "timeout_ms", "expression")  # its jobs may be too long for that
    if fields == ("expression",) and old.overlap == "allow":
        fields = ("expression", "payload", "timeout_ms", "overlap")
    return old._replace(**{name: getattr(other, name) for name in fields})
