"""The JSON text of a job's arguments and of its result, made and read.

It decides what a payload is: the text of `[args, kwargs]`, strict JSON, bounded in size and depth, that says
the same when it is read back. It must not know of tasks or of annotations, which `signature` and `hints`
bring in. Plain values take one pass through the C encoder; the slow walk runs only for objects in objects and
to name a fault.
"""

import dataclasses
import enum
import json
from collections.abc import Sequence
from typing import Final, NamedTuple, NoReturn, cast

from ..wire.limits import PAYLOAD_BYTES_MAX
from .classes import Model, dump_model
from .exceptions import InvalidPayload, PayloadTooLarge, UnserializablePayload
from .hints import Hints
from .limits import PAYLOAD_DEPTH_MAX
from .scalars import SCALARS, SUPPORTED, Unfit, quoted_type

Args = tuple[object, ...]
Kwargs = dict[str, object]

EMPTY_PAYLOAD: Final = "[[],{}]"


def encode_arguments(args: Args, kwargs: Kwargs, bytes_max: int = PAYLOAD_BYTES_MAX) -> str:
    """Encodes arguments by their own types, for jobs that are named rather than called.

    Returns:
        The payload, JSON text of `[args, kwargs]`.

    Raises:
        UnserializablePayload: An argument cannot travel; the text names its path.
        PayloadTooLarge: The text has more than `bytes_max` bytes of UTF-8.
    """
    return _encode(args, kwargs, _Names(), True, bytes_max)


def encode_plain(args: "Args | list[object]", kwargs: Kwargs, parameters: Sequence[str], task: str) -> str:
    """Encodes arguments that are JSON already, with the names for error texts."""
    if not args and not kwargs:
        return EMPTY_PAYLOAD
    return _encode(args, kwargs, _Names(parameters, f"{task}: "), False, PAYLOAD_BYTES_MAX)


class _Names(NamedTuple):
    """What error texts call the arguments."""

    parameters: Sequence[str] = ()
    task: str = ""


def _encode(args: "Args | list[object]", kwargs: Kwargs, names: _Names, rich: bool, bytes_max: int) -> str:
    try:
        text = (_ENRICH if rich else _STRICT)([args, kwargs])
        # Brackets inside strings are counted, too: at worst that costs a walk. One brace is the payload's own.
        braces = text.count("{")
        if braces > 1 or braces + text.count("[") > PAYLOAD_DEPTH_MAX:
            _find_fault(args, kwargs, names, rich)
        size = len(text) if text.isascii() else len(text.encode())
    except UnserializablePayload:
        raise
    except (TypeError, ValueError, RecursionError, Unfit) as fault:
        _find_fault(args, kwargs, names, rich)
        raise UnserializablePayload(
            f"{names.task}the arguments cannot travel as JSON: {fault}; pass plain values"
        ) from None
    if size > bytes_max:
        raise PayloadTooLarge(
            f"{names.task}the arguments take {size} bytes, more than {bytes_max}; "
            f"store the data elsewhere and pass a reference"
        )
    return text


def decode_arguments(payload: str) -> tuple[list[object], Kwargs]:
    """Reads a payload into positional and keyword arguments, still as JSON values.

    Raises:
        InvalidPayload: It is not JSON, not `[args, kwargs]`, or nests too deeply.
    """
    if payload == EMPTY_PAYLOAD:
        return [], {}
    value = _read(payload, "the payload")
    if type(value) is list:
        parts = cast("list[object]", value)
        if len(parts) == 2 and type(parts[0]) is list and type(parts[1]) is dict:
            return cast("list[object]", parts[0]), cast("Kwargs", parts[1])
    raise InvalidPayload("the payload is not [args, kwargs]; send a JSON array of an array and an object")


def encode_result(value: object, bytes_max: int = PAYLOAD_BYTES_MAX) -> str | None:
    """Encodes what a handler returned, by its own type.

    Returns:
        JSON text, or None for None.

    Raises:
        UnserializablePayload: It cannot travel; the text names the path.
        PayloadTooLarge: The text has more than `bytes_max` bytes of UTF-8.
    """
    if value is None:
        return None
    try:
        text = _ENRICH(value)
        brackets = text.count("{")
        if brackets or text.count("[") > PAYLOAD_DEPTH_MAX:
            _walk(value, "the result", 0, True)
        size = len(text) if text.isascii() else len(text.encode())
    except UnserializablePayload:
        raise
    except (TypeError, ValueError, RecursionError, Unfit) as fault:
        _walk(value, "the result", 0, True)
        raise UnserializablePayload(f"the result cannot travel as JSON: {fault}; return plain values") from None
    if size > bytes_max:
        raise PayloadTooLarge(
            f"the result takes {size} bytes, more than {bytes_max}; store the data elsewhere and return a reference"
        )
    return text


