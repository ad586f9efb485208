"""A task: a function of the user, with a name under which every process finds it and with its options.

It decides what may be a task and how a call of one becomes a job. It must not know of clients or runners.
Nothing is registered by declaring one (no global state): a task is found as an attribute of the module that
it stands in.
"""

import inspect
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar, cast, overload

from .context import CURRENT, Context
from .exceptions import InvalidTask, UnreachableTask
from .job import Job
from .options import RUNNERS, Backoff, Runner, Span, TaskOptions, check_task_name, task_options
from .signature import Signature

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Task(Generic[P, R]):
    """A function that can run as a job; `P` are its callers' parameters, `R` is what a job of it returns.

    Attributes:
        func: The function itself.
        name: Such as `shop.mail.send_email`.
        options: Queue, retries and the rest, validated.
        is_async: True for `async def`.
    """

    # For what `update_wrapper` copies: the function's own name and text.
    __name__: str
    __qualname__: str

    def __init__(self, func: Callable[..., Any], name: str | None, options: TaskOptions) -> None:
        self.func: Final = func
        self.name: Final = name if name is not None else f"{func.__module__}.{func.__qualname__}"
        self.options: Final = options
        self.is_async: Final = inspect.iscoroutinefunction(func)
        self._named = name is not None
        self._signature: Signature | None = None
        self._reachable = False
        update_wrapper(cast("Any", self), func)

    def job(self, *args: P.args, **kwargs: P.kwargs) -> Job[R]:
        """Makes a job of this task; nothing runs or travels until it is submitted.

        Args:
            args: As for a call of the function, without its context.
            kwargs: Likewise.

        Raises:
            TypeError: The arguments do not fit the function.
            UnserializablePayload: An argument cannot travel; the text names its path.
            PayloadTooLarge: The arguments take more than 1 MiB.
            UnreachableTask: The function stands where no other process finds it; see `check_reachable`.
        """
        if not self._reachable:
            self.check_reachable()
        signature = self._signature or self.signature
        return Job(self.name, signature.encode(args, kwargs), self.options, signature.returns)

    @property
    def signature(self) -> Signature:
        """The function's signature as its callers see it; inspected at the first use, when its types exist.

        Raises:
            InvalidTask: An annotation cannot be resolved, or the context is taken twice.
        """
        if self._signature is None:
            self._signature = Signature(self.func, self.name)
        return self._signature

    @property
    def place(self) -> str:
        """Where the function stands, as `file:line`."""
        code = getattr(inspect.unwrap(self.func), "__code__", None)
        return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else self.func.__module__

    def check_reachable(self) -> None:
        """Raises UnreachableTask if no other process could find the function under its name.

        That is asked when a job is made or a registry is built, not when the task is declared: a script may
        declare and call its tasks without ever sending one.
        """
        if not self._named:
            if self.func.__module__ == "__main__":
                raise UnreachableTask(
                    f"{self.func.__qualname__} ({self.place}) stands in __main__, "
                    f"which is another module in every process; "
                    f"move it into a module, or name it: @task(name='…')"
                )
            if "<locals>" in self.func.__qualname__:
                raise UnreachableTask(
                    f"{self.func.__qualname__} ({self.place}) stands inside a function, "
                    f"where no other process finds it; move it to the top of a module"
                )
        try:
            check_task_name(self.name)
        except ValueError as fault:
            raise UnreachableTask(f"{fault}; or name it: @task(name='…')") from None
        self._reachable = True

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.signature.context_name is None or any(
            type(arg) is Context for arg in (*args, *kwargs.values())
        ):
            return self.func(*args, **kwargs)
        context = CURRENT.get() or Context.detached(self.name)
        places, names = list(args), dict(kwargs)
        self.signature.insert_context(places, names, context)
        return self.func(*places, **names)

    def __repr__(self) -> str:
        return f"<task {self.name}>"


class SyncTask(Task[P, R]):
    """A task made of a `def`."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls the function; the context, if it takes one, is the running job's or a detached one."""
        return cast("R", self._call(args, kwargs))


class AsyncTask(Task[P, R]):
    """A task made of an `async def`."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Calls the function here and now, for the caller to await."""
        return cast("Coroutine[Any, Any, R]", self._call(args, kwargs))


