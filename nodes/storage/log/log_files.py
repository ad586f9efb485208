"""The files of one log, opened and compared with each other.

Decides what must be true of them at a start: who may open them, which may be missing, and that the log does
not end before what was acknowledged. It knows nothing of entries that are not written yet.
"""

import errno
from contextlib import ExitStack
from pathlib import Path

import apsw

from ....actors.log import LogDamaged
from .directory_lock import DirectoryLock
from .errors import DiskFull, LogFailed
from .files import Files
from .hard_state import HardState
from .segment import MEND, Synchronous
from .segment_chain import SegmentChain, segment_numbers
from .synced_file import SyncedFile


class LogFiles:
    """Everything that is open while a log is in use.

    Raises:
        DataDirectoryInUse: another process has the directory.
        LogDamaged: the files cannot be trusted.
        LogFailed: the files cannot be read or written.
        DiskFull: there is no room to begin.
    """

    hard_state: HardState
    synced: SyncedFile
    chain: SegmentChain

    def __init__(
        self, directory: Path, files: Files, *, segment_bytes: int, synchronous: Synchronous, vfs: str | None
    ) -> None:
        self._directory = directory
        with ExitStack() as opened:
            try:
                self._make_directory(files)
                opened.callback(DirectoryLock(directory).close)
                self._open_small(files, opened)
                self.chain = SegmentChain(
                    directory, files, segment_bytes=segment_bytes, vfs=vfs, synchronous=synchronous
                )
                opened.callback(self.chain.close)
                self._check_synced()
            except apsw.FullError as error:
                raise DiskFull(f"no room for the log in {directory}; free some space and start again") from error
            except (apsw.Error, OSError) as error:
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise DiskFull(f"no room for the log in {directory}; free some space and start again") from error
                raise LogFailed(
                    f"the log in {directory} cannot be opened ({error}); check the path, its permissions and the disk"
                ) from error
            self._opened = opened.pop_all()

    def _make_directory(self, files: Files) -> None:
        if not self._directory.exists():
            self._directory.mkdir(parents=True, mode=0o700)
            files.sync_directory(self._directory.parent)

    def _open_small(self, files: Files, opened: ExitStack) -> None:
        directory = self._directory
        begun = bool(segment_numbers(directory))
        if not (directory / HardState.NAME).exists():
            if begun:
                raise LogDamaged(f"{directory / HardState.NAME} is missing, so epochs could be given twice; {MEND}")
            HardState.create(directory, files)
        if not (directory / SyncedFile.NAME).exists():
            SyncedFile.create(directory, files)
        files.sync_directory(directory)
        self.hard_state = HardState(directory, files)
        opened.callback(self.hard_state.close)
        self.synced = SyncedFile(directory, files)
        opened.callback(self.synced.close)
        if not begun and not (self.hard_state.empty and not self.synced.noted):
            raise LogDamaged(f"{directory} has lost all segments of its log; {MEND}")

    def _check_synced(self) -> None:
        tails = self.chain.tails()
        for group, (index, crc) in sorted(self.synced.noted.items()):
            tail = tails.get(group)
            last = 0 if tail is None else tail.last
            if last < index:
                raise LogDamaged(
                    f"the log of group {group} in {self._directory} ends at entry {last}, but entries "
                    f"{last + 1} to {index} had been acknowledged: they are lost; {MEND}. To go on without "
                    "them, knowing that acknowledged jobs are gone, move the file "
                    f"{SyncedFile.NAME!r} out of the directory"
                )
            if tail is not None and last == index and tail.crc != crc:
                raise LogDamaged(
                    f"entry {index} of group {group} in {self._directory} is not the one that was acknowledged; {MEND}"
                )

    def close(self) -> None:
        """Closes what is open, the lock last, and writes nothing: what there was to write is done before."""
        self._opened.close()
