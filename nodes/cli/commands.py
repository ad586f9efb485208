"""Which subcommands there are, and which module has each.

Decides the list that `mainspring --help` shows, so that nothing is imported but the subcommand that is called. It
must not know what they do. A module has its subcommand as a function `command`, whose docstring is its help, or, where
it has subcommands of its own, as a `typer.Typer` named `app`. What the function returns is the exit status (None is 0).
"""

from importlib import import_module
from typing import Any, Final, NamedTuple


class Command(NamedTuple):
    """One subcommand."""

    module: str
    """Relative to this package."""
    help: str
    """One line for the list."""


RUN: Final = "Run a node"
JOBS: Final = "Submit and follow jobs"
REPAIR: Final = "Deal with what has failed"
SCHEDULES: Final = "Schedule jobs"
CLUSTER: Final = "Keep several nodes together"
LOOK: Final = "Look into the node"
MEASURE: Final = "Measure"

COMMANDS: Final[dict[str, dict[str, Command]]] = {
    RUN: {
        "up": Command(".up", "run one node, or several, in the foreground"),
        "node": Command(".node", "run the node of a TOML file, as a service does"),
        "reload": Command(".reload", "restart a node's executors one by one on new code"),
        "log-level": Command(".log_level", "change what a running node logs"),
        "init": Command(".init", "write a node file, a module of tasks and a file of schedules to begin with"),
        "demo": Command(".demo", "run a demonstration that checks itself"),
    },
    JOBS: {
        "submit": Command(".submit", "submit a job by the name of its task"),
        "jobs": Command(".jobs", "list jobs, newest first, or watch them"),
        "job": Command(".job", "show everything about one job"),
        "cancel": Command(".cancel", "cancel jobs"),
    },
    REPAIR: {
        "dead": Command(".dead", "list dead letters: jobs that have failed for good"),
        "retry": Command(".retry", "run jobs again"),
        "skip": Command(".skip", "put jobs aside that are not wanted any more"),
        "discard": Command(".discard", "take jobs off the dead letters"),
        "repair": Command(".repair", "retry, skip or discard many dead letters, once they were shown"),
    },
    SCHEDULES: {
        "schedules": Command(".schedules", "list, change and check schedules"),
        "preview": Command(".preview", "look ahead: next times, clock changes, collisions, load"),
        "import": Command(".import_crontab", "take over crontabs as commands and schedules"),
    },
    CLUSTER: {
        "cluster": Command(".cluster", "show members and leaders; add, remove, replace and drain members"),
    },
    LOOK: {
        "queues": Command(".queues", "list queues with their jobs by state"),
        "processes": Command(".processes", "list the processes of a node, and how they are"),
        "executors": Command(".executors", "list the executors that are connected"),
        "tasks": Command(".tasks", "list the tasks that can be submitted"),
        "shards": Command(".shards", "look into the shard files, and check, back up, restore or export them"),
    },
    MEASURE: {
        "simulate": Command(".simulate", "run the machines in simulated worlds, and look for what must never happen"),
        "drill": Command(".drill", "do real faults to real nodes, and check what came of them"),
        "bench": Command(".bench", "measure throughput, latency and cost on this machine"),
    },
}
"""Heading -> name -> subcommand, in the order of the list."""


def find(name: str) -> Command | None:
    """Finds a subcommand by its name."""
    return next((group[name] for group in COMMANDS.values() if name in group), None)


def names() -> list[str]:
    """Lists the names of all subcommands."""
    return [name for group in COMMANDS.values() for name in group]


def load(name: str) -> Any:
    """Imports the module of a subcommand."""
    command = find(name)
    assert command is not None, f"{name} is not in the table"
    return import_module(command.module, __package__)
