"""Decides how a fault in a node's settings is told: where it is, what was given, and what would be right.

It must not know what any setting means, nor how a file is read.
The rule (a fault names itself and its mend, and all faults of a file come at once) is promise P7.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import cast

KeyPath = tuple[str | int, ...]
"""Keys and list indexes from the top of a document, such as `("executor", 0, "name")`."""

VALUE_CHARS_MAX = 60
FAULTS_SHOWN_MAX = 50


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        where: The file, or the environment variable, that holds the fault.
        line: The line in the file, from 1; None where there is none to name.
        column: The column in that line, from 1; known for syntax errors only.
        key: The path of the key, as `key_text` shows it; empty for a fault of the file as a whole.
        value: The given value, as `value_text` shows it; None when nothing was given.
        text: What is wrong, and what would be right.
    """

    where: str
    line: int | None
    column: int | None
    key: str
    value: str | None
    text: str

    def __str__(self) -> str:
        """Writes the fault on one line: `file:line:column: key = value: text`."""
        where = self.where if self.where.isprintable() else value_text(self.where)
        place = ":".join([where, *(str(n) for n in (self.line, self.column) if n is not None)])
        given = self.key if self.value is None else f"{self.key} = {self.value}".removeprefix(" = ")
        return ": ".join(part for part in (place, given, self.text) if part)


class SettingsError(ValueError):
    """A node's settings cannot be used; the text lists every fault found.

    Attributes:
        faults: The faults, in the order of their lines; at least one.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Builds the error; `faults` must not be empty."""
        assert faults, "a settings error names at least one fault"
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__(_told(self.faults))


def _told(faults: tuple[Fault, ...]) -> str:
    if len(faults) == 1:
        return str(faults[0])
    rows = [f"  {fault}" for fault in faults[:FAULTS_SHOWN_MAX]]
    if len(faults) > FAULTS_SHOWN_MAX:
        rows.append(f"  and {len(faults) - FAULTS_SHOWN_MAX} more; mend these first")
    return "\n".join([f"{faults[0].where} has {len(faults)} faults:", *rows])


def key_text(path: KeyPath) -> str:
    """Writes a key path as TOML does, with list indexes from 0: `executor[0].name`."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
            continue
        bare = part != "" and all(c.isascii() and (c.isalnum() or c in "_-") for c in part)
        out += ("." if out else "") + (part if bare else _quoted(part))
    return _shortened(out, 2 * VALUE_CHARS_MAX)


def value_text(value: object) -> str:
    """Writes a value in the manner of TOML, shortened to `VALUE_CHARS_MAX` characters."""
    return _shortened(_toml(value, 0), VALUE_CHARS_MAX)


def _toml(value: object, depth: int) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | Path():
            return _quoted(str(value)[: 2 * VALUE_CHARS_MAX])
        case int():
            return f"{value:_}" if value.bit_length() < 256 else "a whole number of more than 70 digits"
        case float():
            return f"{value:_.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)
        case list() | tuple():
            items = list(cast("Sequence[object]", value))
            shown = "…" if depth > 3 else ", ".join(_toml(item, depth + 1) for item in items[:VALUE_CHARS_MAX])
            return f"[{shown}]"
        case dict():
            return "a table"
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return repr(value)


def _quoted(text: str) -> str:
    # Lone surrogates come from undecodable environment bytes; they must not break the printing of the error.
    shown = json.dumps(text, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")
    # Nor must anything that a terminal obeys, such as a mark that turns the direction of writing.
    return shown if shown.isprintable() else json.dumps(text)


def _shortened(text: str, chars_max: int) -> str:
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"
