"""Decides on which line of a TOML text each key and each list item stands.

It must not know what any key means, nor judge: the text has passed tomllib, which keeps no positions.
The rule is the grammar of TOML 1.0, read for its structure only; values are stepped over, not decoded.
"""

import re
import tomllib
from bisect import bisect_right
from contextlib import suppress

from .errors import KeyPath

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\n]+")
_ONE_LINE_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|' + r"'[^'\n]*'")
# The closing delimiter may be preceded by one or two quotes that belong to the text.
_LONG_STRING = re.compile(r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}|' + r"'''(?:[^']|'{1,2}(?!'))*'{3,5}", re.DOTALL)


class _UnreadableError(Exception):
    """The text is not the valid TOML that the caller said it was."""


def key_lines(text: str) -> dict[KeyPath, int]:
    """Finds the line of every key and list item.

    Args:
        text: A TOML document that tomllib accepts. For any other text the answer is a part of the truth.

    Returns:
        From key path to the line, counted from 1, on which that key is first named.
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    # What was found before the scanner gave up stands; the rest is told by key path alone.
    with suppress(_UnreadableError, RecursionError):
        scanner.document()
    return scanner.lines


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int | None:
    """Finds the line of a key, or of the nearest table around it; None when there is neither."""
    for length in range(len(path), 0, -1):
        if (line := lines.get(path[:length])) is not None:
            return line
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._text = text
        self._at = 0
        self._line_starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._tables_in: dict[KeyPath, int] = {}  # array of tables -> how many tables it has so far

    def document(self) -> None:
        """Reads statements to the end of the text."""
        table: KeyPath = ()
        while self._skip(_BLANK) < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> KeyPath:
        line = self._line()
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        parts = self._dotted_key()
        self._take("]")
        path: KeyPath = ()
        for part in parts[:-1]:
            path = self._last_of((*path, part), line)
        path = (*path, parts[-1])
        if not is_array:
            return self._last_of(path, line)
        self._take("]")
        self._record(path, line)
        self._tables_in[path] = self._tables_in.get(path, 0) + 1
        return self._last_of(path, line)

    def _last_of(self, path: KeyPath, line: int) -> KeyPath:
        """Records a table; where it is an array of tables, steps into the last one."""
        self._record(path, line)
        if (count := self._tables_in.get(path)) is None:
            return path
        path = (*path, count - 1)
        self._record(path, line)
        return path

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = table
        for part in self._dotted_key():
            path = (*path, part)
            self._record(path, line)
        self._take("=")
        self._skip(_SPACE)
        self._value(path)

    def _dotted_key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            if bare := _BARE_KEY.match(self._text, self._at):
                parts.append(bare.group())
                self._at = bare.end()
            elif quoted := _ONE_LINE_STRING.match(self._text, self._at):
                parts.append(_decoded(quoted.group()))
                self._at = quoted.end()
            else:
                raise _UnreadableError
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        if self._text.startswith("[", self._at):
            self._array(path)
        elif self._text.startswith("{", self._at):
            self._inline_table(path)
        else:
            long = self._text.startswith(('"""', "'''"), self._at)
            short = self._text.startswith(('"', "'"), self._at)
            pattern = _LONG_STRING if long else _ONE_LINE_STRING if short else _BARE_VALUE
            found = pattern.match(self._text, self._at)
            if found is None:
                raise _UnreadableError
            self._at = found.end()

    def _array(self, path: KeyPath) -> None:
        self._take("[")
        index = 0
        while not self._closes("]"):
            self._record((*path, index), self._line())
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._take("{")
        while not self._closes("}"):
            self._pair(path)

    def _closes(self, bracket: str) -> bool:
        """Steps over blanks and one comma, and over `bracket` where it follows."""
        self._skip(_BLANK)
        if self._text.startswith(",", self._at):
            self._at += 1
            self._skip(_BLANK)
        if self._text.startswith(bracket, self._at):
            self._at += 1
            return True
        return False

    def _take(self, mark: str) -> None:
        if not self._text.startswith(mark, self._at):
            raise _UnreadableError
        self._at += len(mark)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self._text, self._at)
        assert found is not None, "a pattern of optional characters matches anywhere"
        self._at = found.end()
        return self._at

    def _line(self) -> int:
        return bisect_right(self._line_starts, self._at)

    def _record(self, path: KeyPath, line: int) -> None:
        self.lines.setdefault(path, line)


def _decoded(quoted: str) -> str:
    try:
        return next(iter(tomllib.loads(f"{quoted} = 0")))
    except tomllib.TOMLDecodeError as error:
        raise _UnreadableError from error
