"""The folder of everything that a node stores: made private, held by one node at a time, found by its clients.

Decides who may use it and where the node is reached. It must not know what the processes store in it. Rule:
docs/design.md, "Who may do what" (mode 0700) and "What people touch" (finding the node).
"""

import fcntl
import logging
import os
import stat
import time
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

from ..processes.identity import FILE_NAME as IDENTITY_FILE
from .errors import NodeError

log = logging.getLogger("mainspring.supervisor")

LOCK_FILE: Final = "supervisor.lock"
URL_FILE: Final = "coordinator.url"
SOCKET_FILE: Final = "coordinator.sock"
CONTROL_FILE: Final = "control.sock"
SOCKET_PATH_BYTES_MAX: Final = 107
"""The longest path that a Unix socket address holds, without its closing NUL."""

HELD_WAIT_S: Final = 1.0
"""How long a lock may be held by a process that seems to live, before the second node is refused."""
DYING_WAIT_S: Final = 10.0
"""How long the processes of a node whose supervisor was killed may take to die."""
LOOK_EVERY_S: Final = 0.02


class DataDir:
    """A data directory, held until `close`.

    The lock is shared with the actor processes, which inherit `lock_fd`: so a supervisor that follows a killed one
    waits until its processes are dead as well, and no two of them meet at the files.

    Raises:
        NodeError: the directory cannot be used, or another node holds it.
    """

    def __init__(self, path: Path) -> None:
        _make_private(path)
        self.path: Final = path
        self.lock_fd: Final = _locked(path)

    def socket_endpoint(self) -> str:
        """Returns the endpoint of the coordinator's socket: in this directory, or in a private one if its path is long.

        Raises:
            NodeError: the private directory belongs to somebody else.
        """
        return f"ipc://{self._sockets() / SOCKET_FILE}"

    def control_path(self) -> Path:
        """Returns the path of the control socket, which lies beside the coordinator's.

        Raises:
            NodeError: as for that one.
        """
        return self._sockets() / CONTROL_FILE

    def _sockets(self) -> Path:
        folder = socket_folder(self.path)
        if folder == self.path:
            return folder
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        is_private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700
        if not is_private or found.st_uid != os.getuid():
            raise NodeError(
                f"{folder}: is not a private directory of this user: remove it, or give the node a data_dir with a"
                f" shorter path (this one's socket path would have more than {SOCKET_PATH_BYTES_MAX} bytes)"
            )
        return folder

    def write_url(self, url: str) -> None:
        """Writes where clients reach the coordinator; they read a whole file or none."""
        temporary = self.path / f"{URL_FILE}.new"
        temporary.write_text(f"{url}\n", encoding="utf-8")
        temporary.replace(self.path / URL_FILE)

    def close(self) -> None:
        """Lets the next node in, once no actor process is left."""
        os.close(self.lock_fd)


def socket_folder(data_dir: Path) -> Path:
    """Returns where the sockets of a data directory lie: in it, or apart if its path is long."""
    assert len(CONTROL_FILE) <= len(SOCKET_FILE), "one rule for both: the longer name decides"
    fits = len(os.fsencode(data_dir / SOCKET_FILE)) <= SOCKET_PATH_BYTES_MAX
    return data_dir if fits else folder_apart(data_dir, os.getuid())


def folder_apart(data_dir: Path, uid: int) -> Path:
    """Returns the folder with a short path for the sockets of a user's data directory."""
    digest = blake2b(os.fsencode(data_dir.resolve()), digest_size=10).hexdigest()
    return Path("/tmp", f"mainspring-{uid}-{digest}")  # noqa: S108  (made private, and checked, by the node)


def _make_private(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        found = path.stat()
    except OSError as error:
        raise NodeError(
            f"{path}: cannot be made ({error.strerror}): give a data_dir that this user may write to"
        ) from error
    if not stat.S_ISDIR(found.st_mode):
        raise NodeError(f"{path}: is not a directory: move it away, or give another data_dir")
    if found.st_uid != os.geteuid():
        raise NodeError(f"{path}: belongs to another user: run the node as that user, or give another data_dir")
    if stat.S_IMODE(found.st_mode) & 0o077:
        if (path / IDENTITY_FILE).exists():
            # Somebody opened it after the node had made it, to let others read the files.
            log.warning("%s is open to other users, who can read every job; chmod 700 closes it", path)
        else:
            path.chmod(0o700)


def _locked(path: Path) -> int:
    try:
        fd = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NodeError(
            f"{path}: cannot be written to ({error.strerror}): give a data_dir that this user may write to"
        ) from error
    begun = time.monotonic()
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
            lives = Path("/proc", holder).exists() if holder.isdecimal() else False
            if time.monotonic() - begun >= (HELD_WAIT_S if lives else DYING_WAIT_S):
                os.close(fd)
                raise NodeError(_held_text(path, holder, lives)) from None
            time.sleep(LOOK_EVERY_S)
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def _held_text(path: Path, holder: str, lives: bool) -> str:
    if lives:
        return (
            f"{path}: another node uses it (process {holder}): stop that one, or give this node a data_dir of its own"
        )
    return f"{path}: processes of a node that was killed do not die: `fuser {path / LOCK_FILE}` lists them; kill them"
