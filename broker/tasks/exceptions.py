"""What can go wrong with a task, a job or an argument, as exceptions for people.

They decide only how a fault is named; the text that says fault and mend is written where the fault is found.
They must not know of the wire: its error codes live in `broker.wire`. Each class also derives from the
builtin that a Python programmer would expect, so that `except TypeError` keeps working.
"""


class MainspringError(Exception):
    """The base of every error that Mainspring raises to its user."""


class InvalidTask(MainspringError, ValueError):
    """A task is declared in a way that cannot work, such as on a runner that does not run it."""


class UnreachableTask(InvalidTask):
    """A task has no name under which another process could find it, as in `__main__`."""


class InvalidOption(MainspringError, ValueError):
    """An option of a task or of a submit lies outside what it may be."""


class UnserializablePayload(MainspringError, TypeError):
    """An argument or a result cannot travel as JSON and come back as what it was."""

    __module__ = "mainspring"  # as users import it, and as errors of attempts then name it


class PayloadTooLarge(MainspringError, ValueError):
    """The JSON of the arguments or of a result is larger than its bound."""

    __module__ = "mainspring"  # as users import it, and as errors of attempts then name it


class InvalidPayload(MainspringError, ValueError):
    """A payload from the wire does not fit the handler: its shape, its arguments or their types."""


class TaskImportError(MainspringError, ImportError):
    """A task module does not import; the text holds the traceback of the user's code."""


class DuplicateTask(MainspringError, ValueError):
    """Two different functions claim the same task name."""


class DuplicateSchedule(MainspringError, ValueError):
    """Two tasks declare schedules of one name."""


class UnknownTask(MainspringError, LookupError):
    """No task of that name is registered."""


class AttemptInterrupted(BaseException):
    """Raised inside a running handler to end it.

    Not an `Exception`: a handler's `except Exception` means "this call failed", never "keep running after you
    were told to stop"; asyncio's `CancelledError` and `KeyboardInterrupt` stand apart for the same reason.
    Clean up in `finally`, or catch it and raise it again; who swallows it is killed after the grace.
    """


class AttemptTimedOut(AttemptInterrupted):
    """The job ran longer than its timeout, or to its deadline."""

    __module__ = "mainspring"

    def __init__(self, text: str = "the job ran longer than its timeout") -> None:
        super().__init__(text)


class AttemptCancelled(AttemptInterrupted):
    """The job was cancelled, or the lease under which it ran was lost."""

    __module__ = "mainspring"

    def __init__(self, text: str = "the job was cancelled") -> None:
        super().__init__(text)


class CpuLimitExceeded(AttemptInterrupted):
    """The attempt used more CPU time than its task allows."""

    __module__ = "mainspring"
