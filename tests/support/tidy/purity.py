"""Finds what a deterministic machine must not touch: clocks, chance, the operating system, output to people.

It decides by an allowlist, so a module that nobody thought of is refused until somebody argues for it here.
"""

import ast
from collections.abc import Iterator

from tidy.source import Fault, Source

PURE_FOLDERS = ("actors/", "broker/wire/", "broker/__init__.py")

_PURE = """
    __future__ abc array base64 binascii bisect calendar collections contextlib copy dataclasses datetime
    decimal enum fractions functools hashlib heapq ipaddress itertools json math msgpack numbers operator
    re string struct textwrap types typing unicodedata uuid zlib
"""
PURE_IMPORTS = frozenset(_PURE.split())
# Calendars alone: zone rules are data, read once, and croniter is handed every time. Replay does not depend on either,
# for entries record the instants that were found.
PURE_IMPORTS_BY_FOLDER = {"actors/cron/": {"croniter", "difflib", "zoneinfo"}}

CLOCK_METHODS = {"now", "utcnow", "today"}
CLOCK_CLASSES = {"datetime", "date"}
IMPURE_NAMES = {"uuid": {"uuid1", "uuid4", "getnode"}}
IMPURE_BUILTINS = {
    "open": "it touches files",
    "print": "machines emit notes instead",
    "input": "it waits for a person",
    "eval": "nothing is evaluated",
    "exec": "nothing is evaluated",
    "__import__": "imports stand at the top",
    "breakpoint": "it stops the process",
    "hash": "its value for text differs between processes; use hashlib.blake2b",
    "id": "addresses differ between processes",
}


def is_pure(path: str) -> bool:
    """Tells whether the rule holds for a file."""
    return path.startswith(PURE_FOLDERS)


def impurities(source: Source) -> Iterator[Fault]:
    """Yields each import or call that would make the outcome depend on more than the arguments."""
    allowed = set(PURE_IMPORTS)
    for folder, names in PURE_IMPORTS_BY_FOLDER.items():
        if source.path.startswith(folder):
            allowed |= names
    for found in source.imports:
        if found.internal:
            continue
        if found.parts[0] not in allowed:
            yield Fault(
                source.path,
                found.line,
                f"pure code imports {found.parts[0]!r}; hand its result in as an argument",
            )
        elif found.parts[-1] in IMPURE_NAMES.get(found.parts[0], ()):
            yield Fault(
                source.path,
                found.line,
                f"pure code imports {'.'.join(found.parts)}; draw from the injected chance",
            )
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            reason = _impure_call(node)
            if reason is not None:
                yield Fault(source.path, node.lineno, f"pure code calls {reason}")


def _impure_call(call: ast.Call) -> str | None:
    func = call.func
    if isinstance(func, ast.Name) and func.id in IMPURE_BUILTINS:
        return f"{func.id}(): {IMPURE_BUILTINS[func.id]}"
    if not isinstance(func, ast.Attribute):
        return None
    owner = func.value.attr if isinstance(func.value, ast.Attribute) else getattr(func.value, "id", "")
    if owner in CLOCK_CLASSES and func.attr in CLOCK_METHODS:
        return f"{owner}.{func.attr}(): take `now` as an argument"
    if func.attr == "fromtimestamp" and len(call.args) + len(call.keywords) < 2:
        return "fromtimestamp() without a zone: it reads the zone of the machine; pass tz=UTC"
    if func.attr == "astimezone" and not call.args and not call.keywords:
        return "astimezone() without a zone: it reads the zone of the machine; pass one"
    if owner == "uuid" and func.attr in IMPURE_NAMES["uuid"]:
        return f"uuid.{func.attr}(): draw from the injected chance"
    return None