class TaskMaker:
    """What `@task(…)` returns: it turns one function into a task, as the options say."""

    __slots__ = ("_name", "_options", "_runner")

    def __init__(self, name: str | None, runner: Runner | None, options: dict[str, Any]) -> None:
        self._name = name
        self._runner: Runner | None = runner
        self._options = options

    @overload
    def __call__(  # pyright: ignore[reportOverlappingOverload]  (a coroutine function is a function, too)
        self, func: Callable[Concatenate[Context, P], Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, func: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, func: Callable[Concatenate[Context, P], R], /) -> SyncTask[P, R]: ...
    @overload
    def __call__(self, func: Callable[P, R], /) -> SyncTask[P, R]: ...
    def __call__(self, func: Callable[..., Any], /) -> Task[..., Any]:
        """Makes the task; raises InvalidTask where the function cannot be one."""
        _check_function(func)
        is_async = inspect.iscoroutinefunction(func)
        runner = self._runner or ("asyncio" if is_async else "process")
        if is_async != (runner == "asyncio"):
            raise InvalidTask(
                f"{func.__qualname__} is {'async def' if is_async else 'def'}, "
                f"which the {runner} runner does not run; "
                f"{'leave runner out' if is_async else 'make it async def, or leave runner out'}"
            )
        options = task_options(runner=runner, **self._options)
        made = AsyncTask[..., Any] if is_async else SyncTask[..., Any]
        return made(func, self._name, options)


@overload
def task(  # pyright: ignore[reportOverlappingOverload]  (a coroutine function is a function, too)
    func: Callable[Concatenate[Context, P], Coroutine[Any, Any, R]], /
) -> AsyncTask[P, R]: ...
@overload
def task(func: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
@overload
def task(func: Callable[Concatenate[Context, P], R], /) -> SyncTask[P, R]: ...
@overload
def task(func: Callable[P, R], /) -> SyncTask[P, R]: ...
@overload
def task(
    *,
    name: str | None = None,
    queue: str = "default",
    retries: int = 3,
    backoff: Backoff | None = None,
    timeout: Span | None = None,
    priority: int = 0,
    runner: Runner | None = None,
    expires: Span | None = None,
) -> TaskMaker: ...
def task(
    func: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    queue: str = "default",
    retries: int = 3,
    backoff: Backoff | None = None,
    timeout: Span | None = None,
    priority: int = 0,
    runner: Runner | None = None,
    expires: Span | None = None,
) -> Task[..., Any] | TaskMaker:
    """Declares a function a task; it stays an ordinary function to call.

    Args:
        func: The function, where no option is given: `@task`.
        name: The task's name; by default `module.function`.
        queue: The queue that its jobs go to.
        retries: How often a failed attempt is tried again, 0 to 1000.
        backoff: Seconds before the first retry, or a pair of that and the longest wait; by default 1 and 600.
        timeout: Seconds that an attempt may take; None for no bound.
        priority: -100 to 100, higher first.
        runner: "process", "asyncio" or "thread"; by default asyncio for `async def` and process for `def`.
        expires: Seconds after its submit for which a job may still start; None for ever.

    Raises:
        InvalidOption: An option lies outside what it may be.
        InvalidTask: The function cannot be a task, or not on that runner.
    """
    if name is not None:
        check_task_name(name)
    if runner is not None and runner not in RUNNERS:
        raise InvalidTask(f"runner {runner!r} is unknown; give one of {', '.join(RUNNERS)}, or leave it out")
    options: dict[str, Any] = {
        "queue": queue,
        "retries": retries,
        "backoff": backoff,
        "timeout": timeout,
        "priority": priority,
        "expires": expires,
    }
    maker = TaskMaker(name, runner, options)
    return maker if func is None else maker(func)


def _check_function(func: object) -> None:
    if isinstance(func, Task):
        raise InvalidTask(f"{func!r} is a task already; decorate it once")
    if not inspect.isfunction(func):
        raise InvalidTask(f"{func!r} is no function; decorate a def or an async def")
    if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
        raise InvalidTask(
            f"{func.__qualname__} is a generator, whose call runs nothing; return its items instead"
        )
