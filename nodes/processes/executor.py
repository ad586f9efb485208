"""The executor process: connects to its coordinators, starts runner children, and runs the loop.

Started by the supervisor as `python -m mainspring.nodes.processes.executor` with an ExecutorPlan on standard input.
Exit status 0 after a drain, 3 if its tasks do not import; anything else is a crash, and it is started again.
"""

import gc
import resource
import sys

import zmq

from ...actors.executor.machine import ExecutorMachine
from ...actors.executor.settings import ExecutorSettings, Recycle
from ...broker.net.clock import read_clocks
from ..log import configure_log
from .death import die_with_parent
from .executor_loop import ExecutorLoop
from .orders import follow_orders
from .plan import ExecutorPlan
from .signals import StopSignal

FILES_SPARE = 256
FILES_A_CHILD = 4


def main() -> int:
    """Runs the process; returns its exit status."""
    die_with_parent()
    plan = ExecutorPlan.from_json(sys.stdin.readline())
    configure_log(plan.log_level, plan.log_format, plan.name, plan.node, names_node=plan.log_names_node)
    follow_orders(plan.orders_fd)
    make_room(plan)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    machine = ExecutorMachine(_settings(plan), [endpoint.encode() for endpoint in plan.endpoints], read_clocks())
    loop = ExecutorLoop(machine, plan, context, StopSignal())
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    status = loop.run()
    context.term()
    return status


def _settings(plan: ExecutorPlan) -> ExecutorSettings:
    return ExecutorSettings(
        node=plan.node,
        name=plan.name,
        incarnation=plan.incarnation,
        replaces=plan.replaces,
        queues=plan.queues,
        labels=plan.labels,
        log_jobs=plan.log_jobs,
        process_slots=plan.process_slots,
        asyncio_slots=plan.asyncio_slots,
        thread_slots=plan.thread_slots,
        timeout_default_ms=plan.timeout_default_ms,
        start_timeout_ms=plan.start_timeout_ms,
        kill_grace_ms=plan.kill_grace_ms,
        drain_timeout_ms=plan.drain_timeout_ms,
        recycle=Recycle(plan.recycle_jobs_max, plan.recycle_rss_bytes_max, plan.recycle_age_ms),
        command_slots=plan.command_slots,
        commands=plan.command_tasks,
        cluster=plan.cluster or None,
    )


def make_room(plan: ExecutorPlan) -> None:
    """Raises the soft limit of open files, as far as it may, where the children's sockets and pipes need more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FILES_SPARE + FILES_A_CHILD * plan.process_slots
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if __name__ == "__main__":
    sys.exit(main())
