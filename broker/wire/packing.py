"""msgpack with types: the one place that touches the library.

Decides how texts with lone surrogates travel (they pass, so that no stored text can stop a coordinator) and that maps
have text keys.
"""

from typing import Any

import msgpack  # pyright: ignore[reportMissingTypeStubs]  (it ships none)

_LIBRARY: Any = msgpack


def pack(values: list[Any]) -> bytes:
    """Packs an array of plain values."""
    return _LIBRARY.packb(values, unicode_errors="surrogatepass")


def unpack(data: bytes | memoryview) -> Any:
    """Reads what `pack` wrote, or anything a hostile peer sent.

    Raises:
        ValueError: the bytes are not msgpack.
    """
    try:
        return _LIBRARY.unpackb(data, strict_map_key=True, unicode_errors="surrogatepass")
    except (TypeError, RecursionError, _LIBRARY.UnpackException) as error:
        raise ValueError(f"not msgpack: {error or type(error).__name__}") from None
