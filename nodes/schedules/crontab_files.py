"""Which files a crontab import reads, and what the machine says about them.

Decides which paths are crontabs, which of them have a user column, whose the others are, and the machine's time zone.
It must not know what stands in a crontab. Rule: a folder is read as cron reads /etc/cron.d.
"""

import os
import pwd
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Final

from .crontab_import import Owner, Source, is_zone

STDIN: Final = "-"
FILE_BYTES_MAX: Final = 1024 * 1024
_READ_BY_CRON = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_SPOOLS: Final = (("cron", "crontabs"), ("spool", "cron"), ("cron", "tabs"))
"""The last two folders of a path under which a user's crontab has the user's name."""


class UnreadableCrontab(ValueError):
    """A file cannot be taken for a crontab; the text names the fault and the mend."""


def owner_of_node(name: str | None) -> Owner:
    """Returns the user that the node runs as: the named one, or whoever asks.

    Raises:
        UnreadableCrontab: this machine has no such user.
    """
    try:
        found = pwd.getpwuid(os.getuid()) if name is None else pwd.getpwnam(name)
    except KeyError:
        who = f"user {name!r}" if name is not None else f"user with the number {os.getuid()}"
        raise UnreadableCrontab(f"this machine has no {who}; name the one that the node runs as with --user") from None
    return Owner(found.pw_name, found.pw_dir)


def sources(paths: Iterable[Path], owner: Owner, *, system: bool | None) -> tuple[list[Source], list[str]]:
    """Reads crontabs.

    Args:
        paths: files, folders such as /etc/cron.d, and `-` for the standard input.
        owner: whose a file without user column is, where its path does not say so.
        system: whether lines have a user column; None goes by the path.

    Returns:
        The files' texts, and a remark on each file of a folder that cron would not read.

    Raises:
        UnreadableCrontab: one cannot be read.
    """
    found: list[Source] = []
    remarks: list[str] = []
    for path in paths:
        if str(path) == STDIN:
            found.append(Source("stdin", _decoded("stdin", sys.stdin.buffer), bool(system), owner.name))
        elif not path.is_dir():
            found.append(_source(path, owner, system))
        else:
            for file in sorted(path.iterdir()):
                if _READ_BY_CRON.fullmatch(file.name) and file.is_file():
                    found.append(_source(file, owner, system))
                elif file.is_file() and not file.name.startswith("."):
                    remarks.append(f"{file}: left out: cron reads no file of that name; give its path to import it")
    return found, remarks


def _source(path: Path, owner: Owner, system: bool | None) -> Source:
    if path.name == "anacrontab":
        raise UnreadableCrontab(
            f"{path}: an anacrontab has periods in days in place of times; declare its jobs with @daily, @weekly and"
            " @monthly in a schedules file"
        )
    try:
        with path.open("rb") as file:
            text = _decoded(str(path), file)
    except OSError as error:
        raise UnreadableCrontab(
            f"{path}: {error.strerror}; give the path of a crontab that this user may read"
        ) from None
    parts = path.absolute().parts
    if system is None:
        system = parts[-2:] == ("etc", "crontab") or parts[-3:-1] == ("etc", "cron.d")
    whose = path.name if parts[-3:-1] in _SPOOLS else owner.name
    return Source(str(path), text, system, whose)


def _decoded(shown: str, file: IO[bytes]) -> str:
    content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise UnreadableCrontab(f"{shown}: has more than {FILE_BYTES_MAX:_} bytes; a crontab is far smaller")
    return content.decode("utf-8", "surrogateescape")


def machine_zone(root: Path = Path("/")) -> str | None:
    """Returns the time zone that cron uses on this machine, None if it has no name.

    Args:
        root: where `etc` stands.
    """
    link = root / "etc/localtime"
    if link.is_symlink():
        _, _, name = str(link.readlink()).rpartition("zoneinfo/")
        if is_zone(name):
            return name
    try:
        name = (root / "etc/timezone").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return name if is_zone(name) else None
