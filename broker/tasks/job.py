"""A job as its submitter holds it: which task, with which arguments, under the task's own options.

It decides that a job is a value. It must not know of a client or of what a submit may override. Arguments
belong to the job and options to the submit, so that the two never collide (design, section 11).
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .arguments import encode_arguments
from .options import TaskOptions, check_task_name

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Job(Generic[R_co]):
    """A job to submit; `R_co` is what its handler returns.

    Attributes:
        task: The name of the task.
        payload: JSON text of `[args, kwargs]`.
        options: The task's own options, or None where only the name is known.
        returns: The handler's return annotation for `decode_result`, or None.
    """

    task: str
    payload: str
    options: TaskOptions | None = None
    returns: object = None


def job(name: str, /, *args: object, **kwargs: object) -> Job[Any]:
    """Makes a job for a task by name, where the handler cannot be imported.

    Args:
        name: Such as `shop.mail.send_email`.
        args: Positional arguments, encoded by their own types and not checked against the handler.
        kwargs: Keyword arguments.

    Raises:
        InvalidOption: The name cannot be one.
        UnserializablePayload: An argument cannot travel; the text names its path.
        PayloadTooLarge: The arguments take more than 1 MiB.
    """
    return Job(check_task_name(name), encode_arguments(args, kwargs))
