"""Decides which part of a document is valid, so that one fault does not hide the others.

It must not know any setting by name, nor how the file was read.
The rule that all faults of a file are told at once is promise P7.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from .errors import Fault, KeyPath
from .faults import Place, faults_of

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ValidPart(Generic[M]):
    """What is left of a document without its faulty keys and items.

    Attributes:
        settings: The settings that the rest makes.
        faults: What is wrong with the document: the path in it of each faulty key, and the fault.
    """

    settings: M
    faults: list[tuple[KeyPath, Fault]]

    def original(self, key: KeyPath) -> KeyPath:
        """Finds the path that a key had in the document, where faulty items may have stood before it."""
        path: KeyPath = ()
        for part in key:
            if isinstance(part, int):
                length = len(path) + 1
                gone = {other[-1] for other, _ in self.faults if len(other) == length and other[:-1] == path}
                for index in sorted(index for index in gone if isinstance(index, int)):
                    part += index <= part
            path = (*path, part)
        return path

    def touches(self, keys: Iterable[KeyPath]) -> bool:
        """Says whether a fault lies at, above or below one of these keys, whose value is then in doubt."""
        return any(a[: len(b)] == b[: len(a)] for a in keys for b, _ in self.faults)


def valid_part(place: Place, document: dict[str, Any], root: type[M]) -> ValidPart[M]:
    """Validates a document, from which the faulty keys and items are removed.

    A table that lacks a key goes as a whole.
    """
    try:
        return ValidPart(root.model_validate(document), [])
    except ValidationError as error:
        faults = faults_of(place, error, root)
    # Backwards, so that an item's removal moves none that is still to be removed.
    for path in sorted({path for path, _ in faults}, reverse=True):
        _remove(document, path)
    while True:
        try:
            return ValidPart(root.model_validate(document), faults)
        except ValidationError as error:
            # A list that became too short is told by its items' faults, and a table that lacks what was removed by
            # that one's; each round removes one key or more.
            for path in sorted({_key_of(path) for path, _ in faults_of(place, error, root)}, reverse=True):
                _remove(document, path)


def _remove(document: dict[str, Any], path: KeyPath) -> None:
    table: Any = document
    for part in path[:-1]:
        if not _has(table, part):
            return  # removed already, with the table around it
        table = table[part]
    if _has(table, path[-1]):
        del table[path[-1]]
    elif len(path) > 1 and isinstance(path[-1], str):
        _remove(document, path[:-1])  # the key is missing, so the table cannot stay


def _has(table: Any, part: str | int) -> bool:
    return part in table if isinstance(part, str) else part < len(table)


def _key_of(path: KeyPath) -> KeyPath:
    while isinstance(path[-1], int):
        path = path[:-1]
    return path
