"""The frames between an executor and its runner children, declared once for both ends.

It decides kinds, columns and bounds, and how bytes become frames. It must not know of sockets or processes. A
frame is four bytes of little-endian length and one msgpack array `[kind, ...]`; a stream that breaks the rule
is not mended.
"""

from collections.abc import Iterator
from struct import Struct
from typing import Any, Final, TypeAlias, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]  (it ships none)

from ...broker.wire.limits import BATCH_BYTES_MAX, ERROR_BYTES_MAX, FRAME_BYTES_MAX

Frame: TypeAlias = list[Any]
Row: TypeAlias = list[Any]

# Parent to child.
RUN: Final = 1
CANCEL: Final = 2
PING: Final = 3
STOP: Final = 4
# Child to parent.
READY: Final = 11
FAILED: Final = 12
DONE: Final = 13
PONG: Final = 14
STUCK: Final = 15

SHAPES: Final[dict[int, tuple[str, tuple[type | tuple[type, ...], ...]]]] = {
    RUN: ("RUN rows", (list,)),
    CANCEL: ("CANCEL run_ids reason", (list, str)),
    PING: ("PING number", (int,)),
    STOP: ("STOP", ()),
    READY: ("READY pid tasks schedules limits", (int, list, list, list)),
    FAILED: ("FAILED text", (str,)),
    DONE: ("DONE rows", (list,)),
    PONG: ("PONG number", (int,)),
    STUCK: ("STUCK run_id stack", ((int, type(None)), str)),
}
"""Kind -> how it reads, and the types of its fields; STUCK has run_id None where no job is known."""

LIMIT_COLUMNS: Final = ("task", "memory_bytes", "cpu_ms", "labels")
"""What READY says of a task beside its row of TASK_COLUMNS: the most that a run of it may use (None: no limit), and the
labels, texts `name=value`, that its executor must have. A task without any of these has no row."""

RUN_COLUMNS: Final = (
    "run_id",
    "job_id",
    "attempt",
    "epoch",
    "index",
    "task",
    "payload",
    "timeout_ms",
    "due_ms",
    "deadline_ms",
    "queue",
    "tenant",
    "trace",
)
DONE_COLUMNS: Final = (
    "run_id",
    "outcome",
    "started_ms",
    "finished_ms",
    "result",
    "error",
    "error_kind",
    "output",
    "verdict",
    "after_ms",
)
"""From outcome on as in broker.wire.rows.RESULT_COLUMNS."""

REASONS: Final = {"timeout": "timed_out", "cancelled": "cancelled", "lease_lost": "cancelled"}
"""Why a run is cancelled -> the outcome that it ends with."""

NOT_STARTED: Final = "not_started"
"""The error_kind of a run that was cancelled, or left over at STOP, before its handler was called."""

EXIT_IMPORT: Final = 3
"""Exit status of a child whose task modules do not import."""
EXIT_ORPHAN: Final = 4
"""Exit status of a child whose parent is gone, or has closed the socket."""
EXIT_PROTOCOL: Final = 5
"""Exit status of a child that was sent what is no frame."""
EXIT_KEEPER: Final = 6
"""Exit status of a command child whose keeper was killed."""

_MSGPACK: Final[Any] = msgpack
_LENGTH: Final = Struct("<I")
_ROW_OVERHEAD_BYTES: Final = 256

assert BATCH_BYTES_MAX + ERROR_BYTES_MAX < FRAME_BYTES_MAX


class FrameError(Exception):
    """The bytes are no frame of this protocol; the stream is of no more use."""


def pack(frame: Frame) -> bytes:
    """Returns a frame as bytes.

    Raises:
        FrameError: It is larger than FRAME_BYTES_MAX; `pack_rows` splits lists.
    """
    body: bytes = _MSGPACK.packb(frame)
    if len(body) > FRAME_BYTES_MAX:
        raise FrameError(f"the frame has {len(body)} bytes, more than {FRAME_BYTES_MAX}; send fewer rows in one")
    return _LENGTH.pack(len(body)) + body


def pack_rows(kind: int, rows: list[Row]) -> Iterator[bytes]:
    """Yields RUN or DONE frames that hold all rows in order, each of about BATCH_BYTES_MAX at most."""
    assert kind in (RUN, DONE)
    if not rows:
        return
    whole: bytes = _MSGPACK.packb([kind, rows])
    if len(whole) <= BATCH_BYTES_MAX:  # nearly always, and to look costs less than to reckon
        yield _LENGTH.pack(len(whole)) + whole
        return
    batch: list[Row] = []
    size = 0
    for row in rows:
        # Texts decide a row's size; a character of payload may take four bytes.
        row_size = _ROW_OVERHEAD_BYTES + sum(4 * len(value) for value in row if type(value) is str)
        if batch and size + row_size > BATCH_BYTES_MAX:
            yield pack([kind, batch])
            batch, size = [], 0
        batch.append(row)
        size += row_size
    if batch:
        yield pack([kind, batch])


class FrameReader:
    """Cuts a stream of bytes into frames."""

    __slots__ = ("_buffer", "_bytes_max")

    def __init__(self, bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._buffer = bytearray()
        self._bytes_max = bytes_max

    def feed(self, data: bytes) -> list[Frame]:
        """Takes bytes and returns the frames that they complete.

        Raises:
            FrameError: A length is above the bound, or a body is no frame.
        """
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        at = 0
        while len(buffer) - at >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(buffer, at)
            if size > self._bytes_max:
                raise FrameError(f"a frame of {size} bytes is announced, more than {self._bytes_max}")
            end = at + _LENGTH.size + size
            if end > len(buffer):
                break
            frames.append(_unpack(bytes(buffer[at + _LENGTH.size : end])))
            at = end
        del buffer[:at]
        return frames


def _unpack(body: bytes) -> Frame:
    try:
        frame: Any = _MSGPACK.unpackb(body)
    except (ValueError, _MSGPACK.UnpackException) as fault:
        raise FrameError(f"a frame is not msgpack: {fault}") from None
    if type(frame) is not list or not frame or type(cast("Frame", frame)[0]) is not int:
        raise FrameError("a frame is not an array that begins with its kind")
    fields = cast("Frame", frame)
    shape = SHAPES.get(fields[0])
    if shape is None:
        raise FrameError(f"a frame has the unknown kind {fields[0]}")
    text, types = shape
    if len(fields) != len(types) + 1 or not all(map(isinstance, fields[1:], types)):
        raise FrameError(f"a frame does not read {text}")
    return fields