def decode_result(text: str | None, hint: object = None) -> object:
    """Reads a result.

    Args:
        text: What `encode_result` made.
        hint: The handler's return annotation; None leaves JSON values as they are.

    Raises:
        InvalidPayload: It is not JSON, or does not fit the annotation.
    """
    value = None if text is None else _read(text, "the result")
    converter = None if hint is None else Hints().converter(hint)
    if converter is None:
        return value
    try:
        return converter.decode(value)
    except Unfit as fault:
        raise InvalidPayload(f"the result{fault.where} {fault.text}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidPayload(f"the JSON holds {name}, which JSON has no word for; send null or text instead")


def _read(text: str, what: str) -> object:
    try:
        return _DECODE(text)
    except RecursionError:
        raise InvalidPayload(f"{what} nests too deeply; send at most {PAYLOAD_DEPTH_MAX} levels") from None
    except InvalidPayload:
        raise
    except ValueError as fault:
        raise InvalidPayload(f"{what} is not JSON ({fault}); send JSON text") from None


def _refuse(value: object) -> NoReturn:
    raise Unfit(f"is {quoted_type(type(value))}")


def _enrich(value: object) -> object:
    """Returns the JSON form of a value of a richer type, by that type; raises Unfit where there is none."""
    for cls in type(value).__mro__:
        converter = SCALARS.get(cls)
        if converter is not None:
            return converter.encode(value)
    if callable(getattr(type(value), "model_dump", None)):
        return dump_model(cast("Model", value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
    if isinstance(value, enum.Enum):
        return value.value
    return _refuse(value)


def _find_fault(args: "Args | list[object]", kwargs: Kwargs, names: _Names, rich: bool) -> None:
    """Raises UnserializablePayload for the first argument that cannot travel, naming its path."""
    known = names.parameters
    for index, value in enumerate(args):
        name = repr(known[index]) if index < len(known) else str(index + 1)
        _walk(value, f"{names.task}argument {name}", 2, rich)
    for name, value in kwargs.items():
        _walk(name, f"{names.task}the name of an argument", 2, rich)
        _walk(value, f"{names.task}argument {name!r}", 2, rich)


def _walk(value: object, path: str, depth: int, rich: bool) -> None:
    if value is None or isinstance(value, (bool, int)):
        return
    if depth > PAYLOAD_DEPTH_MAX:
        raise UnserializablePayload(
            f"{path[:200]} lies deeper than {PAYLOAD_DEPTH_MAX} levels, or in itself; "
            f"flatten the data or pass a reference"
        )
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UnserializablePayload(
                f"{path} holds half a surrogate pair, which is no text; decode it properly, or pass bytes"
            ) from None
    elif isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise UnserializablePayload(f"{path} is {value}, which JSON has no word for; pass None or text instead")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(cast("list[object]", value)):
            _walk(item, f"{path}[{index}]", depth + 1, rich)
    elif isinstance(value, dict):
        for key, item in cast("dict[object, object]", value).items():
            if not isinstance(key, str):
                raise UnserializablePayload(
                    f"{path} has the key {key!r}, but JSON keys are text and it would come back changed; use str keys"
                )
            _walk(key, f"a key of {path}", depth, rich)
            _walk(item, f"{path}[{key!r}]", depth + 1, rich)
    elif not rich:
        raise UnserializablePayload(
            f"{path} is {quoted_type(type(value))}, which is not plain JSON; "
            f"annotate the handler's parameter with its type ({SUPPORTED})"
        )
    else:
        _walk_rich(value, path, depth)


def _walk_rich(value: object, path: str, depth: int) -> None:
    try:
        inner = _enrich(value)
    except Unfit as fault:
        raise UnserializablePayload(f"{path}{fault.where} {fault.text}, which cannot travel; use {SUPPORTED}") from None
    if dataclasses.is_dataclass(value):
        for name, item in cast("dict[str, object]", inner).items():
            _walk(item, f"{path}.{name}", depth + 1, True)
    else:
        _walk(inner, path, depth + 1, True)


# Built once: `json.dumps` with options makes an encoder at every call. Text is kept as it is, for people read
# it in SQL.
_STRICT: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_refuse).encode
_ENRICH: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_enrich).encode
_DECODE: Final = json.JSONDecoder(parse_constant=_refuse_constant).decode
