"""Decides how a TOML file is read and parsed, and how a fault of the file itself or of its syntax is told.

It must not know what any key means.
The syntax is TOML 1.0 as the standard library reads it; the mends answer its most frequent complaints.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from .errors import Fault, SettingsError


class FileKind(NamedTuple):
    """What is bounded in a kind of file, and what the texts call it."""

    name: str
    bytes_max: int
    large: str
    """What is wrong with more bytes."""
    deep: str
    """What is wrong with more nesting than the parser bears."""


NODE_FILE = FileKind(
    "a node's TOML file", 1024 * 1024, "a node's file is far smaller", "no setting has more than two levels"
)

_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")
_MENDS = {
    "Invalid value": 'texts need quotes ("info"), true and false are lower case, and each [ needs its ]',
    "Cannot overwrite a value": "the key is given twice; keep one of them",
    "Cannot declare": "the table is given twice; put its keys under one header",
    "Expected '=' after a key": "write key = value",
    "Expected newline or end of document": "give each key a line of its own, and put texts in quotes",
    "Unescaped '\\' in a string": "write \\\\ for a backslash, or put the text in single quotes",
    "Unclosed array": "close the list with ]",
    "Unterminated string": "close the text with a quote",
    "Illegal character": "close the text with a quote on the same line",
}


def read_text(where: str, kind: FileKind = NODE_FILE) -> str:
    """Reads a file.

    Args:
        where: The path of the file.
        kind: What it is to be.

    Raises:
        SettingsError: There is no such file, or it cannot be read, is too large, or is not UTF-8.
    """
    try:
        with Path(where).open("rb") as file:
            content = file.read(kind.bytes_max + 1)
    except FileNotFoundError:
        raise _error(where, f"no such file: give the path of {kind.name}, or let `mainspring init` write one") from None
    except IsADirectoryError:
        raise _error(where, "is a folder: give the path of the TOML file in it") from None
    except PermissionError:
        raise _error(where, "this user may not read it: change its mode or its owner") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise _error(where, f"cannot be read ({why}): give the path of {kind.name}") from None
    if len(content) > kind.bytes_max:
        raise _error(where, f"has more than {kind.bytes_max:_} bytes: {kind.large}")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        text = f"byte 0x{content[error.start]:02x} is not UTF-8: save the file in that encoding"
        raise _error(where, text, line) from None


def parse(where: str, text: str, kind: FileKind = NODE_FILE) -> dict[str, Any]:
    """Parses the text of a file.

    Raises:
        SettingsError: It is not TOML; the error has the line and the column.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _error(where, f"lists or tables are nested too deeply: {kind.deep}") from None
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(where, text, str(error)) from None
    except ValueError:
        # Python refuses to convert integers of thousands of digits.
        long = re.search(r"[0-9_]{4300}", text)
        line = text.count("\n", 0, long.start()) + 1 if long else None
        raise _error(where, "a number has thousands of digits: give a smaller one", line) from None


def _syntax_error(where: str, text: str, told: str) -> SettingsError:
    found = _PLACE.search(told)
    told = _PLACE.sub("", told)
    mend = next((mend for start, mend in _MENDS.items() if told.startswith(start)), None)
    if text.startswith("\ufeff"):
        mend = "the file begins with a byte order mark; save it as UTF-8 without one"
    line = column = None
    if found is not None and found["line"] is not None:
        line, column = int(found["line"]), int(found["column"])
    elif found is not None:
        rows = text.split("\n")
        line, column = len(rows), len(rows[-1]) + 1
    if told.startswith("Cannot declare"):  # it goes on with a Python tuple
        told = "Cannot declare a table twice"
    what = told[:1].lower() + told[1:]
    return _error(where, f"not TOML: {what}" + (f": {mend}" if mend else ""), line, column)


def _error(where: str, text: str, line: int | None = None, column: int | None = None) -> SettingsError:
    return SettingsError([Fault(where, line, column, "", None, text)])
