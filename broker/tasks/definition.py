"""A task: a function of the user, with a name under which every process finds it and with its options.

It decides what may be a task and how a call of one becomes a job. It must not know of clients or runners.
Nothing is registered by declaring one (no global state): a task is found as an attribute of the module that
it stands in.
"""

import inspect
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeVar, cast

from .context import CURRENT, Context
from .exceptions import UnreachableTask
from .job import Job
from .options import TaskOptions, check_task_name
from .signature import Signature

if TYPE_CHECKING:
    from .schedule import Schedule

P = ParamSpec("P")
R = TypeVar("R")


class Task(Generic[P, R]):
    """A function that can run as a job; `P` are its callers' parameters, `R` is what a job of it returns.

    Attributes:
        func: The function itself.
        name: Such as `shop.mail.send_email`.
        options: Queue, retries and the rest, validated.
        is_async: True for `async def`.
        schedules: What `@task(cron=...)` was given, each with a name.
    """

    # For what `update_wrapper` copies: the function's own name and text.
    __name__: str
    __qualname__: str

    def __init__(self, func: Callable[..., Any], name: str | None, options: TaskOptions) -> None:
        self.func: Final = func
        self.name: Final = name if name is not None else f"{func.__module__}.{func.__qualname__}"
        self.options: Final = options
        self.is_async: Final = inspect.iscoroutinefunction(func)
        self.schedules: tuple[Schedule, ...] = ()
        self._named = name is not None
        self._signature: Signature | None = None
        self._reachable = False
        # Not its `__dict__`, which could hold a `name` of its own.
        update_wrapper(cast("Any", self), func, updated=())

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

    def schedule_rows(self) -> list[list[Any]]:
        """Returns a row of SCHEDULE_COLUMNS for each schedule; raises as `job`."""
        return [schedule.row(self.job()) for schedule in self.schedules]  # pyright: ignore[reportCallIssue]  (it takes no arguments, or had been refused)

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
            if "." in self.func.__qualname__:
                raise UnreachableTask(
                    f"{self.func.__qualname__} ({self.place}) stands inside a class or a function, where no other "
                    f"process finds it; move it to the top of a module"
                )
        try:
            check_task_name(self.name)
        except ValueError as fault:
            raise UnreachableTask(f"{fault}; or name it: @task(name='…')") from None
        self._reachable = True

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.signature.context_name is None or any(type(arg) is Context for arg in (*args, *kwargs.values())):
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
