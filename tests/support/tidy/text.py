"""Rules about the text of a file: its size, its functions, its docstring, its excuses and its words."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from tidy.source import Fault, Source

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

_EXCUSE = re.compile(
    r"#\s*(?:type:\s*ignore(?:\[[^\]]*\])?"
    r"|(?:ruff|flake8):\s*noqa(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?"
    r"|pyright:\s*(?:ignore(?:\[[^\]]*\])?|basic|report\w+\s*=\s*\w+)"
    r"|noqa(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?"
    r"|pragma:\s*no cover)(?P<reason>.*)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Za-z]{2,}")
_UNFINISHED = re.compile(r"#.*\b(?:TODO|FIXME|XXX|HACK)\b")
_BANNED = {
    "the path of one machine": re.compile(r"(?<![\w.}>\])])/(?:work|shared|root|Users|opt/wheels)/\w|\.\./shared"),
    "a page that the project does not have": re.compile(r"\b(?:FIELD|STYLE|CONSENSUS|BENCH|DESIGN)\.md\b"),
    "how the text came to be": re.compile(
        r"\b(?:as an AI|language model|coding agent|sub-?agent|Claude)\b", re.IGNORECASE
    ),
}


def size_faults(source: Source) -> Iterator[Fault]:
    """Yields a file that is too long to be about one noun, and functions that do not fit on a screen."""
    lines = source.text.count("\n")
    if lines > FILE_LINES_MAX:
        yield Fault(source.path, lines, f"{lines} lines, {FILE_LINES_MAX} is the limit; split it by nouns")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = _span(node) - (_span(node.body[0]) if ast.get_docstring(node) is not None else 0)
            if length > FUNCTION_LINES_MAX:
                text = f"{node.name}() has {length} lines, {FUNCTION_LINES_MAX} is the limit; name its parts"
                yield Fault(source.path, node.lineno, text)


def _span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def docstring_faults(source: Source) -> Iterator[Fault]:
    """Yields a module without a docstring."""
    if source.text.strip() and ast.get_docstring(source.tree) is None:
        yield Fault(source.path, 1, "no module docstring; say what it decides and what it must not know")


def comments(source: Source) -> Iterator[tuple[int, str]]:
    """Yields (line, text) of every comment."""
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def excuse_faults(source: Source) -> Iterator[Fault]:
    """Yields the comments that silence a tool without saying why, and those that put work off."""
    for line, text in comments(source):
        excuse = _EXCUSE.search(text)
        if excuse is not None and len(_WORD.findall(excuse["reason"])) < 2:
            yield Fault(source.path, line, f"{text!r} gives no reason; add it on the same line")
        if _UNFINISHED.search(text):
            yield Fault(source.path, line, "puts work off in a comment; do it, or record it as a known gap in docs/")


def word_faults(path: str, text: str) -> Iterator[Fault]:
    """Yields the lines that speak of something outside the project."""
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in _BANNED.items():
            found = pattern.search(line)
            if found is not None:
                yield Fault(path, number, f"names {what} ({found[0]!r}); the project speaks only of itself")


def sleep_faults(source: Source) -> Iterator[Fault]:
    """Yields the calls that wait for time to pass; giving way with `sleep(0)` is none."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        gives_way = len(node.args) == 1 and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
        if name == "sleep" and not gives_way:
            yield Fault(source.path, node.lineno, "a test sleeps; wait for the event itself, or drive the clock")


def code_lines(source: Source) -> int:
    """Counts the lines that hold code: no blank line, no comment, no docstring."""
    skipped = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(source.tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node) is not None:
            first = node.body[0]
            lines.difference_update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(lines)


def assertions(source: Source) -> int:
    """Counts the assert statements, and `assert_never`, which states a relation too."""
    return sum(
        isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "assert_never")
        for node in ast.walk(source.tree)
    )
