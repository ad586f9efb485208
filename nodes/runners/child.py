"""The entry of a runner child: `-m mainspring.nodes.runners.child --fd N --parent PID --kind K --tasks a,b`.

It decides in which order a child binds itself to its parent, loads the tasks and begins. It must not run a
job itself. It asks the kernel to die with its parent before anything else, then checks that the parent was
not gone already.
"""

import ctypes
import os
import signal
import socket
import sys
from types import FrameType
from typing import TYPE_CHECKING, Final, NamedTuple

from . import frames
from .leave import leave

if TYPE_CHECKING:
    from ...broker.tasks.registry import Registry
    from .asyncio_child import AsyncioChild
    from .process_child import ProcessChild

KINDS: Final = ("process", "asyncio")
_PR_SET_PDEATHSIG: Final = 1


class Arguments(NamedTuple):
    """What the parent says on the command line."""

    fd: int
    parent: int
    kind: str
    tasks: list[str]


def parse(words: list[str]) -> Arguments:
    """Reads `--name value` pairs; argparse would cost each child a megabyte.

    Raises:
        ValueError: A pair is unknown, missing or malformed.
    """
    pairs = dict(zip(words[::2], words[1::2], strict=True))
    if pairs.keys() != {"--fd", "--parent", "--kind", "--tasks"} or pairs["--kind"] not in KINDS:
        raise ValueError(f"arguments are {' '.join(words)!r}; give --fd N --parent PID --kind K --tasks a,b")
    tasks = [name for name in pairs["--tasks"].split(",") if name]
    return Arguments(int(pairs["--fd"]), int(pairs["--parent"]), pairs["--kind"], tasks)


def die_with_parent(parent: int) -> None:
    """Asks the kernel for SIGKILL when the parent's thread ends, and leaves if that has happened already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        leave(frames.EXIT_ORPHAN)


def main() -> int:
    """Runs the child; returns its exit status."""
    arguments = parse(sys.argv[1:])
    die_with_parent(arguments.parent)
    _settle_signals()
    sock = _adopt(arguments.fd)
    for stream in (sys.stdout, sys.stderr):
        # A job that is killed must not take along the lines that it printed.
        stream.reconfigure(line_buffering=True)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]  (a TextIOWrapper)
    _put_cwd_first()

    # Imported only now: everything above must hold before the user's modules are touched.
    from ...broker.tasks.exceptions import MainspringError
    from ...broker.tasks.registry import load

    try:
        registry = load(arguments.tasks)
    except MainspringError as fault:
        from .errors import cap

        sock.sendall(frames.pack([frames.FAILED, cap(str(fault))]))
        return frames.EXIT_IMPORT
    child = _body(arguments.kind, sock, registry)
    sock.sendall(frames.pack([frames.READY, os.getpid(), registry.rows()]))
    child.run()
    return 0


def _body(kind: str, sock: socket.socket, registry: "Registry") -> "AsyncioChild | ProcessChild":
    """Makes the child of a kind; each imports only what it needs."""
    if kind == "asyncio":
        from .asyncio_child import AsyncioChild

        return AsyncioChild(sock, registry)
    from .process_child import ProcessChild

    child = ProcessChild(sock, registry)
    signal.signal(signal.SIGUSR1, child.on_interrupt)
    return child


def _nothing(_signum: int, _frame: FrameType | None) -> None: ...


def _settle_signals() -> None:
    # Handlers that do nothing, rather than SIG_IGN: what a job executes would inherit the latter, and could
    # then not be terminated. Forked children keep handlers, so they get the default back.
    settled = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    for number in settled:
        signal.signal(number, _nothing)

    def restore() -> None:
        for number in settled:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    os.register_at_fork(after_in_child=restore)


def _adopt(fd: int) -> socket.socket:
    """Takes the inherited socket and keeps it from whatever the jobs start."""
    os.set_inheritable(fd, False)
    sock = socket.socket(fileno=fd)
    # A forked grandchild that held the socket would hide this process's death from the parent.
    os.register_at_fork(after_in_child=sock.close)
    return sock


def _put_cwd_first() -> None:
    cwd = os.getcwd()  # noqa: PTH109  (pathlib is imported by nothing else here)
    if sys.path[:1] != [cwd]:
        sys.path[:] = [cwd, *(path for path in sys.path if path not in ("", cwd))]


if __name__ == "__main__":
    sys.exit(main())
