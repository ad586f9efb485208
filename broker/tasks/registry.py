"""The tasks that a process can run, by name.

It decides which module attributes are tasks and that a name means one function. It must not know how they
run. Tasks are resolved from here alone: nothing is imported or evaluated because a message names it (design,
section 10).
"""

import importlib
import traceback
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any, TypeAlias

from .definition import Task
from .exceptions import DuplicateSchedule, DuplicateTask, TaskImportError, UnknownTask
from .options import TaskOptions

AnyTask: TypeAlias = Task[..., Any]


class Registry:
    """An immutable table from name to task."""

    __slots__ = ("_tasks",)

    def __init__(self, tasks: Iterable[AnyTask]) -> None:
        """Builds the table.

        Args:
            tasks: The same task may come twice, as where a package re-exports it.

        Raises:
            DuplicateTask: Two tasks claim one name; the text names both places.
            DuplicateSchedule: So do two schedules of different tasks.
            UnreachableTask: A task has no name that other processes could use.
            InvalidTask: A signature cannot be inspected.
        """
        found: dict[str, AnyTask] = {}
        for task in tasks:
            task.check_reachable()
            known = found.setdefault(task.name, task)
            if known is not task:
                raise DuplicateTask(
                    f"two tasks are named {task.name}: {known.place} and {task.place}; give one of them another name"
                )
            # Inspected now, so that a bad annotation stops the start and not the first job.
            _ = task.signature
        self._tasks = found
        _check_schedules(found.values())

    def get(self, name: str) -> AnyTask:
        """Returns the task of a name; raises UnknownTask."""
        task = self._tasks.get(name)
        if task is None:
            raise UnknownTask(
                f"no task is named {name!r} among {len(self._tasks)} here; "
                f"correct the name, or add its module to the executor's `tasks`"
            )
        return task

    def rows(self) -> list[list[Any]]:
        """Returns a row of `TASK_COLUMNS` for each task, sorted by name."""
        return [self._tasks[name].options.as_row(name) for name in sorted(self._tasks)]

    def limit_rows(self) -> list[list[Any]]:
        """Returns a row [name, memory_bytes, cpu_ms, labels] for each task that has any of these, sorted by name."""
        rows = (self._tasks[name].options.limits_row(name) for name in sorted(self._tasks))
        return [row for row in rows if row is not None]

    def options(self, name: str) -> TaskOptions | None:
        """Returns the options of a task, or None where no task is named so."""
        task = self._tasks.get(name)
        return None if task is None else task.options

    def schedule_rows(self) -> list[list[Any]]:
        """Returns a row of `SCHEDULE_COLUMNS` for each schedule that the code declares, sorted by task and name."""
        return [row for name in sorted(self._tasks) for row in sorted(self._tasks[name].schedule_rows(), key=_name_of)]

    def __iter__(self) -> Iterator[AnyTask]:
        return iter(self._tasks.values())

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, name: object) -> bool:
        return name in self._tasks


def _name_of(row: list[Any]) -> str:
    return row[0]


def _check_schedules(tasks: Iterable[AnyTask]) -> None:
    owners: dict[str | None, AnyTask] = {}
    for task in tasks:
        for schedule in task.schedules:
            known = owners.setdefault(schedule.name, task)
            if known is not task:
                raise DuplicateSchedule(
                    f"two schedules are named {schedule.name!r}: of {known.name} ({known.place}) and of {task.name} "
                    f"({task.place}); give one of them another name"
                )


def load(modules: Sequence[str]) -> Registry:
    """Imports modules and gathers the tasks that are attributes of them, their own and re-exported ones.

    Args:
        modules: Dotted names; the working directory must be on `sys.path` if they live there.

    Raises:
        TaskImportError: A module does not import; the text ends with the traceback of the user's code.
        DuplicateTask: Two tasks claim one name.
        DuplicateSchedule: Two tasks have schedules of one name.
        UnreachableTask: A task stands in `__main__` without a name of its own.
        InvalidTask: A signature cannot be inspected.
    """
    return Registry(task for name in modules for task in tasks_of(_import(name)))


def tasks_of(module: ModuleType) -> list[AnyTask]:
    """Returns the tasks among the attributes of a module."""
    return [value for value in vars(module).values() if isinstance(value, Task)]


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as fault:
        if fault.name is not None and (name == fault.name or name.startswith(fault.name + ".")):
            raise TaskImportError(
                f"task module {name!r} is not found; correct the name in `tasks`, or start where it can be imported"
            ) from None
        raise _import_error(name, fault) from fault
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as fault:
        # Whatever the module raises, SystemExit too, is a fault of the module and not of who loads it.
        raise _import_error(name, fault) from fault


def _import_error(name: str, fault: BaseException) -> TaskImportError:
    own = {__file__, importlib.__file__}
    trace = traceback.TracebackException.from_exception(fault)
    kept = [
        frame for frame in trace.stack if frame.filename not in own and "importlib._bootstrap" not in frame.filename
    ]
    trace.stack = traceback.StackSummary.from_list(kept)
    text = "".join(trace.format()).rstrip()
    return TaskImportError(f"task module {name!r} does not import; mend the error below and start again\n{text}")
