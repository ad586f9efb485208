"""Prints docs/protocol.md: messages, rows and errors, from broker/wire.

It must not know a message by what it does: its class says that. Only the shapes of the small rows, which have no
columns of their own in rows.py, are written here. The rule that reference pages are printed from code is the design
map's, section 2.
"""

import inspect
import re
from types import ModuleType, NoneType
from typing import Any, Final, cast, get_args, get_origin, get_type_hints

from ...actors.jobs.retry import ROW_FIELDS
from ...broker.wire import cluster_messages, limits, member_messages, rows, schedule_rows
from ...broker.wire.errors import ERRORS
from ...broker.wire.messages import MESSAGES, Message
from .markdown import flat, names, page, table
from .protocol_text import GOALS, LIMITS, SEQUENCES, WRONG_FRAMES
from .protocol_text_members import CLUSTERS
from .source_notes import notes

_TYPES: Final = {int: "integer", str: "text", bytes: "bytes", bool: "boolean", list: "array", NoneType: "nil"}

_DIRECTION: Final = re.compile(r"((?:Client|Coordinator|Executor|Member)[^.:]* to [^.:]+)[.:] (.+)")

_ROWS: Final = {
    ("ClientWelcome", "tasks"): "[name, queue, priority]",
    ("Submit", "jobs"): "JOB_COLUMNS",
    ("Submitted", "existing"): "[offset, id]",
    ("Cancelled", "codes"): "[id, code]",
    ("JobActed", "codes"): "[id, code]",
    ("Ended", "jobs"): "ENDED_COLUMNS",
    ("Listing", "rows"): "the columns that `columns` names",
    ("ScheduleSet", "schedules"): "SCHEDULE_COLUMNS",
    ("ScheduleChanged", "changes"): "CHANGE_COLUMNS",
    ("ExecutorHello", "tasks"): "TASK_COLUMNS",
    ("ExecutorHello", "schedules"): "SCHEDULE_COLUMNS",
    ("ExecutorHello", "held"): "HELD_COLUMNS",
    ("ExecutorHello", "epochs"): "[shard, epoch]",
    ("ExecutorWelcome", "lost"): "[id, attempt]",
    ("Credit", "windows"): "[runner kind, jobs]",
    ("Run", "jobs"): "RUN_COLUMNS",
    ("Finished", "results"): "RESULT_COLUMNS",
    ("Renew", "figures"): "[name, value]",
    ("CancelRun", "runs"): "[id, attempt]",
    ("ClusterMap", "members"): "[name, endpoint]",
    ("ClusterMap", "leaders"): "[shard, epoch, name or nil]",
    ("ClusterShown", "groups"): "GROUP_COLUMNS",
    ("ClusterActed", "codes"): "[shard, code, text]",
    ("Append", "entries"): "[term, entry]",
    ("SnapshotOffer", "members"): "CLUSTER_MEMBER_COLUMNS",
}
"""(message, field) -> what its rows hold."""

_ERROR_NOTES: Final = """\
`not_found` and `finished` stand in the rows of Cancelled. `disk_full` answers a Submit, a ScheduleSet or a ScheduleAct:
Finished, Cancel and the questions are taken on a full disk, too."""

_TYPES_ELSEWHERE: Final[dict[str, tuple[Any, ...]]] = {
    "SCHEDULE_COLUMNS": schedule_rows.SCHEDULE_TYPES,
    "CHANGE_COLUMNS": schedule_rows.CHANGE_TYPES,
    "HELD_COLUMNS": (int,) * 5,
    "ENDED_COLUMNS": (int, str, (str, NoneType), (str, NoneType), int, (int, NoneType)),
    "CLUSTER_MEMBER_COLUMNS": (str, str, str, int),
    "GROUP_COLUMNS": (int, str, int, (str, NoneType), int, int, int, int, int, str, list, list),
    "FOLLOWER_COLUMNS": (str, int, int, str),
}
"""The types of rows that are not checked in rows.py."""

