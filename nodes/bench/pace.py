"""A steady pace: a call every so many milliseconds, on time even where one call was slow.

Decides when the next call is due. It must not know what is called.
"""

import time
from collections.abc import Callable


def paced(count: int, every_s: float, call: Callable[[int], None], offset_s: float = 0.0) -> None:
    """Calls `call(number)` at start + offset + number * every; one that is late does not move the others.

    Args:
        count: of calls.
        every_s: between two calls.
        call: gets 0, 1, 2, ...
        offset_s: from now to the first call.
    """
    begun = time.perf_counter() + offset_s
    for number in range(count):
        wait_s = begun + number * every_s - time.perf_counter()
        if wait_s > 0:
            time.sleep(wait_s)
        call(number)
