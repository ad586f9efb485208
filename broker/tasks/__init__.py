"""Tasks as users declare them, jobs as clients submit them, and the JSON that carries their arguments."""

from .context import Context
from .job import Job, job
from .task import Task, task

__all__ = ["Context", "Job", "Task", "job", "task"]