_ROW_MODULES: Final = (rows, cluster_messages)


def printed() -> str:
    """Prints the page, in Markdown."""
    return page(
        GOALS,
        SEQUENCES,
        CLUSTERS,
        "## Wrong frames",
        table(("who", "gets", "does"), WRONG_FRAMES),
        LIMITS,
        "## Messages",
        table(
            ("kind", "message", "from, to"),
            [(cls.KIND, f"[{cls.__name__}](#{cls.__name__.lower()})", _told(cls)[0]) for cls in MESSAGES],
        ),
        *(block for cls in MESSAGES for block in _message(cls)),
        "## Rows",
        *(block for name in _columns() for block in _row(name)),
        "### Retry policy",
        f"A policy travels as five integers: {names(ROW_FIELDS)}. `jitter` is 0 for full, 1 for none.",
        "## Errors",
        "Definite: what was asked has not happened and will not. Indefinite: it may have happened.",
        table(
            ("code", "definite", "meaning", "mend"),
            [(f"`{e.code}`", "yes" if e.definite else "**no**", e.meaning, e.mend) for e in ERRORS.values()],
        ),
        _ERROR_NOTES,
        "## Bounds",
        table(
            ("bound", "value", "meaning"),
            [
                (f"`{name}`", f"{vars(module)[name]:_}", note)
                for module in (limits, member_messages)
                for name, note in notes(module).items()
            ],
        ),
    )


def _told(cls: type[Message]) -> tuple[str, str]:
    """Splits a message's docstring into its direction and its meaning."""
    told = _DIRECTION.match(flat(inspect.getdoc(cls) or ""))
    assert told, f"the docstring of {cls.__name__} does not begin with `From to whom: `"
    return told[1], told[2][0].upper() + told[2][1:]


def _message(cls: type[Message]) -> list[str | list[str]]:
    direction, meaning = _told(cls)
    hints = get_type_hints(cls)
    cells = [(f"`{name}`", _type(hints[name]), _rows_of(cls, name)) for name in cls.__slots__]
    return [f"### {cls.__name__}", f"Kind {cls.KIND}. {direction}. {meaning}", table(("field", "type", "rows"), cells)]


def _rows_of(cls: type[Message], field: str) -> str:
    is_rows = _type(get_type_hints(cls)[field]) == "list of rows"
    told = _ROWS.get((cls.__name__, field), "")
    assert is_rows == bool(told), f"what the rows of {cls.__name__}.{field} hold is not said, or said in vain"
    if told in _columns():
        return f"[`{told}`](#{told.lower()})"
    return f"`{told}`" if told.startswith("[") else told


def _type(hint: Any) -> str:
    """Returns a type in the words of the page."""
    if get_origin(hint) is list:
        item = get_args(hint)[0]
        return "list of rows" if get_origin(item) is list else f"list of {_TYPES[item]}s"
    if get_origin(hint) is dict:
        return "map of text to integer, text or nil"
    return " or ".join(_TYPES[kind] for kind in get_args(hint) or (hint,))


def _columns() -> dict[str, ModuleType]:
    """Finds the names of columns, and the module of each."""
    return {name: module for module in _ROW_MODULES for name in vars(module) if name.endswith("_COLUMNS")}


def _row(name: str) -> list[str | list[str]]:
    module = _columns()[name]
    columns: tuple[str, ...] = vars(module)[name]
    types: tuple[Any, ...] = _TYPES_ELSEWHERE.get(name) or vars(module)[f"_{name.removesuffix('COLUMNS')}TYPES"]
    cells = [
        (place, f"`{column}`", _kind(kind)) for place, (column, kind) in enumerate(zip(columns, types, strict=True))
    ]
    return [f"### {name}", notes(module)[name], table(("place", "column", "type"), cells)]


def _kind(kind: Any) -> str:
    kinds = cast("tuple[Any, ...]", kind if isinstance(kind, tuple) else (kind,))
    return " or ".join(_TYPES[one] for one in kinds)
