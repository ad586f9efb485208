"""Messages to bytes and back.

Decides what a well-formed frame is: `[version, kind, fields...]` with each field of its declared type. Knows nothing
of what rows inside mean (rows.py checks those where they are used). Total on hostile input: `decode` returns or
raises `WireError`, nothing else.
"""

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


class _Form:
    """What a well-formed message of one class looks like: looked up once, and used for every frame."""

    __slots__ = ("checks", "cls", "elements", "integers", "shapes")

    def __init__(self, cls: type[Message]) -> None:
        hints = get_type_hints(cls)
        checks: list[tuple[str, Any, Any]] = []
        for name in cls.__slots__:
            hint = hints[name]
            args: tuple[Any, ...] = getattr(hint, "__args__", ())
            origin = get_origin(hint)
            if origin is list:
                element = get_origin(args[0]) or args[0]
                checks.append((name, (list,), element))
            elif origin is dict:
                checks.append((name, (dict,), args[0]))  # its keys: they are what iterating over it gives
            else:
                checks.append((name, args or (hint,), None))
        self.cls = cls
        self.checks = tuple(checks)
        """(field name, allowed types, element type)"""
        # One look-up settles a well-formed frame's types; only the items of its lists are looked at one by one.
        self.shapes: frozenset[tuple[type, ...]] = frozenset(product(*(types for _, types, _ in checks)))
        self.integers = tuple(at for at, (_, types, _) in enumerate(checks) if types == (int,))
        self.elements = tuple((at, item) for at, (_, _, item) in enumerate(checks) if item not in (None, Any))


_BY_KIND: dict[int, type[Message]] = {cls.KIND: cls for cls in MESSAGES}
_FORMS: dict[int, _Form] = {}  # of the kinds that have come
assert len(_BY_KIND) == len(MESSAGES), "message kinds must be unique"


def encode(message: Message) -> bytes:
    """Packs one message into one frame."""
    cls = type(message)
    values: list[Any] = [PROTOCOL_VERSION, cls.KIND]
    values.extend([getattr(message, name) for name in cls.__slots__])
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
    form = _FORMS.get(kind)
    if form is None:
        cls = _BY_KIND.get(kind)
        if cls is None:
            raise WireError("malformed", f"message kind {kind} does not exist", "unknown_kind")
        form = _FORMS[kind] = _Form(cls)
    cls = form.cls
    if tuple(map(type, found)) not in form.shapes:  # exact types: a bool is no int here
        raise WireError("malformed", _shape_fault(form, found))
    for at in form.integers:
        if not -INTEGER_MAX <= found[at] <= INTEGER_MAX:
            text = f"{cls.__name__}.{form.checks[at][0]} is out of range; an integer has 63 bits and a sign"
            raise WireError("malformed", text)
    for at, element in form.elements:
        if not set(map(type, found[at])) <= {element}:
            name = f"{cls.__name__}.{form.checks[at][0]}"
            raise WireError("malformed", f"{name} holds an item that is no {element.__name__}")
    return cls(*found)


def _shape_fault(form: _Form, found: list[Any]) -> str:
    """Returns which field is missing, too many or of another type."""
    cls, checks = form.cls, form.checks
    if len(found) != len(checks):
        return f"{cls.__name__} has {len(checks)} fields, the frame has {len(found)}"
    pairs = zip(checks, found, strict=True)
    name, value = next((name, value) for (name, types, _), value in pairs if type(value) not in types)
    return f"{cls.__name__}.{name} has the wrong type {type(value).__name__}"
