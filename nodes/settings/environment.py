"""Decides what the environment adds to a node's settings: the task modules of executors that name none.

It must not know how the settings are read, nor any variable of the client (`MAINSPRING_URL` is the client's).
The rule that what a file says wins over the environment: a reader of the file must be able to trust it.
"""

from collections.abc import Mapping, Sequence

from .errors import Fault, value_text
from .forms import check_module

TASKS_VARIABLE = "MAINSPRING_TASKS"
TASKS_MAX = 1000


def tasks_of(environ: Mapping[str, str]) -> tuple[tuple[str, ...], list[Fault]]:
    """Reads the task modules of `MAINSPRING_TASKS`, which are separated by commas.

    Returns:
        The modules, each once, and what is wrong with them.
    """
    parts = (part.strip() for part in environ.get(TASKS_VARIABLE, "").split(","))
    tasks = tuple(dict.fromkeys(part for part in parts if part))
    return tasks, module_faults(f"environment variable {TASKS_VARIABLE}", tasks)


def module_faults(where: str, tasks: Sequence[str]) -> list[Fault]:
    """Finds the names that are no module's; `where` says who gave them."""
    if len(tasks) > TASKS_MAX:
        return [Fault(where, None, None, "", None, f"give at most {TASKS_MAX:_} modules")]
    faults: list[Fault] = []
    for task in tasks:
        try:
            check_module(task)
        except ValueError as error:
            faults.append(Fault(where, None, None, "", value_text(task), str(error)))
    return faults
