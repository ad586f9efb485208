"""How people write amounts of memory: bytes, or text such as "512MiB".

It decides the units and their spelling. It must not know what an amount is for.
"""

import re
from typing import Final

from .exceptions import InvalidOption
from .limits import MEMORY_BYTES_MAX, MEMORY_BYTES_MIN

_UNITS: Final = {
    "": 1, "b": 1,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_SIZE = re.compile(r"(\d{1,20}(?:\.\d{1,9})?) ?([KMGT]i?B|B)?", re.ASCII | re.IGNORECASE)


def memory_bytes(option: str, value: object) -> int:
    """Returns an amount of memory in bytes, from 1 MiB to 1 TiB.

    Raises:
        InvalidOption: It is none.
    """
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        size = round(float(found[1]) * _UNITS[(found[2] or "").lower()])
    elif isinstance(value, bool) or not isinstance(value, int):
        raise InvalidOption(f"{option} is {value!r}; give a number of bytes, or text such as '512MiB' or '1GB'")
    else:
        size = value
    if not MEMORY_BYTES_MIN <= size <= MEMORY_BYTES_MAX:
        raise InvalidOption(f"{option} is {value!r}; give 1MiB to 1TiB")
    return size
