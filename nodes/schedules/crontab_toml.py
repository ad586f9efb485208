"""What a crontab import writes: `commands.toml` and `schedules.toml`.

Decides the form of the two files, and that none is written over by accident. It must not know crontabs. Rule: each
table says which line it comes from, and both files load again as they were meant.
"""

from pathlib import Path
from typing import Any, Final

import tomli_w

from .crontab_import import Import, Taken

COMMANDS_FILE: Final = "commands.toml"
SCHEDULES_FILE: Final = "schedules.toml"


class FileExists(ValueError):
    """A file is there already; the text names the mend."""


def commands_text(found: Import) -> str:
    """Writes the commands as TOML."""
    origins: dict[str, list[str]] = {}
    for taken in found.taken:
        origins.setdefault(taken.command, []).append(_origin(taken))
    parts = ["# Commands, taken over from crontabs by `mainspring import crontab`.\n"]
    for name, table in found.commands.items():
        parts.append(f"# {', '.join(origins[name])}\n{tomli_w.dumps({'commands': {name: table}})}")
    return "\n".join(parts)


def schedules_text(found: Import) -> str:
    """Writes the schedules as TOML."""
    parts = [
        "# Schedules, taken over from crontabs by `mainspring import crontab`.\n",
        "# As cron does it: a missed run is not caught up, and runs may overlap. Without these lines the newest run\n"
        "# missed within the hour is caught up, and a run is skipped while the one before goes on.\n"
        + tomli_w.dumps({"defaults": found.defaults()}),
    ]
    for taken in found.taken:
        table: dict[str, Any] = found.schedules[taken.name]
        parts.append(f"# {_origin(taken)}\n{tomli_w.dumps({'schedules': {taken.name: table}})}")
    return "\n".join(parts)


def write(found: Import, folder: Path, *, replace: bool) -> list[Path]:
    """Writes both files.

    Args:
        found: what goes into them.
        folder: made if it is not there.
        replace: whether files that are there are written over.

    Returns:
        Their paths.

    Raises:
        FileExists: one is there, and may not be written over; nothing is written then.
    """
    texts = {folder / COMMANDS_FILE: commands_text(found), folder / SCHEDULES_FILE: schedules_text(found)}
    there = [str(path) for path in texts if path.exists()]
    if there and not replace:
        raise FileExists(f"{' and '.join(there)}: there already; give --out another folder, or add --replace")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)


def _origin(taken: Taken) -> str:
    file = "".join(letter if letter.isprintable() else "?" for letter in taken.file)
    return f"{file}:{taken.line}"
