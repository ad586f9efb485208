"""Draws docs/lifecycle.svg: the states of a job and the moves between them, from actors/jobs/lifecycle.py.

It decides where a state stands and which way a line takes. Which lines there are, the table says: a move without a
way, or a way without a move, stops the printing. The rule that reference pages are printed from code is the design
map's, section 2.
"""

from typing import Final, NamedTuple

from ...actors.jobs.lifecycle import CANCELLED, DEAD, EXPIRED, LIVE, RUNNING, STATES, TERMINAL, TRANSITIONS

Point = tuple[int, int]

WIDTH, HEIGHT = 1000, 500
BOX_WIDTH, BOX_HEIGHT = 120, 40
WAITING, ENDED, BADLY = "waiting", "ended", "badly"
GROUPS: Final = {WAITING: LIVE - {RUNNING}, ENDED: TERMINAL, BADLY: frozenset({DEAD, CANCELLED, EXPIRED})}
"""Groups of states, the larger first: a move that all of them have is drawn once, from a frame around them."""
FRAMES: Final = {WAITING: (30, 56, 340, 222), ENDED: (624, 36, 366, 430), BADLY: (638, 126, 144, 276)}
"""Left, top, width and height of the frames."""
START: Final = (290, 24)

PLACES: Final[dict[str, Point]] = {
    "scheduled": (110, 116),
    "ready": (290, 167),
    "retrying": (110, 234),
    "running": (490, 167),
    "succeeded": (710, 70),
    "dead": (710, 167),
    "cancelled": (710, 290),
    "expired": (710, 360),
    "skipped": (910, 425),
    "discarded": (910, 200),
}
"""state -> the middle of its box."""


class Way(NamedTuple):
    """A line through these points; its text stands at `label`."""

    points: tuple[Point, ...]
    label: Point


WAYS: Final[dict[tuple[str, str, str], Way]] = {
    ("scheduled", "due", "ready"): Way(((170, 116), (290, 116), (290, 147)), (230, 109)),
    ("retrying", "due", "ready"): Way(((110, 214), (110, 167), (230, 167)), (170, 160)),
    (WAITING, "lease", "running"): Way(((370, 157), (430, 157)), (400, 150)),
    ("running", "return", "ready"): Way(((430, 178), (350, 178)), (400, 193)),
    ("running", "retry", "retrying"): Way(((470, 187), (470, 234), (170, 234)), (420, 228)),
    ("running", "succeed", "succeeded"): Way(((490, 147), (490, 70), (650, 70)), (570, 63)),
    ("running", "give_up", "dead"): Way(((550, 167), (650, 167)), (600, 160)),
    ("running", "stop", "cancelled"): Way(((510, 187), (510, 280), (650, 280)), (580, 273)),
    (WAITING, "cancel", "cancelled"): Way(((230, 278), (230, 300), (650, 300)), (440, 293)),
    (WAITING, "expire", "expired"): Way(((150, 278), (150, 360), (650, 360)), (440, 353)),
    (WAITING, "skip", "skipped"): Way(((80, 278), (80, 435), (850, 435)), (440, 449)),
    ("running", "skip", "skipped"): Way(((530, 187), (530, 415), (850, 415)), (580, 409)),
    (BADLY, "skip", "skipped"): Way(((782, 330), (910, 330), (910, 405)), (850, 323)),
    (BADLY, "discard", "discarded"): Way(((782, 200), (850, 200)), (815, 193)),
    (ENDED, "revive", "ready"): Way(((700, 466), (700, 482), (310, 482), (310, 187)), (500, 476)),
}
"""(from, event, to) -> its line."""

_HEAD = f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">
<title>The states of a job</title>
<desc>Printed from actors/jobs/lifecycle.py by python -m mainspring.nodes.docs</desc>
<rect x="0" y="0" width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>
<defs><marker id="tip" viewBox="0 0 10 10" refX="10" refY="5" markerWidth="8" markerHeight="8" orient="auto">\
<path d="M0,0 L10,5 L0,10 z" fill="#333333"/></marker></defs>
"""


def printed() -> str:
    """Prints the figure, as SVG."""
    assert set(PLACES) == set(STATES.values()), "a state has no place in the figure, or a place no state"
    moves = _moves()
    assert moves == set(WAYS), f"moves and ways differ: {sorted(moves ^ set(WAYS))}"
    parts = [
        *(_frame(name) for name in FRAMES),
        f'<circle cx="{START[0]}" cy="{START[1]}" r="7" fill="#333333"/>\n',
        _line(((START[0] - 7, START[1]), (110, START[1]), (110, 96))),
        _text((200, START[1] - 7), "submitted, due later"),
        _line(((START[0], START[1] + 7), (START[0], 147))),
        _text((START[0] + 8, 52), "submitted, due now", anchor="start"),
    ]
    for (_, event, _), way in WAYS.items():
        parts += [_line(way.points), _text(way.label, event)]
    parts += [_box(name) for name in STATES.values()]
    return _HEAD + "".join(parts) + "</svg>\n"


def _moves() -> set[tuple[str, str, str]]:
    """Returns the moves as they are drawn: one for a whole group, where all of its states have it."""
    moves: set[tuple[str, str, str]] = set()
    for (state, event), to in TRANSITIONS.items():
        groups = [
            name
            for name, states in GROUPS.items()
            if state in states and all(TRANSITIONS.get((other, event)) == to for other in states)
        ]
        moves.add((groups[0] if groups else STATES[state], event, STATES[to]))
    return moves


def _frame(name: str) -> str:
    left, top, width, height = FRAMES[name]
    text = "" if name == BADLY else _text((left + width - 10, top + 18), name, anchor="end", color="#666666")
    return (
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="10" fill="#f4f6f8" stroke="#999999"'
        f' stroke-dasharray="5 4"/>\n{text}'
    )


def _box(name: str) -> str:
    x, y = PLACES[name]
    ends = name in {STATES[number] for number in TERMINAL}
    fill, stroke = ("#e3e8ee", 2.5) if ends else ("#ffffff", 1.5)
    return (
        f'<rect x="{x - BOX_WIDTH // 2}" y="{y - BOX_HEIGHT // 2}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8"'
        f' fill="{fill}" stroke="#333333" stroke-width="{stroke}"/>\n' + _text((x, y + 5), name, size=15)
    )


def _line(points: tuple[Point, ...]) -> str:
    path = " ".join(f"{x},{y}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="#333333" stroke-width="1.5" marker-end="url(#tip)"/>\n'


def _text(at: Point, text: str, *, anchor: str = "middle", color: str = "#333333", size: int = 13) -> str:
    return (
        f'<text x="{at[0]}" y="{at[1]}" font-family="sans-serif" font-size="{size}" text-anchor="{anchor}"'
        f' fill="{color}">{text}</text>\n'
    )
