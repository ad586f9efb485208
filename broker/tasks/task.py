"""The decorator `@task`, and decorators made from it by giving options.

It decides which functions can be tasks, on which runner, and what a type checker knows of them. It must not know how a
task becomes a job. Options given twice are those given last, so that a project can keep decorators of its own.
"""

import inspect
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar, final, overload

from .context import Context
from .definition import AsyncTask, SyncTask, Task
from .exceptions import InvalidTask
from .options import RUNNERS, SYNC_RUNNERS, Backoff, Errors, Runner, Span, TaskOptions, check_task_name, task_options

if TYPE_CHECKING:
    from .labels import Labels
    from .schedule import Cron, Schedule

P = ParamSpec("P")
R = TypeVar("R")

_DEFAULTS: Final[dict[str, Any]] = {
    "queue": "default",
    "retries": 3,
    "backoff": None,
    "timeout": None,
    "priority": 0,
    "expires": None,
    "deadline": None,
    "memory": None,
    "cpu": None,
    "labels": (),
    "no_retry": (),
    "no_count": (),
}


@final
class _Anything:
    """A type that only `object` and the lack of annotations accept; it tells untyped functions from typed ones."""


class TaskDecorator:
    """Declares a function a task; it stays an ordinary function to call.

    Without options, `@task`; with them, `@task(queue="mail", retries=5)`, which may be kept under a name and used, or
    refined, many times: `mail = task(queue="mail")`, then `@mail` and `@mail(priority=5)`.
    """

    __slots__ = ("_options",)

    def __init__(self, options: dict[str, Any]) -> None:
        self._options: Final = options

    # A coroutine function is a function, too, and one of `object` takes a context: the overloads overlap by nature, and
    # the first that fits is the one meant.
    #
    # Untyped first parameter: nothing is known of the arguments.
    @overload
    def __call__(self, func: Callable[Concatenate[_Anything, ...], _Anything], /) -> SyncTask[..., Any]: ...
    @overload
    def __call__(  # pyright: ignore[reportOverlappingOverload]  (see the comment above)
        self, func: Callable[Concatenate[_Anything, ...], Coroutine[Any, Any, R]], /
    ) -> AsyncTask[..., R]: ...
    @overload
    def __call__(self, func: Callable[Concatenate[_Anything, ...], R], /) -> SyncTask[..., R]: ...

    # The context comes first: callers do not pass it.
    @overload
    def __call__(self, func: Callable[Concatenate[Context, P], _Anything], /) -> SyncTask[P, Any]: ...
    @overload
    def __call__(  # pyright: ignore[reportOverlappingOverload]  (see the comment above)
        self, func: Callable[Concatenate[Context, P], Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, func: Callable[Concatenate[Context, P], R], /) -> SyncTask[P, R]: ...

    # Everything else.
    @overload
    def __call__(self, func: Callable[P, _Anything], /) -> SyncTask[P, Any]: ...
    @overload
    def __call__(self, func: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, func: Callable[P, R], /) -> SyncTask[P, R]: ...

    @overload
    def __call__(
        self,
        /,
        *,
        name: str = ...,
        queue: str = ...,
        retries: int = ...,
        backoff: Backoff | None = ...,
        timeout: Span | None = ...,
        priority: int = ...,
        runner: Runner | None = ...,
        expires: Span | None = ...,
        deadline: Span | None = ...,
        memory: int | str | None = ...,
        cpu: Span | None = ...,
        labels: "Labels" = ...,
        no_retry: Errors = ...,
        no_count: Errors = ...,
        cron: "Cron | None" = ...,
    ) -> "TaskDecorator": ...

    def __call__(self, func: Callable[..., Any] | None = None, /, **options: Any) -> "Task[..., Any] | TaskDecorator":
        """Makes a task of a function, or a decorator with options.

        Args:
            func: The function, where no option is given.
            options: `name` (by default `module.function`); `queue` ("default"); `retries`, 0 to 1000 (3); `backoff`,
                seconds before the first retry, or a pair of that and the longest wait (1 and 600); `timeout`, seconds
                that an attempt may take, or None; `priority`, -100 to 100, higher first (0); `runner`, "process" or
                "thread" for `def` (process), "asyncio" for `async def`; `expires`, seconds after its submit for which a
                job may still start, or None; `deadline`, seconds after its submit at which all its attempts are over,
                or None; `memory`, bytes or text such as "512MiB" that an attempt may add to its process, or None;
                `cpu`, seconds of CPU time that an attempt may use, or None (both for the process runner); `labels`,
                a dict or a list of "name=value" that its executor must have; `no_retry`, classes of exceptions that no
                other attempt could mend; `no_count`, classes that do not count against the retries; `cron`, an
                expression such as "*/5 * * * *", a Schedule, or a list of these: the task then runs by itself, without
                arguments.

        Raises:
            InvalidOption: An option lies outside what it may be.
            InvalidTask: The function cannot be a task, or not on that runner.
            TypeError: There is no such option.
        """
        if func is not None:
            if options:
                raise TypeError("a function and options are both given; write @task(…) above the function")
            return self._make(func)
        unknown = options.keys() - _DEFAULTS.keys() - {"name", "runner", "cron"}
        if unknown:
            known = ", ".join(["name", *_DEFAULTS, "runner", "cron"])
            raise TypeError(f"task takes no option {', '.join(sorted(unknown))}; it takes {known}")
        merged = {**self._options, **options}
        # Checked here, so that the traceback points at the options and not at a later function.
        _validate(merged, merged.get("runner") or "process")
        _schedules(merged)
        return TaskDecorator(merged)

    def _make(self, func: Callable[..., Any]) -> Task[..., Any]:
        _check_function(func)
        is_async = inspect.iscoroutinefunction(func)
        runner: Runner = self._options.get("runner") or ("asyncio" if is_async else "process")
        if is_async == (runner in SYNC_RUNNERS):
            raise InvalidTask(
                f"{func.__qualname__} is {'async def' if is_async else 'def'}, which the {runner} runner does not run; "
                f"{'make it def, or leave runner out' if is_async else 'make it async def, or leave runner out'}"
            )
        made = AsyncTask[..., Any] if is_async else SyncTask[..., Any]
        task = made(func, self._options.get("name"), _validate(self._options, runner))
        task.schedules = _schedules_for(func, task.name, self._options)
        return task


def _validate(options: dict[str, Any], runner: Runner) -> TaskOptions:
    name = options.get("name")
    if name is not None:
        check_task_name(name)
    if runner not in RUNNERS:
        raise InvalidTask(
            f"runner {runner!r} is unknown; give one of {', '.join(RUNNERS)}, or leave it out "
            f"(commands are declared in a node's file)"
        )
    given = {key: options.get(key, default) for key, default in _DEFAULTS.items()}
    return task_options(runner=runner, **given)


def _schedules(options: dict[str, Any]) -> "tuple[Schedule, ...]":
    if options.get("cron") is None:
        return ()
    from .schedule import schedules_of  # here, for most tasks have none

    return schedules_of(options["cron"])


def _schedules_for(func: Callable[..., Any], name: str, options: dict[str, Any]) -> "tuple[Schedule, ...]":
    schedules = _schedules(options)
    if not schedules:
        return ()
    from .schedule import named_for
    from .signature import required_parameters

    required = required_parameters(func, name)
    if required:
        raise InvalidTask(
            f"{func.__qualname__} has a cron, so it is called without arguments, but {', '.join(required)} must be "
            f"given; give defaults, or add a schedule with arguments: client.schedules.add(…)"
        )
    return named_for(name, schedules, is_list=isinstance(options["cron"], (list, tuple)))


def _check_function(func: object) -> None:
    if isinstance(func, Task):
        raise InvalidTask(f"{func!r} is a task already; decorate it once")
    if not inspect.isfunction(func):
        raise InvalidTask(f"{func!r} is no function; decorate a def or an async def")
    if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
        raise InvalidTask(f"{func.__qualname__} is a generator, whose call runs nothing; return its items instead")


task = TaskDecorator({})
"""The decorator without options."""
