"""Decides which commands each executor runs: those of the node's file, and those of a file of its own.

It must not know how a file is parsed, nor how a command is run. That all faults of a file are told at once is
promise P7.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from .clash import Clash
from .command_section import CommandSection, CommandsFile
from .document import FileKind, parse, read_text
from .errors import Fault, KeyPath, SettingsError
from .faults import Place
from .lines import key_lines
from .models import NodeSettings
from .validation import valid_part

FILE: Final = FileKind(
    "a file of commands", 1024 * 1024, "move long texts out of it", "no key of a command has more than two levels"
)

Declared = dict[str, CommandSection]


class WithCommands(NamedTuple):
    """A node's settings, in which each executor knows its commands, and what is wrong with these."""

    settings: NodeSettings
    clashes: list[Clash]
    """With the node's own file."""
    faults: list[Fault]
    """In the files of commands."""


def with_commands(settings: NodeSettings, folder: Path) -> WithCommands:
    """Reads the files of commands that executors name, and gives each executor its own.

    Args:
        settings: The node's.
        folder: Of the node's file, to which files and folders are relative.
    """
    own = _in_folder(settings.commands, folder)
    faults: list[Fault] = []
    files: dict[Path | None, Declared] = {None: {}}
    for path in dict.fromkeys(executor.commands for executor in settings.executors):
        if path is not None and (folder / path).exists():
            try:
                files[path] = read_commands(folder / path)
            except SettingsError as error:
                files[path] = {}
                faults += error.faults
    executors = tuple(
        executor.with_commands({**own, **files.get(executor.commands, {})}) for executor in settings.executors
    )
    settings = settings.model_copy(update={"commands": own, "executors": executors})
    return WithCommands(settings, list(_clashes(settings, files)), faults)


def read_commands(path: Path) -> Declared:
    """Reads a file of commands.

    Raises:
        SettingsError: It cannot be read or used; the text lists all its faults.
    """
    where = str(path)
    text = read_text(where, FILE)
    place: Place = (where, key_lines(text))
    part = valid_part(place, parse(where, text, FILE), CommandsFile)
    if part.faults:
        raise SettingsError(sorted((fault for _, fault in part.faults), key=lambda fault: fault.line or 0))
    return _in_folder(part.settings.commands, path.parent)


def _in_folder(commands: Declared, folder: Path) -> Declared:
    return {
        name: command.model_copy(update={"cwd": Path(os.path.normpath(folder / command.cwd))})
        for name, command in commands.items()
    }


def _clashes(settings: NodeSettings, files: dict[Path | None, Declared]) -> Iterator[Clash]:
    """Finds files that are not there, and names that mean two commands."""
    seen: Declared = dict(settings.commands)
    if settings.commands and not any(executor.command_slots for executor in settings.executors):
        yield Clash((("commands",), ("executor",)), None, "nobody would run them: add an [[executor]]")
    for i, executor in enumerate(settings.executors):
        key: KeyPath = ("executor", i, "commands")
        if executor.commands not in files:
            yield Clash((key,), executor.commands, "no such file: write it, or take the key out")
            continue
        for name, command in files[executor.commands].items():
            if name in settings.commands or seen.setdefault(name, command) != command:
                text = f"declares a second command {name}: give one of the two another name"
                yield Clash((key, ("commands", name)), executor.commands, text)
