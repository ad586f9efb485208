"""Tasks as users declare them, jobs as clients submit them, and the JSON that carries their arguments."""

from .context import Context
from .definition import Task
from .job import Job, job
from .task import task

__all__ = ["Context", "Job", "Task", "job", "task"]
