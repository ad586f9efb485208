"""What a failed attempt says: the traceback of the user's frames, bounded, and the kind of the error.

It decides what of an exception is kept. It must not know of jobs or frames. Frames of Mainspring itself are
cut from the top, and from the end of an interrupt, for they help nobody who reads why a handler failed.
"""

import traceback
from itertools import takewhile
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final

from ...broker.tasks.exceptions import AttemptInterrupted
from ...broker.wire.limits import ERROR_BYTES_MAX, NAME_CHARS_MAX

_OWN_FOLDER: Final = str(Path(__file__).parents[2]) + "/"
_OWN_PARTS: Final = ("nodes/", "broker/")
_HEAD_BYTES: Final = ERROR_BYTES_MAX // 4
_GAP: Final = "\n[…]\n"


def error_text(fault: BaseException, mend: str = "") -> str:
    """Returns an exception's traceback without our own leading frames, at most ERROR_BYTES_MAX of UTF-8.

    Args:
        fault: The exception, with those that it was raised from, and those of a group.
        mend: A line that stands behind it.
    """
    try:
        trace = fault.__traceback__
        while trace is not None and is_own(trace):
            trace = trace.tb_next
        if isinstance(fault, AttemptInterrupted):
            _cut_handler(trace)
        text = "".join(traceback.format_exception(type(fault), fault, trace))
    except BaseException as broken:  # noqa: BLE001  (an exception may break, with anything, wherever it is looked at)
        text = f"{error_kind(fault)}: (the traceback cannot be formatted: {error_kind(broken)})"
    return cap(f"{text.rstrip()}\n{mend}" if mend else text.rstrip())


def error_kind(fault: BaseException) -> str:
    """Returns the name of an exception's class, with its module unless it is builtin."""
    cls = type(fault)
    try:
        kind = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    except BaseException:  # noqa: BLE001  (as above; a class may have a metaclass)
        kind = "(an exception without a name)"
    return kind.encode("utf-8", "backslashreplace").decode()[:NAME_CHARS_MAX]


def _cut_handler(trace: TracebackType | None) -> None:
    """Takes the last frame away where it is our signal handler's, which was called wherever the user's code stood."""
    while trace is not None and trace.tb_next is not None:
        if trace.tb_next.tb_next is None and is_own(trace.tb_next):
            trace.tb_next = None
        trace = trace.tb_next


def is_own(trace: TracebackType) -> bool:
    """Tells whether the topmost frame of a traceback is Mainspring's."""
    return _is_own_file(trace.tb_frame.f_code.co_filename)


def stack_text(frame: FrameType) -> str:
    """Returns where a handler stands, from its own first frame on; all of it if no frame is the handler's."""
    frames = takewhile(lambda found: not _is_own_file(found[0].f_code.co_filename), traceback.walk_stack(frame))
    stack = traceback.StackSummary.extract(frames)
    stack.reverse()
    return "".join(stack.format() or traceback.format_stack(frame))


def _is_own_file(path: str) -> bool:
    return path.startswith(_OWN_FOLDER) and path[len(_OWN_FOLDER) :].startswith(_OWN_PARTS)


def cap(text: str) -> str:
    """Returns text without lone surrogates, cut to ERROR_BYTES_MAX: its beginning and its end."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= ERROR_BYTES_MAX:
        return data.decode()
    tail_bytes = ERROR_BYTES_MAX - _HEAD_BYTES - len(_GAP.encode())
    return data[:_HEAD_BYTES].decode(errors="ignore") + _GAP + data[-tail_bytes:].decode(errors="ignore")
