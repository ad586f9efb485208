"""Gathers a node's metrics for one scrape, in the form that prometheus-client wants.

Decides what a scrape shows while the coordinator does not answer: scheduler_up 0, and nothing that may be old. Must not
know HTTP, nor what the families mean.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from ...actors.spread import histogram
from ...broker.net.exceptions import MainspringError
from .families import FAMILIES

log = logging.getLogger("mainspring.exporter")

Ask = Callable[[], Sequence[Sequence[Any]]]
"""Returns rows [name, labels, value] of all shards; raises a MainspringError if nobody answers."""

NOTE_EVERY_S: Final = 60.0


class NodeCollector(Collector):
    """A node's metrics.

    Args:
        ask: gets the rows from the coordinator.
        clock_s: seconds that never go back.
    """

    def __init__(self, ask: Ask, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock_s = clock_s
        self._noted_s = -NOTE_EVERY_S

    def collect(self) -> Iterable[Metric]:
        """Asks the coordinator, and returns every family that has a value."""
        began_s = self._clock_s()
        rows: Sequence[Sequence[Any]] = ()
        try:
            rows = self._ask()
            up = 1
        except MainspringError as error:
            up = 0
            self._note(error)
        took_s = self._clock_s() - began_s
        found = {name: _metric(name) for name in FAMILIES}
        found["scheduler_up"].add_sample("scheduler_up", {}, up)
        found["scheduler_scrape_seconds"].add_sample("scheduler_scrape_seconds", {}, took_s)
        for name, labels, value in rows:
            family = FAMILIES.get(name)
            if family is not None:  # a newer coordinator may tell more than this exporter knows
                samples = histogram(name, labels, value) if family.type == "histogram" else [[name, labels, value]]
                _add(found[name], samples)
        return [metric for metric in found.values() if metric.samples]

    def describe(self) -> Iterable[Metric]:
        """Returns the families without values, so that nobody is asked when the collector is registered."""
        return [_metric(name) for name in FAMILIES]

    def _note(self, error: Exception) -> None:
        now_s = self._clock_s()
        if now_s - self._noted_s >= NOTE_EVERY_S:
            self._noted_s = now_s
            log.warning("the coordinator does not answer a scrape error=%s", error)


def _add(metric: Metric, samples: list[list[Any]]) -> None:
    for name, labels, value in samples:
        metric.add_sample(name, dict(zip(labels[::2], labels[1::2], strict=True)), value)


def _metric(name: str) -> Metric:
    family = FAMILIES[name]
    # The library puts the ending of a counter's name on itself.
    return Metric(name.removesuffix("_total") if family.type == "counter" else name, family.help, family.type)
