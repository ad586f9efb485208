"""What the supervisor tells each process, out of the node's settings.

Decides how settings become plans: units, endpoints, and how long a process may take to stop. It must not know how
a process is started. The settings' meaning is the models' own.
"""

from collections.abc import Sequence
from typing import Any

from ...actors.jobs.retry import RetryPolicy
from ...actors.supervisor.settings import Kind, ProcessSpec, SupervisorSettings
from ..processes.plan import CoordinatorPlan, ExecutorPlan, ExporterPlan, SchedulesPlan
from ..runners.command import KIND, TASK_PREFIX
from ..settings.command_section import CommandSection
from ..settings.executor_section import ExecutorSection
from ..settings.models import NodeSettings
from .errors import NodeError

SUPERVISOR = "supervisor"
COORDINATOR = "coordinator"
SCHEDULE_KEEPER = "schedule-keeper"
EXPORTER = "exporter"
STOP_MARGIN_MS = 5_000
"""A process that is about to end by itself, its own timeouts over, gets this much more before it is killed."""
START_MARGIN_MS = 5_000
"""What an executor may take to start beside the start of its runner children, which has a timeout of its own."""


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def plan_coordinator(settings: NodeSettings, endpoint: str) -> CoordinatorPlan:
    """Makes the coordinator's plan.

    Args:
        settings: the node's.
        endpoint: of the socket in the data directory; it comes first.
    """
    coordinator, retention, storage = settings.coordinator, settings.coordinator.retention, settings.storage
    cluster, member = settings.cluster, settings.member
    listen = [endpoint, *settings.node.listen]
    if member is not None:
        listen.insert(1, member.client_endpoint)
    own = [(queue, *retention.of_queue(queue)) for queue in retention.queues]
    return CoordinatorPlan(
        node=settings.node.name,
        data_dir=str(settings.node.data_dir),
        endpoints=listen,
        shards=coordinator.shards,
        tenants=list(coordinator.tenants),
        lease_ttl_ms=coordinator.lease_ttl_ms,
        dedup_window=coordinator.dedup_window,
        session_ttl_ms=_ms(coordinator.session_ttl_s),
        key_ttl_ms=_ms(coordinator.key_ttl_s),
        payload_bytes_max=coordinator.payload_bytes_max,
        batch_jobs_max=coordinator.batch_jobs_max,
        backlog_jobs_max=coordinator.backlog_jobs_max,
        finished_jobs_max=retention.finished_jobs_max,
        finished_age_ms=_ms(retention.finished_age_s),
        queue_retention=[(queue, jobs_max, _ms(age_s)) for queue, jobs_max, age_s in own],
        segment_bytes=storage.segment_bytes,
        truncate_every_ms=_ms(storage.truncate_every_s),
        checkpoint_pages=storage.checkpoint_pages,
        wal_bytes_max=storage.wal_bytes_max,
        synchronous=storage.synchronous,
        members=[[one.name, one.member_endpoint, one.client_endpoint, 1] for one in cluster.members],
        is_joining=cluster.join,
        member_endpoint="" if member is None else member.member_endpoint,
        heartbeat_ms=cluster.heartbeat_ms,
        election_ms=cluster.election_ms,
        check_quorum_ms=cluster.check_quorum_ms,
        rebalance_ms=_ms(cluster.rebalance_s),
        log_level=settings.node.log_level,
        log_format=settings.node.log_format,
        log_names_node=names_node(settings),
    )


def plan_executor(
    settings: NodeSettings,
    section: ExecutorSection,
    name: str,
    endpoint: str,
    *,
    incarnation: int,
    replaces: Sequence[int] = (),
) -> ExecutorPlan:
    """Makes one executor's plan.

    Args:
        settings: the node's.
        section: the table that the executor comes from.
        name: the executor's own name.
        endpoint: of this node's coordinator, for executors that name no others.
        incarnation: of the life that begins.
        replaces: former lives known to be dead.
    """
    declared = sorted(section.declared.items())
    return ExecutorPlan(
        node=settings.node.name,
        name=name,
        endpoints=list(section.coordinators) or urls(settings, endpoint),
        tasks=list(section.tasks),
        import_paths=[str(path) for path in section.import_paths],
        queues=list(section.queues),
        incarnation=incarnation,
        replaces=list(replaces),
        labels=sorted(f"{label}={value}" for label, value in section.labels.items()),
        # Without modules there is nothing that the children of these kinds could run.
        process_slots=section.process_slots if section.tasks else 0,
        asyncio_slots=section.asyncio_slots if section.tasks else 0,
        thread_slots=section.thread_slots if section.tasks else 0,
        command_slots=section.command_slots,
        commands=[_command_row(command, table) for command, table in declared],
        command_tasks=[_command_task(command, table) for command, table in declared],
        timeout_default_ms=_ms(section.timeout_default_s),
        kill_grace_ms=section.kill_grace_ms,
        start_timeout_ms=_ms(section.start_timeout_s),
        drain_timeout_ms=_ms(settings.node.drain_timeout_s),
        recycle_jobs_max=section.recycle.jobs_max or 0,
        recycle_rss_bytes_max=section.recycle.rss_bytes_max or 0,
        recycle_age_ms=_ms(section.recycle.age_s or 0),
        log_level=settings.node.log_level,
        log_format=settings.node.log_format,
        log_names_node=names_node(settings),
        log_jobs=settings.node.log_jobs,
    )


