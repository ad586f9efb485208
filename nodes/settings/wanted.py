"""Decides how the kind of value that a field wants is put into words, for error texts and for the reference.

It must not know any field by name: the words come from the models' types and bounds alone.
The rule that an error says what would be right is promise P7.
"""

from types import UnionType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .errors import value_text
from .forms import Form

_PLAIN: dict[Any, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}


def wanted(field: FieldInfo) -> str:
    """Says which values a field takes, such as `a whole number from 1 to 16`."""
    if form := _form(field.metadata):
        return form.text
    if get_origin(field.annotation) is tuple:
        is_filled = any(isinstance(m, MinLen) and m.min_length for m in field.metadata)
        items = _form(get_args(get_args(field.annotation)[0])[1:])
        assert items is not None, "the items of every list have a form"
        return f"a list of {'one or more ' if is_filled else ''}{items.plural}"
    low = next((m.ge for m in field.metadata if isinstance(m, Ge)), None)
    high = next((m.le for m in field.metadata if isinstance(m, Le)), None)
    bounds = "" if low is None or high is None else f" from {value_text(low)} to {value_text(high)}"
    return _kind(field.annotation) + bounds


def item_wanted(field: FieldInfo) -> str:
    """Says what one item of a list field is, such as `a module name`."""
    items = get_args(field.annotation)
    form = _form(get_args(items[0])[1:]) if items else None
    return form.text if form else wanted(field)


def sections_in(annotation: Any) -> type[BaseModel] | None:
    """Finds the model of the tables that a field holds: one, a list of them, or one for each name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := sections_in(arg))), None)


def is_table(field: FieldInfo) -> bool:
    """Says whether a field is one table, rather than a list of them, or one for each name."""
    return sections_in(field.annotation) is not None and not get_args(field.annotation)


def _kind(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is UnionType:  # only ever "or None", which no TOML value is
        return _kind(args[0])
    if origin is Literal:
        *first, last = (value_text(choice) for choice in args)
        return f"{', '.join(first)} or {last}"
    return "a table" if sections_in(annotation) else _PLAIN[annotation]


def _form(metadata: Any) -> Form | None:
    return next((item for item in metadata if isinstance(item, Form)), None)
