"""msgpack with types: the one place that touches the library.

Decides what becomes of lone surrogates, which no database stores: a text leaves with a `?` in place of each, and what
brings one is refused. Maps have text keys. What strangers send is read within bounds: a megabyte of empty lists takes
a hundred in memory.
"""

from collections.abc import Callable
from typing import Any, NoReturn

import msgpack  # pyright: ignore[reportMissingTypeStubs]  (it ships none)

_LIBRARY: Any = msgpack


def pack(values: list[Any]) -> bytes:
    """Packs an array of plain values."""
    return _LIBRARY.packb(values, unicode_errors="replace")


def unpack(data: bytes | memoryview) -> Any:
    """Reads what `pack` wrote.

    Raises:
        ValueError: the bytes are not msgpack.
    """
    try:
        return _LIBRARY.unpackb(data, strict_map_key=True, unicode_errors="strict")
    except (TypeError, RecursionError, _LIBRARY.UnpackException) as error:
        raise ValueError(f"not msgpack: {error or type(error).__name__}") from None


_UNCOUNTED_BYTES = 64 * 1024
"""What is so short is read without counting: it cannot hold much."""


def unpack_foreign(data: bytes | memoryview, values_max: int) -> Any:
    """Reads what anybody may have sent.

    Raises:
        ValueError: the bytes are not msgpack, hold more values than that, an extension type, or a map with a key twice.
    """
    try:
        return _LIBRARY.unpackb(
            data,
            strict_map_key=True,
            unicode_errors="strict",
            object_pairs_hook=_map_of,
            list_hook=None if len(data) <= _UNCOUNTED_BYTES else _counter(values_max),
            ext_hook=_no_extension,
            max_array_len=values_max,
            max_map_len=values_max,
        )
    except (TypeError, RecursionError, MemoryError, _LIBRARY.UnpackException) as error:
        raise ValueError(f"not msgpack: {error or type(error).__name__}") from None


def _map_of(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Makes a map; of two values under one key nobody knows which is meant."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a map has a key twice")
    return found


def _counter(values_max: int) -> Callable[[list[Any]], list[Any]]:
    """Makes a hook that lets so many values pass: each list is told when it is complete."""
    left = values_max

    def count(values: list[Any]) -> list[Any]:
        nonlocal left
        left -= len(values) + 1
        if left < 0:
            raise ValueError(f"more than {values_max} values")
        return values

    return count


def _no_extension(code: int, data: bytes) -> NoReturn:
    raise ValueError(f"extension type {code} with {len(data)} bytes")
