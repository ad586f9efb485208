"""Messages to bytes and back.

Decides what a well-formed frame is: `[version, kind, fields...]` with each field of its declared type. Knows nothing of what rows
inside mean (rows.py checks those where they are used). Total on hostile input: `decode` returns or raises `WireError`, nothing else.
"""

from dataclasses import fields
from typing import Any, get_origin, get_type_hints

import msgpack

from .limits import FRAME_BYTES_MAX
from .messages import MESSAGES, PROTOCOL_VERSION, Message


class WireError(ValueError):
    """A frame that cannot be read. `code` is one of errors.py, the text names the fault."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def _checks(cls: type[Message]) -> tuple[tuple[str, Any, Any], ...]:
    """The (field name, allowed types, element type) that decode holds each field of a class against."""
    hints = get_type_hints(cls)
    checks: list[tuple[str, Any, Any]] = []
    for field in fields(cls):
        hint = hints[field.name]
        args: tuple[Any, ...] = getattr(hint, "__args__", ())
        origin = get_origin(hint)
        if origin is list:
            element = get_origin(args[0]) or args[0]
            checks.append((field.name, (list,), element))
        elif origin is dict:
            checks.append((field.name, (dict,), None))
        else:
            checks.append((field.name, args or (hint,), None))
    return tuple(checks)


_BY_KIND: dict[int, tuple[type[Message], tuple[tuple[str, Any, Any], ...]]] = {
    cls.KIND: (cls, _checks(cls)) for cls in MESSAGES
}
_NAMES: dict[type[Message], tuple[str, ...]] = {
    cls: tuple(field.name for field in fields(cls)) for cls in MESSAGES
}
assert len(_BY_KIND) == len(MESSAGES), "message kinds must be unique"


def encode(message: Message) -> bytes:
    """Packs one message into one frame."""
    cls = type(message)
    values: list[Any] = [PROTOCOL_VERSION, cls.KIND]
    values.extend([getattr(message, name) for name in _NAMES[cls]])
    return msgpack.packb(values, unicode_errors="surrogatepass")  # pyright: ignore[reportReturnType]  (packb of a list is bytes)


def decode(frame: bytes | memoryview) -> Message:
    """Reads one frame.

    Raises:
        WireError: `malformed` or `version`, with what is wrong in the text.
    """
    if len(frame) > FRAME_BYTES_MAX:
        raise WireError("malformed", f"the frame has {len(frame)} bytes; at most {FRAME_BYTES_MAX} are taken")
    try:
        values: Any = msgpack.unpackb(frame, strict_map_key=True, unicode_errors="strict")
    except (ValueError, TypeError, RecursionError) as error:  # msgpack's own errors are ValueErrors
        raise WireError("malformed", f"the frame is not msgpack: {error or type(error).__name__}") from None
    if type(values) is not list or len(values) < 2:  # pyright: ignore[reportUnknownArgumentType]
        raise WireError("malformed", "a message is an array [version, kind, fields...]")
    version, kind = values[0], values[1]  # pyright: ignore[reportUnknownVariableType]
    if version != PROTOCOL_VERSION:
        raise WireError(
            "version", f"protocol version {version!r} is not spoken here; this side speaks {PROTOCOL_VERSION}"
        )
    entry = _BY_KIND.get(kind) if type(kind) is int else None  # pyright: ignore[reportUnknownArgumentType]
    if entry is None:
        raise WireError("malformed", f"message kind {kind!r} does not exist")
    cls, checks = entry
    if len(values) - 2 != len(checks):  # pyright: ignore[reportUnknownArgumentType]
        raise WireError(
            "malformed", f"{cls.__name__} has {len(checks)} fields, the frame has {len(values) - 2}"
        )  # pyright: ignore[reportUnknownArgumentType]
    for (name, types, element), value in zip(checks, values[2:], strict=True):  # pyright: ignore[reportUnknownArgumentType]
        if type(value) not in types:  # exact types: a bool is no int here
            raise WireError("malformed", f"{cls.__name__}.{name} has the wrong type {type(value).__name__}")
        if element is not None and element is not Any and any(type(item) is not element for item in value):
            raise WireError("malformed", f"{cls.__name__}.{name} holds an item that is no {element.__name__}")
    return cls(*values[2:])
