"""The entry of a runner child: `-m mainspring.nodes.runners.child --fd N --parent PID --kind K --tasks a,b ...`.

It decides in which order a child binds itself to its parent, loads the tasks and begins. It must not run a
job itself. It asks the kernel to die with its parent before anything else, then checks that the parent was
not gone already.
"""

import os
import signal
import socket
import sys
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Final, NamedTuple

from ..processes.death import die_with_parent
from . import frames

if TYPE_CHECKING:
    from ...broker.tasks.registry import Registry
    from .asyncio_child import AsyncioChild
    from .process_child import ProcessChild
    from .thread_child import ThreadChild

KINDS: Final = ("process", "asyncio", "thread", "command")


class Arguments(NamedTuple):
    """What the parent says on the command line."""

    fd: int
    parent: int
    kind: str
    tasks: list[str]
    paths: list[str]
    keep: list[int]


def parse(words: list[str]) -> Arguments:
    """Reads `--name value` pairs; argparse would cost each child a megabyte.

    Raises:
        ValueError: A pair is unknown, missing or malformed.
    """
    pairs = dict(zip(words[::2], words[1::2], strict=True))
    if pairs.keys() != {"--fd", "--parent", "--kind", "--tasks", "--paths", "--keep"} or pairs["--kind"] not in KINDS:
        raise ValueError(
            f"arguments are {' '.join(words)!r}; give --fd N --parent PID --kind K --tasks a,b --paths p:q --keep N,N"
        )
    tasks = [name for name in pairs["--tasks"].split(",") if name]
    paths = [path for path in pairs["--paths"].split(os.pathsep) if path]
    keep = [int(fd) for fd in pairs["--keep"].split(",") if fd]
    return Arguments(int(pairs["--fd"]), int(pairs["--parent"]), pairs["--kind"], tasks, paths, keep)


def main() -> int:
    """Runs the child; returns its exit status."""
    arguments = parse(sys.argv[1:])
    die_with_parent(arguments.parent)
    _settle_signals()
    sock = _adopt(arguments.fd)
    for fd in arguments.keep:
        os.set_inheritable(fd, False)
        # Held to prove that this process lives; a grandchild that held it would speak for it.
        os.register_at_fork(after_in_child=partial(os.close, fd))
    for stream in (sys.stdout, sys.stderr):
        # A job that is killed must not take along the lines that it printed.
        stream.reconfigure(line_buffering=True)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]  (both are text wrappers)
    if arguments.kind == "command":
        from .command_child import run_commands

        return run_commands(sock, arguments.keep)
    _put_first(arguments.paths)

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
    told = [registry.rows(), registry.schedule_rows(), registry.limit_rows()]
    sock.sendall(frames.pack([frames.READY, os.getpid(), *told]))
    child.run()
    return 0


def _body(kind: str, sock: socket.socket, registry: "Registry") -> "AsyncioChild | ProcessChild | ThreadChild":
    """Makes the child of a kind; each imports only what it needs."""
    if kind == "asyncio":
        from .asyncio_child import AsyncioChild

        return AsyncioChild(sock, registry)
    if kind == "thread":
        from .thread_child import ThreadChild

        return ThreadChild(sock, registry)
    from .process_child import ProcessChild

    child = ProcessChild(sock, registry)
    signal.signal(signal.SIGUSR1, child.on_interrupt)
    signal.signal(signal.SIGPROF, child.on_cpu_time)
    return child


def _nothing(_signum: int, _frame: FrameType | None) -> None: ...


def _settle_signals() -> None:
    # Handlers that do nothing, rather than SIG_IGN: what a job executes would inherit the latter, and could then not
    # be terminated. A forked child keeps handlers, so it gets the defaults back, before any signal can reach it.
    settled = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    for number in settled:
        signal.signal(number, _nothing)

    def block() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, settled)

    def unblock() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, settled)

    def restore() -> None:
        for number in settled:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        unblock()

    os.register_at_fork(before=block, after_in_parent=unblock, after_in_child=restore)


def _adopt(fd: int) -> socket.socket:
    """Takes the inherited socket and keeps it from whatever the jobs start."""
    os.set_inheritable(fd, False)
    sock = socket.socket(fileno=fd)
    # A forked grandchild that held the socket would hide this process's death from the parent.
    os.register_at_fork(after_in_child=sock.close)
    return sock


def _put_first(paths: list[str]) -> None:
    """Puts these folders and then the working directory before everything else on `sys.path`."""
    first = list(dict.fromkeys([*paths, os.getcwd()]))  # noqa: PTH109  (pathlib is imported by nothing else here)
    sys.path[:] = [*first, *(path for path in sys.path if path not in ("", *first))]


if __name__ == "__main__":
    sys.exit(main())
