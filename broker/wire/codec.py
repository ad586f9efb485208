"""Messages to bytes and back.

Decides what a well-formed frame is: `[version, kind, fields...]` with each field of its declared type. Knows nothing
of what rows inside mean (rows.py checks those where they are used). Total on hostile input: `decode` returns or
raises `WireError`, nothing else.
"""

from dataclasses import fields
from itertools import product
from typing import Any, cast, get_origin, get_type_hints

from .limits import FRAME_BYTES_MAX, FRAME_VALUES_MAX, INTEGER_MAX
from .messages import (
    MESSAGES,
    PROTOCOL_VERSION,
    Append,
    Appended,
    Await,
    Cancel,
    ClientHello,
    ClusterAct,
    ClusterAsk,
    Credit,
    ExecutorHello,
    Finished,
    Goodbye,
    JobAct,
    MemberHello,
    Message,
    PreVote,
    PreVoted,
    Query,
    Renew,
    ScheduleAct,
    ScheduleSet,
    SnapshotChunk,
    SnapshotOffer,
    SnapshotTaken,
    Submit,
    TimeoutNow,
    Vote,
    Voted,
)  # fmt: skip
from .packing import pack, unpack_foreign

FRAME_FAULTS = ("empty", "too_large", "unreadable", "no_message", "version", "unknown_kind", "fields")
"""What can be wrong with a frame: each is a kind by which refused frames are counted."""

FOR_COORDINATORS: frozenset[type[Message]] = frozenset(
    (
        Await, Cancel, ClientHello, ClusterAct, ClusterAsk, Credit, ExecutorHello, Finished, Goodbye, JobAct, Query,
        Renew, ScheduleAct, ScheduleSet, Submit,
    )
)  # fmt: skip
"""What clients and executors may say to a coordinator."""

FOR_MEMBERS: frozenset[type[Message]] = frozenset(
    (
        Append, Appended, MemberHello, PreVote, PreVoted, SnapshotChunk, SnapshotOffer, SnapshotTaken, TimeoutNow,
        Vote, Voted,
    )
)  # fmt: skip
"""What members say to each other, over endpoints of their own."""


class WireError(ValueError):
    """A frame that cannot be read.

    Attributes:
        code: One of errors.py; the text names the fault.
        fault: One of FRAME_FAULTS.
    """

    def __init__(self, code: str, text: str, fault: str = "fields") -> None:
        super().__init__(text)
        assert fault in FRAME_FAULTS, fault
        self.code = code
        self.fault = fault


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
            checks.append((field.name, (dict,), args[0]))  # its keys: they are what iterating over it gives
        else:
            checks.append((field.name, args or (hint,), None))
    return tuple(checks)


_BY_KIND: dict[int, tuple[type[Message], tuple[tuple[str, Any, Any], ...]]] = {
    cls.KIND: (cls, _checks(cls)) for cls in MESSAGES
}
# One look-up settles a well-formed frame's types; only the items of its lists are looked at one by one.
_SHAPES: dict[int, frozenset[tuple[type, ...]]] = {
    kind: frozenset(product(*(types for _, types, _ in checks))) for kind, (_, checks) in _BY_KIND.items()
}
_INTEGERS: dict[int, tuple[int, ...]] = {
    kind: tuple(at for at, (_, types, _) in enumerate(checks) if types == (int,))
    for kind, (_, checks) in _BY_KIND.items()
}
_ELEMENTS: dict[int, tuple[tuple[int, Any], ...]] = {
    kind: tuple((at, element) for at, (_, _, element) in enumerate(checks) if element not in (None, Any))
    for kind, (_, checks) in _BY_KIND.items()
}
_NAMES: dict[type[Message], tuple[str, ...]] = {cls: tuple(field.name for field in fields(cls)) for cls in MESSAGES}
assert len(_BY_KIND) == len(MESSAGES), "message kinds must be unique"


def encode(message: Message) -> bytes:
    """Packs one message into one frame."""
    cls = type(message)
    values: list[Any] = [PROTOCOL_VERSION, cls.KIND]
    values.extend([getattr(message, name) for name in _NAMES[cls]])
    return pack(values)


def decode(
    frame: bytes | memoryview, values_max: int = 8 * FRAME_VALUES_MAX, bytes_max: int = FRAME_BYTES_MAX
) -> Message:
    """Reads one frame.

    Args:
        frame: from anybody.
        values_max: how many values it may hold. An answer of a coordinator has far more of them than a request.
        bytes_max: how long it may be.

    Raises:
        WireError: `malformed` or `version`, with what is wrong in the text.
    """
    if not frame:
        raise WireError("malformed", "the frame is empty; there is none before the first message", "empty")
    if len(frame) > bytes_max:
        text = f"the frame has {len(frame)} bytes; at most {bytes_max} are taken"
        raise WireError("malformed", text, "too_large")
    try:
        values: Any = unpack_foreign(frame, values_max)
    except ValueError as error:
        raise WireError("malformed", f"the frame cannot be read: {error}", "unreadable") from None
    if type(values) is not list or len(cast("list[Any]", values)) < 2:
        raise WireError("malformed", "a message is an array [version, kind, fields...]", "no_message")
    version, kind, *found = cast("list[Any]", values)
    # Only integers are shown: another value may be as long, or as deep, as a frame.
    if type(version) is not int or type(kind) is not int:
        raise WireError("malformed", "the version and the kind of a message are integers", "no_message")
    if version != PROTOCOL_VERSION:
        text = f"protocol version {version} is not spoken here; this side speaks {PROTOCOL_VERSION}"
        raise WireError("version", text, "version")
    entry = _BY_KIND.get(kind)
    if entry is None:
        raise WireError("malformed", f"message kind {kind} does not exist", "unknown_kind")
    cls, checks = entry
    if tuple(map(type, found)) not in _SHAPES[kind]:  # exact types: a bool is no int here
        raise WireError("malformed", _shape_fault(cls, checks, found))
    for at in _INTEGERS[kind]:
        if not -INTEGER_MAX <= found[at] <= INTEGER_MAX:
            text = f"{cls.__name__}.{checks[at][0]} is out of range; an integer has 63 bits and a sign"
            raise WireError("malformed", text)
    for at, element in _ELEMENTS[kind]:
        if not set(map(type, found[at])) <= {element}:
            raise WireError("malformed", f"{cls.__name__}.{checks[at][0]} holds an item that is no {element.__name__}")
    return cls(*found)


def _shape_fault(cls: type[Message], checks: tuple[tuple[str, Any, Any], ...], found: list[Any]) -> str:
    """Returns which field is missing, too many or of another type."""
    if len(found) != len(checks):
        return f"{cls.__name__} has {len(checks)} fields, the frame has {len(found)}"
    pairs = zip(checks, found, strict=True)
    name, value = next((name, value) for (name, types, _), value in pairs if type(value) not in types)
    return f"{cls.__name__}.{name} has the wrong type {type(value).__name__}"
