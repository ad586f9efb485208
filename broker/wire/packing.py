"""msgpack with types: the one place that touches the library.

Decides what becomes of lone surrogates, which no database stores: a text leaves with a `?` in place of each, and what
brings one is refused. Maps have text keys.
"""

from typing import Any

import msgpack  # pyright: ignore[reportMissingTypeStubs]  (it ships none)

_LIBRARY: Any = msgpack


def pack(values: list[Any]) -> bytes:
    """Packs an array of plain values."""
    return _LIBRARY.packb(values, unicode_errors="replace")


def unpack(data: bytes | memoryview) -> Any:
    """Reads what `pack` wrote, or anything a hostile peer sent.

    Raises:
        ValueError: the bytes are not msgpack.
    """
    try:
        return _LIBRARY.unpackb(data, strict_map_key=True, unicode_errors="strict")
    except (TypeError, RecursionError, _LIBRARY.UnpackException) as error:
        raise ValueError(f"not msgpack: {error or type(error).__name__}") from None
