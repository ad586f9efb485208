"""Runs a node in this process: holds its data directory, and keeps its processes running until it is to stop.

Decides the order in which a node comes up. It must not know how processes are restarted, or settings are read.
Rule: docs/design.md, "What people touch".
"""

import secrets
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Final, NamedTuple

from ...actors.draws import Draws
from ...actors.supervisor.acts import Start
from ...actors.supervisor.machine import SupervisorMachine
from ...broker.net.clock import read_clocks
from ..log import configure_log
from ..processes.identity import IdentityDamaged, cluster_of, load_identity
from ..settings.models import NodeSettings
from .child import ActorChild, Pipes, Plan
from .control_socket import ControlSocket
from .data_dir import DataDir
from .errors import NodeError
from .levels import Levels
from .plans import (
    COORDINATOR,
    EXPORTER,
    SCHEDULE_KEEPER,
    SUPERVISOR,
    names_node,
    plan_coordinator,
    plan_executor,
    plan_exporter,
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
    exporter: str = "mainspring.nodes.processes.exporter"


PROGRAMS: Final = Programs("mainspring.nodes.processes.coordinator", "mainspring.nodes.processes.executor")


def run_node(
    settings: NodeSettings, *, ready: Callable[[str], None] | None = None, programs: Programs = PROGRAMS
) -> int:
    """Runs a node until it is asked to stop, in the main thread.

    The first SIGTERM or SIGINT lets running jobs finish; the second stops at once. SIGHUP
    reloads, as `mainspring reload` does.

    Args:
        settings: the node's.
        ready: called once, with the URL for clients, when every process has become ready.
        programs: the modules that the processes run.

    Returns:
        The exit status: 0 after a stop in good order, 1 if the node gave up or something had to be killed.

    Raises:
        NodeError: the node cannot be started as things are.
    """
    node = settings.node
    configure_log(node.log_level, node.log_format, SUPERVISOR, node.name, names_node=names_node(settings))
    found = specs(settings)
    data_dir = DataDir(settings.node.data_dir)
    try:
        endpoint, cluster = _prepared(settings, data_dir)
        url = ",".join(urls(settings, endpoint))
        machine = SupervisorMachine(supervisor_settings(settings), found, Draws(secrets.randbits(64)), read_clocks())
        levels = Levels(settings.node.log_level, [SUPERVISOR, *(spec.name for spec in found)])
        with Signals() as signals, closing(ControlSocket(data_dir.control_path())) as control:
            spawn = _spawner(settings, endpoint, cluster, programs, levels, data_dir.lock_fd)
            shell = SupervisorShell(machine, spawn, signals, control, levels, lambda: ready(url) if ready else None)
            return shell.run()
    finally:
        data_dir.close()


def _prepared(settings: NodeSettings, data_dir: DataDir) -> tuple[str, str]:
    """Writes what must be in the data directory before anything runs.

    Returns:
        The socket's endpoint, and the id of the cluster; empty if that is not known yet.
    """
    cluster = ""
    try:
        endpoint = data_dir.socket_endpoint()
        if settings.coordinator.enabled:
            plan = plan_coordinator(settings, endpoint)
            fresh = cluster_of(plan.members, plan.shards, is_joining=plan.is_joining)
            cluster = load_identity(data_dir.path, fresh, plan.node).cluster
            data_dir.write_url(endpoint)
    except (OSError, IdentityDamaged) as error:
        raise NodeError(f"the node's data directory cannot be used: {error}") from error
    return endpoint, cluster


def _spawner(
    settings: NodeSettings, endpoint: str, cluster: str, programs: Programs, levels: Levels, lock_fd: int
) -> Callable[[Start], ActorChild]:
    sections = {name: section for section in settings.executors for name in section.process_names()}
    modules = {
        COORDINATOR: programs.coordinator,
        SCHEDULE_KEEPER: programs.schedule_keeper,
        EXPORTER: programs.exporter,
    }

    def spawn(act: Start) -> ActorChild:
        def plan(pipes: Pipes) -> Plan:
            made: Plan
            if act.name == COORDINATOR:
                made = plan_coordinator(settings, endpoint)
            elif act.name == SCHEDULE_KEEPER:
                made = plan_schedules(settings, endpoint)
            elif act.name == EXPORTER:
                made = plan_exporter(settings, endpoint)
            else:
                executor = plan_executor(
                    settings, sections[act.name], act.name, endpoint, incarnation=act.incarnation, replaces=act.replaces
                )
                # Its own cluster's nodes: one of a cluster of its own, by a mistake in its file, must not be believed.
                is_own = not sections[act.name].coordinators
                made = replace(executor, life_fd=pipes.life_fd, cluster=cluster if is_own else "")
            level = levels.of(act.name)
            return replace(made, status_fd=pipes.status_fd, orders_fd=pipes.orders_fd, log_level=level)

        return ActorChild(act.name, act.incarnation, modules.get(act.name, programs.executor), plan, lock_fd)

    return spawn
