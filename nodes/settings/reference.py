"""Decides how the reference of all settings is laid out; its content is the models' own.

It must not know any setting by name: what is printed is what is read, so the page cannot drift.
The rule that reference pages are printed from code is the design map's, section 2.
"""

from typing import Any, cast

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .errors import value_text
from .faults import fields_by_key, sections
from .models import NodeSettings
from .wanted import sections_in, wanted

UNITS = {
    "ms": "milliseconds",
    "s": "seconds",
    "bytes": "bytes",
    "pages": "pages",
    "jobs": "jobs",
    "slots": "jobs",
}

_INTRODUCTION = """\
# Configuration

A node reads one TOML file: `mainspring node FILE`. Every key may be left out. A file with a fault starts
nothing; all its faults are told at once, each with its line. `mainspring init DIR` writes a commented
sample, and `mainspring up` runs a node without any file, with the defaults below and two executor processes.

Units stand at the end of a key's name. A relative path is relative to the folder of the file. Numbers may be
written with underscores: `1_000_000`.

| environment variable | used for |
|---|---|
| `MAINSPRING_TASKS` | task modules, by commas, of the built-in node and of executors without `tasks` |

This page is printed from the code by `python -m mainspring.nodes.docs`.
"""


def page() -> str:
    """Prints the reference page, in Markdown."""
    return "\n".join([_INTRODUCTION, *tables(NodeSettings)])


def tables(root: type[BaseModel]) -> list[str]:
    """Prints every table of a kind of file; `root` is the model of the whole file."""
    return [_section(header, model) for header, model in sections(root)]


def _section(header: str, model: type[BaseModel]) -> str:
    purpose = (model.__doc__ or "").strip()
    rows = [_row(key, field) for key, field in fields_by_key(model).items() if sections_in(field.annotation) is None]
    table = ["| key | value | unit | default | what it does |", "|---|---|---|---|---|", *rows]
    return "\n".join([f"## `{header}`", "", purpose, "", *table, ""])


def _row(key: str, field: FieldInfo) -> str:
    cells = (
        f"`{key}`",
        _cell(wanted(field)),
        unit_of(key),
        _default(key, field),
        _cell(field.description or ""),
    )
    return f"| {' | '.join(cells)} |"


def unit_of(key: str) -> str:
    """Reads the unit off a key's name; empty where it has none."""
    parts = key.removesuffix("_max").split("_")
    return next((UNITS[part] for part in reversed(parts) if part in UNITS), "")


def _default(key: str, field: FieldInfo) -> str:
    extra = cast("dict[str, Any] | None", field.json_schema_extra) or {}
    if told := extra.get("default"):
        return _cell(str(told))
    value: Any = field.get_default(call_default_factory=True)
    text = f"`{value_text(value)}`"
    size = f" ({value // 2**20} MiB)" if unit_of(key) == "bytes" and value % 2**20 == 0 else ""
    return _cell(text) + size


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
