"""The files that the demonstration works on, and what is in them by a direct count.

Decides which files belong to a source tree: every regular file that can be read, but nothing that a compiler or an
installer has put there. It must not know jobs. The count is the truth that the jobs' results are held against.
"""

import hashlib
import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILES_MAX: Final = 50_000
SKIPPED_FOLDERS: Final = frozenset({"__pycache__", "site-packages", "dist-packages"})
COMPILED_SUFFIXES: Final = frozenset({".pyc", ".pyo", ".so", ".a", ".o", ".dll", ".dylib", ".exe"})
CHUNK_BYTES: Final = 1024 * 1024


class TreeError(Exception):
    """The tree cannot be used; the text names the fault and the mend."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A source tree as counted here, without any job."""

    root: Path
    files: tuple[Path, ...]
    """In the order of their paths."""
    bytes: int
    lines: int
    contents: int
    """How many different contents the files have."""
    unreadable: int
    """Files left out because this user may not read them."""


def standard_library() -> Path:
    """Returns the folder of the standard library that this interpreter uses."""
    return Path(sysconfig.get_path("stdlib"))


def read_tree(root: Path) -> Tree:
    """Walks a folder and counts what its files hold.

    Raises:
        TreeError: there is no such folder, or it has no files, or more than a demonstration needs.
    """
    if not root.is_dir():
        raise TreeError(f"there is no folder {root}; give one with --tree")
    files: list[Path] = []
    hashes: set[bytes] = set()
    size = lines = unreadable = 0
    for path in _walk(root.resolve()):
        if not os.access(path, os.R_OK):
            unreadable += 1
            continue
        if len(files) == FILES_MAX:
            raise TreeError(f"{root} has more than {FILES_MAX} files; give a smaller folder with --tree")
        sha256 = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                sha256.update(chunk)
                size += len(chunk)
                lines += chunk.count(b"\n")
        hashes.add(sha256.digest())
        files.append(path)
    if not files:
        raise TreeError(f"{root} has no files that can be read; give another folder with --tree")
    return Tree(root, tuple(files), size, lines, len(hashes), unreadable)


def _walk(root: Path) -> Iterator[Path]:
    """Yields files in the same order on every machine; links are not followed, so no file comes twice."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        for name in sorted(names):
            path = Path(folder, name)
            if path.suffix not in COMPILED_SUFFIXES and path.is_file() and not path.is_symlink():
                yield path
