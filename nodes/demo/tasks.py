"""The tasks of the demonstration.

Decides what each job does, and how the special ones go wrong. It must not know how many there are, or when they are
submitted: `load` does. They are ordinary tasks, as any module of a user has them.
"""

import asyncio
import hashlib
import os
import signal
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...broker.tasks.task import task

CHUNK_BYTES = 1024 * 1024

TIMEOUT_S = 2
"""After this the job that never ends is told to stop; it does not, so its process is killed a second later."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What is stored of one file."""

    sha256: str
    bytes: int
    compressed_bytes: int
    lines: int


@task(name="demo.digest", retries=0)
def digest(path: str) -> Digest:
    """Hashes, compresses and counts one file, whatever it holds."""
    sha256, compressor = hashlib.sha256(), zlib.compressobj()
    size = compressed = lines = 0
    with Path(path).open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            sha256.update(chunk)
            size += len(chunk)
            compressed += len(compressor.compress(chunk))
            lines += chunk.count(b"\n")
    return Digest(sha256.hexdigest(), size, compressed + len(compressor.flush()), lines)


@task(name="demo.echo", retries=0)
async def echo(number: int) -> int:
    """Does nothing: what is left is the way there and back."""
    return number


@task(name="demo.remind", retries=0)
async def remind(text: str) -> str:
    """Stands for a reminder; it is submitted with a delay."""
    return text


@task(name="demo.tick", retries=0)
async def tick() -> None:
    """Stands for what is done on a calendar; a schedule makes its jobs."""


@task(name="demo.wait", retries=0)
async def wait(seconds: float) -> float:
    """Stands for work that mostly waits, such as a web request: many run at once on one event loop."""
    await asyncio.sleep(seconds)
    return seconds


@task(name="demo.fail_twice", retries=3, backoff=0.5)
def fail_twice(folder: str) -> str:
    """Stands for a service that is down at first: the first two attempts fail, each leaving a mark in the folder."""
    for mark in ("first", "second"):
        with suppress(FileExistsError):
            Path(folder, mark).touch(exist_ok=False)
            raise ConnectionError(f"the {mark} attempt finds nobody there")
    return "the third attempt succeeds"


@task(name="demo.never_end", retries=0, timeout=TIMEOUT_S)
def never_end() -> None:
    """Ignores that it is told to stop at its timeout, so that nothing helps but to kill its process."""
    while True:
        with suppress(BaseException):
            time.sleep(3600)


@task(name="demo.kill_runner", retries=0, backoff=(0.2, 0.5))
def kill_runner() -> None:
    """Kills the process that runs it, as a fault in a C library would."""
    os.kill(os.getpid(), signal.SIGKILL)
