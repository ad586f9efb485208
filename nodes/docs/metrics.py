"""Prints docs/metrics.md: every metric that the exporter serves, from nodes/metrics/families.py.

It must not know a metric by name: what is in that table is printed, and its meaning stands there.
"""

from ..metrics.families import FAMILIES
from .markdown import page, table

_INTRODUCTION = """\
# Metrics

With `listen` in `[metrics]` of the node's file (see [configuration.md](configuration.md)), a process of the node serves
`/metrics` for Prometheus. It asks the coordinator at each scrape, so nothing is counted twice and a scrape never shows
what is old: when the coordinator does not answer, `scheduler_up` is 0 and the rest is missing. It needs the extra:

    pip install "mainspring[metrics]"

Every metric but `scheduler_up` and `scheduler_scrape_seconds` also has the label `shard`. Counters begin at 0 when the
coordinator starts, which Prometheus's `rate()` expects. A thousand tasks are told apart; further ones are counted
together as `(others)`. This page is printed from the code by `python -m mainspring.nodes.docs`."""

_ALERTS = """\
## Alerts

`config/prometheus-rules.yml` holds rules to begin with: nobody answers, the disk is full or nearly so, no executor is
there while jobs wait, attempts crash, rows fall behind the log, starts are late."""


def printed() -> str:
    """Prints the page, in Markdown."""
    rows = [
        (f"`{family.name}`", family.type, ", ".join(f"`{label}`" for label in family.labels), family.help)
        for family in FAMILIES.values()
    ]
    return page(_INTRODUCTION, "## All of them", table(("metric", "type", "labels", "what it says"), rows), _ALERTS)
