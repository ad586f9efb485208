"""The process that answers Prometheus.

Started by the supervisor as `python -m mainspring.nodes.processes.exporter` with an ExporterPlan on standard input. It
asks the node's own coordinator at each scrape, so it holds up nobody and can be killed at any moment. On a node without
one it asks those that the node works for, as any client does.
"""

import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from threading import Event
from typing import Any

from ...broker.net.client import Client
from ..log import configure_log
from ..metrics.own_node import METRICS, OwnNode
from .death import die_with_parent
from .orders import follow_orders
from .plan import ExporterPlan
from .status import EXIT_FAILED, report_failed, report_ready

SCRAPE_TIMEOUT_S = 5.0
"""Prometheus gives up after ten seconds, unless it is told otherwise."""


def main() -> int:
    """Runs the process; returns its exit status."""
    die_with_parent()
    plan = ExporterPlan.from_json(sys.stdin.readline())
    configure_log(plan.log_level, plan.log_format, "exporter", plan.node, names_node=plan.log_names_node)
    follow_orders(plan.orders_fd)
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopped.set())
    try:
        from prometheus_client import CollectorRegistry, start_http_server

        from ..metrics.collector import NodeCollector
    except ImportError:
        report_failed(plan.status_fd, 'prometheus-client is not installed: pip install "mainspring[metrics]"')
        return EXIT_FAILED
    with (
        closing(OwnNode(plan.endpoints[0], SCRAPE_TIMEOUT_S)) as own,
        Client(",".join(plan.endpoints), SCRAPE_TIMEOUT_S) as client,
    ):

        def ask() -> Sequence[Sequence[Any]]:
            return own.ask() if plan.has_coordinator else client.listing(METRICS)[1]

        registry = CollectorRegistry(auto_describe=True)
        registry.register(NodeCollector(ask))
        try:
            server, thread = start_http_server(plan.port, plan.host, registry)
        except OSError as error:
            report_failed(
                plan.status_fd, f"cannot listen on {plan.host}:{plan.port} ({error}); correct [metrics] listen"
            )
            return EXIT_FAILED
        report_ready(plan.status_fd)
        stopped.wait()
        server.shutdown()
        server.server_close()
        thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