def _command_row(name: str, command: CommandSection) -> list[Any]:
    """Makes a row of COMMAND_COLUMNS."""
    stdin = command.stdin or None
    words, exits = list(command.argv), list(command.ok_exits)
    return [name, words, command.env, stdin, str(command.cwd), command.output_bytes_max, exits]


def _command_task(name: str, command: CommandSection) -> list[Any]:
    """Makes a row of TASK_COLUMNS."""
    retry = list(RetryPolicy(retries=command.retries).to_row())
    return [f"{TASK_PREFIX}{name}", KIND, command.queue, retry, command.timeout_ms or None, command.priority]


def plan_schedules(settings: NodeSettings, endpoint: str) -> SchedulesPlan:
    """Makes the schedule keeper's plan.

    Args:
        settings: the node's, which name a file of schedules.
        endpoint: of this node's coordinator.
    """
    return SchedulesPlan(
        node=settings.node.name,
        file=str(settings.schedules.file),
        endpoints=urls(settings, endpoint),
        log_level=settings.node.log_level,
        log_format=settings.node.log_format,
        log_names_node=names_node(settings),
    )


def plan_exporter(settings: NodeSettings, endpoint: str) -> ExporterPlan:
    """Makes the exporter's plan.

    Args:
        settings: the node's, which say where metrics are served.
        endpoint: of this node's coordinator.
    """
    host, port = settings.metrics.address
    return ExporterPlan(
        node=settings.node.name,
        host=host,
        port=port,
        endpoints=[endpoint] if settings.coordinator.enabled else urls(settings, endpoint),  # it tells of this node
        has_coordinator=settings.coordinator.enabled,
        log_level=settings.node.log_level,
        log_format=settings.node.log_format,
        log_names_node=names_node(settings),
    )


def specs(settings: NodeSettings) -> list[ProcessSpec]:
    """Lists the processes of a node, the coordinator first.

    Raises:
        NodeError: an executor has the name of one of the others.
    """
    stop_ms = _ms(settings.node.drain_timeout_s) + STOP_MARGIN_MS
    found: list[ProcessSpec] = []
    if settings.coordinator.enabled:
        found.append(ProcessSpec(COORDINATOR, Kind.COORDINATOR, stop_ms))
    if settings.schedules.file is not None:
        found.append(ProcessSpec(SCHEDULE_KEEPER, Kind.SCHEDULE_KEEPER, STOP_MARGIN_MS))
    if settings.metrics.listen is not None:
        found.append(ProcessSpec(EXPORTER, Kind.EXPORTER, STOP_MARGIN_MS))
    taken = {
        SUPERVISOR: "the process at the root of the node",
        COORDINATOR: "the coordinator",
        SCHEDULE_KEEPER: "the process that keeps the schedules",
        EXPORTER: "the process that answers Prometheus",
    }
    for section in settings.executors:
        for name in section.process_names():
            if name in taken:
                raise NodeError(f'an executor is named "{name}", as {taken[name]} is: give it another name')
            start_ms = _ms(section.start_timeout_s) + START_MARGIN_MS
            found.append(ProcessSpec(name, Kind.EXECUTOR, stop_ms + section.kill_grace_ms, start_ms))
    return found


def supervisor_settings(settings: NodeSettings) -> SupervisorSettings:
    """Returns what the supervisor's machine needs of the settings."""
    section = settings.supervisor
    return SupervisorSettings(
        backoff_min_ms=section.restart_backoff_min_ms,
        backoff_max_ms=section.restart_backoff_max_ms,
        reset_ms=_ms(section.restart_reset_s),
    )


def names_node(settings: NodeSettings) -> bool:
    """Says whether text lines of the log tell the node: those of a cluster's members are read together."""
    return settings.member is not None


def urls(settings: NodeSettings, endpoint: str) -> list[str]:
    """Lists where the node's jobs are submitted, the nearest first.

    That is its own coordinator's socket and the other members of its cluster, or, where it has no coordinator, those
    that its executors work for.
    """
    if settings.coordinator.enabled:
        # The node itself is there by its socket: two ways to one coordinator would be two peers to it.
        others = (member for member in settings.cluster.members if member.name != settings.node.name)
        return [endpoint, *(member.client_endpoint for member in others)]
    return list(dict.fromkeys(url for section in settings.executors for url in section.coordinators))
