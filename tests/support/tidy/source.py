"""Reads the checkout: its files, its modules and what they import.

It decides what counts as source and how a relative import resolves; it must not know any rule.
"""

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
PACKAGE_FOLDERS = ("actors", "broker", "nodes", "chaos")
IGNORED_FOLDERS = {"__pycache__", "build", "dist", "mainspring-data", "node_modules"}
SEEN_DOT_FOLDERS = {".ci", ".github"}
TEXT_SUFFIXES = {
    "",
    ".cfg",
    ".html",
    ".ini",
    ".json",
    ".md",
    ".py",
    ".sh",
    ".sql",
    ".toml",
    ".txt",
    ".yaml",
    ".yml",
}

Parts = tuple[str, ...]


class Fault(NamedTuple):
    """One broken rule: where, what, and how to mend it."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


class Import(NamedTuple):
    """One imported name: `parts` start at the package root if `internal`, else at another package's top."""

    line: int
    internal: bool
    parts: Parts
    level: int


@dataclass(frozen=True)
class Source:
    """One Python file, by its path from the root of the checkout."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text, self.path)

    @cached_property
    def parts(self) -> Parts:
        """The module's name from the package root: `broker/wire/ids.py` is `("broker", "wire", "ids")`."""
        parts = tuple(self.path.removesuffix(".py").split("/"))
        return parts[:-1] if parts[-1] == "__init__" else parts

    @cached_property
    def package(self) -> Parts:
        """The package that relative imports start from."""
        return self.parts if self.path.split("/")[-1] == "__init__.py" else self.parts[:-1]

    @cached_property
    def imports(self) -> list[Import]:
        """Every import of the file, those inside functions and TYPE_CHECKING blocks included."""
        return list(self._imports())

    def _imports(self) -> Iterator[Import]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(node.lineno, False, tuple(alias.name.split(".")), 0)
            elif isinstance(node, ast.ImportFrom):
                named = tuple(node.module.split(".")) if node.module else ()
                if node.level == 0:
                    base = named
                elif node.level - 1 <= len(self.package):
                    base = self.package[: len(self.package) - (node.level - 1)] + named
                else:
                    base = ("<above the root>",)
                for alias in node.names:
                    yield Import(node.lineno, node.level > 0, (*base, alias.name), node.level)


def walk_files() -> Iterator[Path]:
    """Yields the files that belong to the project, whether or not they are committed yet."""
    for folder, names, files in os.walk(ROOT):
        names[:] = sorted(
            name
            for name in names
            if name not in IGNORED_FOLDERS
            and not name.endswith(".egg-info")
            and (not name.startswith(".") or name in SEEN_DOT_FOLDERS)
        )
        for name in sorted(files):
            yield Path(folder, name)


def python_sources() -> list[Source]:
    """Reads every Python file of the checkout."""
    found = [path for path in walk_files() if path.suffix == ".py"]
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in found]


def text_files() -> list[tuple[str, str]]:
    """Reads every text file of the checkout, as (path, text)."""
    found = [path for path in walk_files() if path.suffix in TEXT_SUFFIXES and not path.name.endswith(".pyc")]
    return [(path.relative_to(ROOT).as_posix(), path.read_text("utf-8", errors="replace")) for path in found]


def in_package(source: Source) -> bool:
    """Tells whether a file is part of what users install."""
    return "/" not in source.path or source.path.split("/")[0] in PACKAGE_FOLDERS


def resolve(parts: Parts, modules: dict[Parts, Source]) -> Parts:
    """Finds the module that an imported name lies in: the longest prefix of `parts` that is a module."""
    while parts and parts not in modules:
        parts = parts[:-1]
    return parts
