"""The process that outlives a command child by a moment: it kills what the child's death would leave behind.

Decides which sessions die when the child is gone, however it went. It must not know jobs. The kernel kills a command
with its parent (`PR_SET_PDEATHSIG`), but not what the command has started. A command tells the keeper its number
before it becomes the declared program, so that none can be missed, and the child takes the number back before it
reaps the command, so that none can be somebody else's by then.
"""

import os
import signal
from collections.abc import Sequence
from typing import Final

from . import sessions

_READ_BYTES: Final = 64 * 1024
_GONE_BOUND_S: Final = 5.0


class Keeper:
    """The command child's end.

    Attributes:
        pid: The keeper's process id.
        pidfd: Readable once the keeper has ended, which it should not before the child.
    """

    def __init__(self, keep_fds: Sequence[int]) -> None:
        """Forks the keeper; do it before there is anything that it must not hold open.

        Args:
            keep_fds: Descriptors that it holds open until nothing is left behind.
        """
        read_fd, self._fd = os.pipe()
        # Copies, for whoever forks closes the originals.
        kept = [os.dup(fd) for fd in keep_fds]
        self.pid: Final = os.fork()
        if self.pid == 0:
            try:
                os.close(self._fd)
                _keep(read_fd)
            finally:
                os._exit(0)
        for fd in (read_fd, *kept):
            os.close(fd)
        self.pidfd: Final = os.pidfd_open(self.pid)

    def expect(self) -> None:
        """Announces a start."""
        os.write(self._fd, b"?\n")

    def join(self) -> None:
        """Has this process kept; it is the new one of a start, the leader of its session."""
        os.write(self._fd, b"+%d\n" % os.getpid())

    def failed(self) -> None:
        """Takes back whoever has joined since the start was announced: it is no command, and reaped already."""
        os.write(self._fd, b"!\n")

    def forget(self, pid: int) -> None:
        """Takes back a session; call it after all of it was killed, and before its leader is reaped."""
        os.write(self._fd, b"-%d\n" % pid)


def _keep(read_fd: int) -> None:
    """Works until the child is gone, then ends what it has left."""
    os.setsid()
    # Nothing but the end of the pipe ends it; it starts no program that could inherit this.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    told = Told()
    while data := os.read(read_fd, _READ_BYTES):
        told.feed(data)
    for leader in told.sessions:
        sessions.kill(leader)
    sessions.wait_until_gone(told.sessions, _GONE_BOUND_S)


class Told:
    """What the keeper was told.

    Attributes:
        sessions: The leaders of those that are to die with the child.
    """

    def __init__(self) -> None:
        self.sessions: set[int] = set()
        self._fresh: int | None = None
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Takes what was read from the pipe."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            word, number = line[:1], line[1:]
            if word == b"+":
                self._fresh = int(number)
                self.sessions.add(self._fresh)
            elif word == b"-":
                self.sessions.discard(int(number))
            else:
                if word == b"!" and self._fresh is not None:
                    self.sessions.discard(self._fresh)
                self._fresh = None
