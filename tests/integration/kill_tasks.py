"""Jobs for the kill tests: quick ones, slow ones, and ones that fail now and then."""

import asyncio
import time

from mainspring import Context, task


@task(retries=5, backoff=(0.05, 0.2))
def sync_quick(number: int) -> int:
    """Ends at once, on the process runner."""
    return number * 2


@task(retries=5, backoff=(0.05, 0.2))
async def async_quick(number: int) -> int:
    """Ends at once, on the asyncio runner."""
    return number * 2


@task(retries=5, backoff=(0.05, 0.2))
async def async_slow(number: int) -> int:
    """Takes a moment, so that kills find it running."""
    await asyncio.sleep(0.05)
    return number * 2


@task(retries=5, backoff=(0.05, 0.2))
def sync_slow(number: int) -> int:
    """Takes a moment in a child of its own."""
    time.sleep(0.02)
    return number * 2


@task(retries=5, backoff=(0.05, 0.2))
def fails_first(number: int, context: Context) -> int:
    """Fails in its first attempt."""
    if context.attempt == 1:
        raise RuntimeError("the first attempt fails")
    return number * 2
