"""How long people wait for an answer from a node with a million live jobs through which 1,000 a second flow.

Decides the load: a backlog in three queues that no executor serves, half of it ready and half due in hours; behind it
some history; beside it a stream of 10 no-op jobs each 10 ms, which run and end. And the questions, in turn, one each
20 ms, through a client of their own: what `jobs` asks with each of its filters, and deep down; `job` of a live one and
of a finished one; `cancel` of one that waits in memory, and of ten that stand on disk; `queues`, `executors`, `stat`.
It must not know how the node finds the answers.
"""

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from ...broker.net.client import Client
from ..storage.shard.offline import open_offline
from . import tasks
from .backlog import PATIENCE_S, submit, wait_finished
from .node import BenchNode, whole_node
from .pace import paced
from .procfs import pss_kib
from .sizes import Sizes
from .statistics import percentile
from .stream import Flow, Stream

SERVED: Final = "default"
QUEUES: Final = ("letters", "pictures", "reports")
FLOW_A_SECOND: Final = 1_000
FLOW_EVERY_S: Final = 0.01
ASK_EVERY_S: Final = 0.02
HISTORY_PART: Final = 10
"""History is this part of the backlog."""
DELAY_S: Final = (7_200, 86_400)

Question = Callable[[], Any]


def measure(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns p50, p99 and the longest in ms of each command's questions, the load, and MiB of the coordinator."""
    with whole_node(folder, queue=SERVED) as node, Client(node.url, timeout=PATIENCE_S) as client:
        history = sizes.backlog_jobs // HISTORY_PART
        submit(client, history)
        wait_finished(node.shard_file, history)
        first_id = client.submit(tasks.noop.job(), queue=QUEUES[0]).id
        draw = random.Random(sizes.backlog_jobs)
        submit(client, sizes.backlog_jobs, partial(_waiting, draw))
        with Stream(node.url, FLOW_A_SECOND, FLOW_EVERY_S) as stream:
            flow, since_ms = Flow(node.shard_file), time.time_ns() // 1_000_000
            took = _asked(_questions(client, draw, first_id, sizes.backlog_jobs), sizes.listed_s)
            load, late_ms = flow.rate(), _starts_ms(node, since_ms)
            stream.check()
        memory_mib = pss_kib(node.coordinator_pid) / 1024
    figures = {"queries_load": load, "queries_pss": memory_mib, "queries_start_p99": percentile(late_ms, 0.99)}
    for command, all_ms in took.items():
        for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1)):
            figures[f"queries_{command}_{name}"] = percentile(all_ms, share)
    return figures


def _waiting(draw: random.Random) -> Any:
    delay = None if draw.random() < 0.5 else draw.randrange(*DELAY_S)
    return tasks.noop.job(), {"queue": draw.choice(QUEUES), "delay": delay}


def _questions(client: Client, draw: random.Random, first_id: int, backlog: int) -> list[tuple[str, Question]]:
    """Returns (command, a question of it) in the order in which they are asked."""

    def waiting() -> int:
        return first_id + draw.randrange(backlog)

    def ended() -> int:
        return first_id - draw.randrange(1, backlog // HISTORY_PART)

    filters: tuple[dict[str, Any], ...] = (
        {}, {"limit": 1000}, {"state": "ready"}, {"state": "scheduled"}, {"state": "retrying"}, {"state": "running"},
        {"state": "succeeded"}, {"state": "dead"}, {"queue": SERVED}, {"queue": QUEUES[1]}, {"queue": "nowhere"},
        {"task": tasks.noop.name}, {"task": tasks.stamp.name}, {"queue": QUEUES[2], "state": "dead"},
        {"queue": SERVED, "state": "ready"},
    )  # fmt: skip
    asked: list[tuple[str, Question]] = [("jobs", partial(client.listing, "jobs", **chosen)) for chosen in filters]
    asked += [
        ("jobs", lambda: client.listing("jobs", after_id=waiting(), queue=SERVED)),
        ("jobs", lambda: client.listing("jobs", after_id=waiting(), state="succeeded")),
        ("job", lambda: client.listing("job", id=waiting())),
        ("job", lambda: client.listing("job", id=ended())),
        ("job", lambda: client.listing("executions", job_id=ended())),
        ("cancel", lambda: client.cancel(waiting())),
        ("cancel", lambda: client.cancel([waiting() for _ in range(10)])),
        ("cancel", lambda: client.cancel(first_id + draw.randrange(1000))),
    ]
    return asked + [(name, partial(client.listing, name)) for name in ("queues", "executors", "stat")] * 3


def _asked(questions: list[tuple[str, Question]], whole_s: float) -> dict[str, list[float]]:
    """Asks all in turn for so long; returns how long each command's questions took, in ms."""
    took: dict[str, list[float]] = {}

    def ask(number: int) -> None:
        command, question = questions[number % len(questions)]
        begun = time.perf_counter()
        question()
        took.setdefault(command, []).append((time.perf_counter() - begun) * 1000)

    paced(max(len(questions), round(whole_s / ASK_EVERY_S)), ASK_EVERY_S, ask)
    return took


def _starts_ms(node: BenchNode, since_ms: int) -> list[float]:
    """Returns how long after its entry each job of the stream was started, in whole ms as the rows have them."""
    connection = open_offline(node.shard_file)
    try:
        rows = connection.execute(
            "SELECT e.started_ms - f.created_ms FROM finished f JOIN executions e ON e.job_id = f.id"
            " WHERE f.lane IN (SELECT lane FROM lanes) AND f.finished_ms >= ?",
            (since_ms,),
        )
        return [max(0.0, float(row[0])) for row in rows if row[0] is not None]
    finally:
        connection.close()
