"""The files of one log, opened and compared with each other.

Decides what must be true of them at a start: who may open them, which may be missing, and that the log does
not end before what was acknowledged, or how far it had come if that is tolerated. It knows nothing of entries that are
not written yet.
"""

import errno
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import apsw

from ....actors.log import LogDamaged
from .directory_lock import DirectoryLock
from .errors import DiskFull, LogFailed
from .files import Files
from .group_states import GroupStates
from .hard_state import HardState
from .segment import MEND, Start, Synchronous
from .segment_chain import SegmentChain, segment_numbers
from .synced_file import Synced, SyncedFile

MEMBERS_MEND = (
    "this node is a member of a cluster: stop it, and put a node of another name with an empty data directory in its "
    "place (`mainspring cluster replace`); the others bring that one everything"
)


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
    states: GroupStates

    def __init__(
        self,
        directory: Path,
        files: Files,
        *,
        segment_bytes: int,
        synchronous: Synchronous,
        vfs: str | None,
        tolerate_lost: bool,
    ) -> None:
        self._directory = directory
        self._tolerates = tolerate_lost
        self.lost: dict[int, int] = {}
        """Group -> the entry up to which it had been durable, where it now ends sooner."""
        with ExitStack() as opened:
            try:
                self._make_directory(files)
                opened.callback(DirectoryLock(directory).close)
                with self.mending():
                    self._open_small(files, opened)
                    self.chain = SegmentChain(
                        directory,
                        files,
                        segment_bytes=segment_bytes,
                        vfs=vfs,
                        synchronous=synchronous,
                        verifying=not tolerate_lost,
                    )
                    opened.callback(self.chain.close)
                    if tolerate_lost:
                        self._take_losses()
                    else:
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
        self.states = GroupStates(directory, files)
        opened.callback(self.states.close)
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
            if tail is not None and last == index and crc not in (0, tail.crc):
                raise LogDamaged(
                    f"entry {index} of group {group} in {self._directory} is not the one that was acknowledged; {MEND}"
                )

    def _take_losses(self) -> None:
        """Cuts off what has a wrong checksum, and takes note of what is gone; it is fetched from other members."""
        chain = self.chain
        ends = {group: tail.last for group, tail in chain.tails().items()}
        starts: dict[int, Start] = {}
        for group, index in chain.active.first_bad().items():
            begins = chain.active.behind(group)
            kept = begins if index == begins.last + 1 else chain.active.tail_at(group, index - 1)
            starts[group] = Start(kept, is_reset=False)
            self.lost[group] = ends[group]
        noted = self.synced.noted
        for group, (index, _) in noted.items():
            if ends.get(group, 0) < index:
                self.lost[group] = index
        if self.lost:
            # First of all: once the bad entries are gone, nothing else says that they were there.
            self.synced.note_lost({group: Synced(index, 0) for group, index in self.lost.items()})
        if starts:
            chain.write([], starts)
        tails = chain.tails()
        for group, (index, crc) in self.synced.noted.items():
            tail = tails.get(group)
            if tail is not None and tail.last == index and crc not in (0, tail.crc):
                raise LogDamaged(
                    f"entry {index} of group {group} in {self._directory} is not the one that was acknowledged; {MEND}"
                )

    @contextmanager
    def mending(self) -> Generator[None]:
        """Adds to what is said of damage what a member of a cluster can do about it."""
        try:
            yield
        except LogDamaged as error:
            if not self._tolerates:
                raise
            raise LogDamaged(str(error).replace(MEND, MEMBERS_MEND)) from error

    def close(self) -> None:
        """Closes what is open, the lock last, and writes nothing: what there was to write is done before."""
        self._opened.close()
