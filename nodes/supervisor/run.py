"""Runs a node in this process: holds its data directory, and keeps its processes running until it is to stop.

Decides the order in which a node comes up. It must not know how processes are restarted, or settings are read.
Rule: docs/design.md, "What people touch".
"""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from ...actors.draws import Draws
from ...actors.supervisor.acts import Start
from ...actors.supervisor.machine import SupervisorMachine
from ...broker.net.clock import read_clocks
from ..log import configure_log
from ..processes.identity import IdentityDamaged, load_identity
from ..settings.models import NodeSettings
from .child import ActorChild, Plan
from .data_dir import DataDir
from .errors import NodeError
from .plans import (
    COORDINATOR,
    SCHEDULE_KEEPER,
    plan_coordinator,
    plan_executor,
    plan_schedules,
    specs,
    supervisor_settings,
    urls,
)
from .shell import SupervisorShell
from .signals import Signals


class Programs(NamedTuple):
    """The modules that the actor processes run."""

    coordinator: str
    executor: str
    schedule_keeper: str = "mainspring.nodes.processes.schedule_keeper"


PROGRAMS: Final = Programs("mainspring.nodes.processes.coordinator", "mainspring.nodes.processes.executor")


def run_node(
    settings: NodeSettings, *, ready: Callable[[str], None] | None = None, programs: Programs = PROGRAMS
) -> int:
    """Runs a node until it is asked to stop, in the main thread.

    The first SIGTERM or SIGINT lets running jobs finish; the second stops at once. SIGHUP has the
    schedules read again.

    Args:
        settings: the node's.
        ready: called once, with the URL for clients, when every process has become ready.
        programs: the modules that the processes run.

    Returns:
        The exit status: 0 after a stop in good order, 1 if the node gave up or something had to be killed.

    Raises:
        NodeError: the node cannot be started as things are.
    """
    configure_log(settings.node.log_level, settings.node.log_format, "supervisor", settings.node.name)
    found = specs(settings)
    data_dir = DataDir(settings.node.data_dir)
    try:
        endpoint = _prepared(settings, data_dir)
        url = ",".join(urls(settings, endpoint))
        machine = SupervisorMachine(supervisor_settings(settings), found, Draws(secrets.randbits(64)), read_clocks())
        with Signals() as signals:
            spawn = _spawner(settings, endpoint, programs, data_dir.lock_fd)
            return SupervisorShell(machine, spawn, signals, lambda: ready(url) if ready else None).run()
    finally:
        data_dir.close()


def _prepared(settings: NodeSettings, data_dir: DataDir) -> str:
    """Writes what must be in the data directory before anything runs; returns the socket's endpoint."""
    try:
        endpoint = data_dir.socket_endpoint()
        if settings.coordinator.enabled:
            load_identity(data_dir.path)
            data_dir.write_url(endpoint)
    except (OSError, IdentityDamaged) as error:
        raise NodeError(f"the node's data directory cannot be used: {error}") from error
    return endpoint


def _spawner(settings: NodeSettings, endpoint: str, programs: Programs, lock_fd: int) -> Callable[[Start], ActorChild]:
    sections = {name: section for section in settings.executors for name in section.process_names()}
    modules = {COORDINATOR: programs.coordinator, SCHEDULE_KEEPER: programs.schedule_keeper}

    def spawn(act: Start) -> ActorChild:
        def plan(status_fd: int, life_fd: int) -> Plan:
            if act.name == COORDINATOR:
                return replace(plan_coordinator(settings, endpoint), status_fd=status_fd)
            if act.name == SCHEDULE_KEEPER:
                return replace(plan_schedules(settings, endpoint), status_fd=status_fd)
            made = plan_executor(
                settings, sections[act.name], act.name, endpoint, incarnation=act.incarnation, replaces=act.replaces
            )
            return replace(made, status_fd=status_fd, life_fd=life_fd)

        return ActorChild(act.name, act.incarnation, modules.get(act.name, programs.executor), plan, lock_fd)

    return spawn
