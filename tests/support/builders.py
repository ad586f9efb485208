"""Builders of rows and messages for tests of the machines: plain by default, any column by name."""

from collections.abc import Iterable
from typing import Any

from mainspring.actors.jobs.retry import RetryPolicy
from mainspring.broker.wire.messages import ExecutorHello
from mainspring.broker.wire.rows import JOB_COLUMNS, RESULT_COLUMNS, RUN_COLUMNS, TASK_COLUMNS

Row = list[Any]

_JOB = dict.fromkeys(JOB_COLUMNS) | {
    "task": "echo", "payload": "{}", "queue": "default", "tenant": "default", "priority": 0,
}  # fmt: skip
_TASK = {"name": "echo", "runner": "process", "queue": "default", "timeout_ms": None, "priority": 0}
_RUN = dict.fromkeys(RUN_COLUMNS) | {
    "id": 1, "attempt": 1, "task": "echo", "payload": "{}", "due_ms": 0, "queue": "default", "tenant": "default",
}  # fmt: skip
_RESULT = dict.fromkeys(RESULT_COLUMNS) | {"id": 1, "attempt": 1, "epoch": 1, "index": 1, "outcome": "succeeded"}


def a_policy(retries: int = 3, base_ms: int = 1000, factor: float = 2.0, cap_ms: int = 600_000) -> Row:
    """A retry policy's row; without jitter, so that every wait is known."""
    return list(RetryPolicy(retries, base_ms, factor, cap_ms, "none").to_row())


def a_job(payload: str = "{}", **columns: Any) -> Row:
    """A row of a Submit."""
    return _row(_JOB, JOB_COLUMNS, {"payload": payload, **columns})


def a_task(name: str = "echo", **columns: Any) -> Row:
    """A row by which an executor announces a task; it is retried three times, after 1, 2 and 4 s."""
    return _row({**_TASK, "retry": a_policy()}, TASK_COLUMNS, {"name": name, **columns})


def a_run(id: int = 1, attempt: int = 1, **columns: Any) -> Row:
    """A row of a Run."""
    return _row(_RUN, RUN_COLUMNS, {"id": id, "attempt": attempt, **columns})


def a_result(id: int = 1, attempt: int = 1, **columns: Any) -> Row:
    """A row of a Finished."""
    return _row(_RESULT, RESULT_COLUMNS, {"id": id, "attempt": attempt, **columns})


def a_hello(
    incarnation: int = 7,
    *,
    link: int = 1,
    name: str = "executor-1",
    tasks: Iterable[Row] | None = None,
    queues: Iterable[str] = ("*",),
    schedules: Iterable[Row] = (),
    held: Iterable[Row] = (),
    replaces: Iterable[int] = (),
    cluster: str | None = None,
    labels: Iterable[str] = (),
    epochs: Iterable[Row] = (),
    links: Iterable[int] = (),
) -> ExecutorHello:
    """An executor's hello; it has the task `echo` and serves every queue."""
    announced = [a_task()] if tasks is None else list(tasks)
    return ExecutorHello(
        "node-1",
        name,
        incarnation,
        list(replaces),
        link,
        list(queues),
        announced,
        list(schedules),
        list(held),
        cluster,
        list(labels),
        list(epochs),
        list(links),
    )


def _row(plain: dict[str, Any], columns: tuple[str, ...], given: dict[str, Any]) -> Row:
    assert given.keys() <= set(columns), f"a column is misspelt; there are {', '.join(columns)}"
    values = plain | given
    return [values[column] for column in columns]
