"""One ZMQ context a process: what all its clients' sockets live in.

Decides that clients share it, for each context has threads and descriptors of its own. Must not know what the sockets
are for. It is never ended: others may be using it. A forked child gets one of its own and leaves the parent's alone.
"""

import os

import zmq

Context = zmq.Context[zmq.Socket[bytes]]

SOCKETS_MAX = 16_384
"""Sockets of all clients of a process together, three or four a connection; open files run out first."""

_CONTEXT_FILES = 5
"""What a context opens with its first socket. ZMQ ends the whole process if that fails."""

_contexts: dict[int, Context] = {}


def shared_context() -> Context:
    """Returns this process's context; it opens its files with its first socket.

    Raises:
        OSError: EMFILE, if there is no room for them.
    """
    pid = os.getpid()
    context = _contexts.get(pid)
    if context is None:
        check_room(_CONTEXT_FILES)
        fresh: Context = zmq.Context()
        fresh.set(zmq.MAX_SOCKETS, SOCKETS_MAX)
        # `setdefault` is one step for all threads, and no lock that a fork could leave locked.
        context = _contexts.setdefault(pid, fresh)
        if context is not fresh:
            fresh.term()
    return context


def check_room(files: int) -> None:
    """Raises OSError (EMFILE) unless this process may open so many more files now.

    It is for files that ZMQ opens on threads of its own, where it tells nobody that it could not.
    """
    opened: list[int] = []
    try:
        for _ in range(files):
            opened.append(os.eventfd(0, os.EFD_CLOEXEC))  # noqa: PERF401  (those before a failure are closed)
    finally:
        for fd in opened:
            os.close(fd)
