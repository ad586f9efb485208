"""Reads a backup, a folder or a .tar file alike, and checks it.

Decides that only files which the manifest names are looked at, and that each is compared with its checksum as it is
read. It must not know what is done with them.
"""

import hashlib
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from .manifest import BYTES_MAX, MANIFEST, FileInBackup, Manifest, is_archive, read_manifest
from .report import OperatorError, Progress, Report
from .verify_shard import verify_shard

CHUNK_BYTES: Final = 1024 * 1024


class BackupFiles:
    """One backup, open for reading."""

    def __init__(self, path: Path, archive: tarfile.TarFile | None) -> None:
        self.path = path
        self._archive = archive
        with self._open(MANIFEST) as file:
            self.manifest: Manifest = read_manifest(file.read(BYTES_MAX + 1), path)

    def _open(self, name: str) -> IO[bytes]:
        if self._archive is None:
            try:
                return (self.path / name).open("rb")
            except OSError as error:
                raise OperatorError(f"{self.path / name} cannot be read ({error.strerror}); {_MEND}") from None
        try:
            found = self._archive.extractfile(name)
        except KeyError:
            found = None
        if found is None:
            raise OperatorError(f"{self.path} has no {name}; {_MEND}")
        return found

    def copy(self, file: FileInBackup, target: IO[bytes] | None, progress: Progress) -> None:
        """Reads one file and compares its checksum; writes it to `target` as well, if there is one.

        Raises:
            OperatorError: it is not what the manifest says.
            OSError: `target` cannot be written.
        """
        digest = hashlib.sha256()
        done = 0
        with self._open(file.name) as source:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                done += len(chunk)
                if target is not None:
                    target.write(chunk)
                progress(file.name, done, file.bytes)
        if (done, digest.hexdigest()) != (file.bytes, file.sha256):
            raise OperatorError(f"{self.path}: {file.name} is not as it was backed up (its checksum differs); {_MEND}")


_MEND: Final = "the backup is damaged: use another one"


@contextmanager
def open_backup(path: Path) -> Generator[BackupFiles]:
    """Opens a backup.

    Raises:
        OperatorError: it is none.
    """
    if not is_archive(path):
        if not (path / MANIFEST).is_file():
            raise OperatorError(f"{path} is no backup: it has no {MANIFEST}; give what `mainspring shards backup` made")
        yield BackupFiles(path, None)
        return
    try:
        with tarfile.open(path, "r:") as archive:
            yield BackupFiles(path, archive)
    except (tarfile.TarError, EOFError) as error:
        raise OperatorError(f"{path} is no .tar file, or a damaged one ({error}); use another backup") from None


def verify_backup(path: Path, report: Report, progress: Progress) -> None:
    """Compares every file of a backup with its checksum; the shards of a folder are checked as shards as well."""
    with open_backup(path) as backup:
        report.count("backups")
        for file in backup.manifest.files:
            try:
                backup.copy(file, None, progress)
                report.count("files of backups")
            except OperatorError as error:
                means = "the file is not what was backed up: it must not be restored"
                report.add("backup", str(error), f"{path}: {file.name}", means=means, mend="use another backup")
            if file.shard is not None and not is_archive(path):
                verify_shard(path / file.name, file.shard.shard, report, progress, alone=True)
    if is_archive(path):
        report.skip(f"{path}: the rows inside a .tar file, of which the checksums alone are compared")
