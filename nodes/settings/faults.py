"""Decides how each complaint of pydantic becomes a fault: line, key, given value, and what would be right.

It must not know how the file was read, nor any setting by name.
The rule that an unknown key is answered with the nearest known one, and with all of them, is promise P7.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, cast, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from .errors import Fault, KeyPath, key_text, value_text
from .lines import line_of
from .models import NodeSettings
from .wanted import is_table, item_wanted, sections_in, wanted

Place = tuple[str, dict[KeyPath, int]]
"""The file (or variable) that holds the settings, and the lines of its keys."""


def fault_at(place: Place, path: KeyPath, given: object, text: str) -> Fault:
    """Builds the fault of one key; `given` is None when the key is not there."""
    where, lines = place
    value = None if given is None else value_text(given)
    return Fault(where, line_of(lines, path), None, key_text(path), value, text)


def faults_of(
    place: Place, error: ValidationError, root: type[BaseModel] = NodeSettings
) -> list[tuple[KeyPath, Fault]]:
    """Translates what pydantic found.

    Args:
        place: Where the settings stand.
        error: What pydantic found.
        root: The model of the whole file.

    Returns:
        The path and the fault of each complaint, in pydantic's order.
    """
    details = error.errors(include_url=False)
    paths = [_path(detail) for detail in details]
    found: list[tuple[KeyPath, Fault]] = []
    for path, detail in zip(paths, details, strict=True):
        # A list is counted without its refused items, and then called too short: no fault of its own.
        if detail["type"] == "too_short" and any(
            len(other) > len(path) and other[: len(path)] == path for other in paths
        ):
            continue
        found.append((path, fault_at(place, path, _given(detail), _text(root, path, detail))))
    return found


def _given(detail: Any) -> object:
    """Finds the value to show: none where the key itself is at fault."""
    is_table = detail["type"] == "extra_forbidden" and isinstance(detail["input"], (dict, list))
    return None if is_table or detail["type"] == "missing" or _is_about_key(detail) else detail["input"]


def _path(detail: Any) -> KeyPath:
    return detail["loc"][:-1] if _is_about_key(detail) else detail["loc"]


def _is_about_key(detail: Any) -> bool:
    # The type tells this mark from a key that a file really names "[key]": no field has that name.
    return detail["type"] == "value_error" and detail["loc"][-1] == "[key]"


def _text(root: type[BaseModel], path: KeyPath, detail: Any) -> str:
    match detail["type"]:
        case "extra_forbidden":
            return _unknown_key(root, path)
        case "missing":
            return f"is missing: give {wanted(_known(root, path))}"
        case "value_error":
            return str(detail["ctx"]["error"])
        case "too_long" | "too_short":
            limits = cast("dict[str, int]", detail["ctx"])
            if "max_length" in limits:
                return f"give at most {limits['max_length']:_} entries"
            return f"give {wanted(_known(root, path))}"
        case _:
            field = _known(root, path)
            kind = item_wanted(field) if isinstance(path[-1], int) else wanted(field)
            return f"give {kind}" + (" in quotes" if detail["type"] in ("string_type", "path_type") else "")


def _models_on(root: type[BaseModel], path: KeyPath) -> Iterator[tuple[type[BaseModel] | None, FieldInfo | None]]:
    """Walks down a path: for each part its field, and the model it is a key of (an index is of none)."""
    model: type[BaseModel] | None = root
    field: FieldInfo | None = None
    for part in path:
        if model is None:
            # An index into a list, or a free name: the tables below it are the field's.
            assert field is not None, "a walk starts at a model"
            yield None, field
            model = sections_in(field.annotation)
            continue
        field = fields_by_key(model).get(str(part))
        yield model, field
        if field is None:
            return
        held = sections_in(field.annotation)
        model = held if is_table(field) else None


def _known(root: type[BaseModel], path: KeyPath) -> FieldInfo:
    *_, (_, field) = _models_on(root, path)
    assert field is not None, "only an unknown key has no field"
    return field


def fields_by_key(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Finds the fields of a model by the keys they have in a file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _unknown_key(root: type[BaseModel], path: KeyPath) -> str:
    *_, (model, _) = _models_on(root, path)
    assert model is not None, "an unknown key is looked up in a model"
    allowed = list(fields_by_key(model))
    key = str(path[-1])
    near = get_close_matches(key, allowed, n=1)
    homes = _homes_of(root, key)
    hint = ""
    if near:
        hint = f'did you mean "{near[0]}"? '
    elif homes:
        hint = f"it belongs in {' or '.join(homes)}; "
    table = f"[{key_text(path[:-1])}]" if len(path) > 1 else "the file's top level"
    return f"unknown key; {hint}allowed in {table}: {', '.join(allowed)}"


def _homes_of(root: type[BaseModel], key: str) -> list[str]:
    """Names the tables that do have a key."""
    return [header for header, model in sections(root) if key in fields_by_key(model)]


def sections(root: type[BaseModel] = NodeSettings) -> list[tuple[str, type[BaseModel]]]:
    """Lists the tables that a file may have: the header as it is written there, and the model."""
    return list(_sections_under("", root))


def _sections_under(prefix: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for key, field in fields_by_key(model).items():
        inner = sections_in(field.annotation)
        if inner is None:
            continue
        name = f"{prefix}{key}"
        if is_table(field):
            header = f"[{name}]"
        else:
            header = f"[{name}.NAME]" if get_origin(field.annotation) is dict else f"[[{name}]]"
        yield header, inner
        yield from _sections_under(f"{header[1:-1]}.", inner)
