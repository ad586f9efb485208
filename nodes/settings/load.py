"""Decides how a node's settings are found: from a TOML file or built in, with the environment's share.

It must not know single settings but those whose default the machine, the folder or the environment decides.
The rule that every fault of a file is told at once, and nothing starts on a faulty one, is promise P7.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from .command_files import with_commands
from .document import parse, read_text
from .environment import module_faults, tasks_of
from .errors import SettingsError
from .executor_section import ExecutorSection
from .faults import Place, fault_at
from .lines import key_lines
from .models import NodeSection, NodeSettings
from .relations import clashes
from .validation import valid_part

BUILT_IN_EXECUTORS = 2


def load(path: Path | str, environ: Mapping[str, str] | None = None) -> NodeSettings:
    """Reads the settings of a node from its TOML file.

    Args:
        path: The file; relative paths in it are relative to its folder.
        environ: Environment variables; None reads the process's own. `MAINSPRING_TASKS` is used by every
            executor for which the file gives no tasks.

    Returns:
        The settings, with all paths absolute and all machine-dependent defaults filled in.

    Raises:
        SettingsError: The file cannot be read or used; the text lists all its faults.
    """
    where = str(path) or "."
    text = read_text(where)
    document = parse(where, text)
    place: Place = (where, key_lines(text))
    tasks, tasks_faults = tasks_of(os.environ if environ is None else environ)
    part = valid_part(place, document, NodeSettings)
    folder = Path(where).parent.absolute()
    settings, command_clashes, command_faults = with_commands(_filled(part.settings, folder, tasks), folder)
    faults = [fault for _, fault in part.faults]
    for clash in (*clashes(settings), *command_clashes):
        keys = [part.original(key) for key in clash.keys]
        if not part.touches(keys) and not (tasks_faults and keys[0][-1] == "tasks"):
            faults.append(fault_at(place, keys[0], clash.given, clash.text))
    if faults := sorted(faults, key=lambda fault: fault.line or 0) + tasks_faults + command_faults:
        raise SettingsError(faults)
    return settings


def default(
    data_dir: Path | str,
    tasks: Sequence[str] = (),
    folder: Path | str | None = None,
    environ: Mapping[str, str] | None = None,
) -> NodeSettings:
    """Gives the settings of the built-in single node: a coordinator and two executors, no file needed.

    Args:
        data_dir: Folder of everything the node stores; relative to `folder`.
        tasks: Task modules; where empty, those of `MAINSPRING_TASKS`; where that is empty too, the node has
            no executors, for there is nothing that they could run.
        folder: Folder that task modules are imported from; None is the working directory.
        environ: Environment variables; None reads the process's own.

    Returns:
        The settings, with all paths absolute and all machine-dependent defaults filled in.

    Raises:
        SettingsError: A task module's name is none.
    """
    if tasks:
        given, faults = tuple(dict.fromkeys(tasks)), module_faults("task modules", tasks)
    else:
        given, faults = tasks_of(os.environ if environ is None else environ)
    if faults:
        raise SettingsError(faults)
    executors = (ExecutorSection(count=BUILT_IN_EXECUTORS, tasks=given),) if given else ()
    settings = NodeSettings(node=NodeSection(data_dir=Path(data_dir)), executor=executors)
    return _filled(settings, Path(folder or ".").absolute(), ())


def _filled(settings: NodeSettings, folder: Path, tasks: tuple[str, ...]) -> NodeSettings:
    """Fills in what the folder, the environment and the machine decide."""
    processes = sum(executor.count for executor in settings.executors)
    executors: list[ExecutorSection] = []
    for executor in settings.executors:
        changes: dict[str, object] = {}
        changes["import_paths"] = tuple(_absolute(folder, path) for path in executor.import_paths)
        if tasks and not executor.tasks:
            changes["tasks"] = tasks
        if "process_slots" not in executor.model_fields_set:
            changes["process_slots"] = max(1, len(os.sched_getaffinity(0)) // processes)
        executors.append(executor.model_copy(update=changes))
    node = settings.node.model_copy(update={"data_dir": _absolute(folder, settings.node.data_dir)})
    filled: dict[str, object] = {"node": node, "executors": tuple(executors)}
    if settings.schedules.file is not None:
        file = _absolute(folder, settings.schedules.file)
        filled["schedules"] = settings.schedules.model_copy(update={"file": file})
    return settings.model_copy(update=filled)


def _absolute(folder: Path, path: Path) -> Path:
    # Symbolic links stay as they are written: the operator may move what they point to.
    return Path(os.path.normpath(folder / path))
