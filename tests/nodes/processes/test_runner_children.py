"""Runner children that cannot be started: the executor lives on, and hears of it."""

import errno
import os
import select

import pytest

from mainspring.actors.executor.events import ChildExited
from mainspring.actors.executor.machine import Event
from mainspring.nodes.processes.own_output import OwnOutput
from mainspring.nodes.processes.plan import ExecutorPlan
from mainspring.nodes.processes.runner_children import RunnerChildren


@pytest.mark.parametrize("call", ["os.memfd_create", "os.pipe", "subprocess._fork_exec"])
def test_a_child_that_cannot_be_started_has_exited(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """No room for a process or a descriptor ends none of the runs: it is told like a death, and leaks nothing."""

    def refuse(*_values: object) -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    plan = ExecutorPlan("node", "executor", [], ["jobs"], [], ["*"], incarnation=7)
    with select.epoll() as poll:
        children = RunnerChildren(plan, poll, OwnOutput(-1))
        before = os.listdir("/proc/self/fd")  # noqa: PTH208  (names alone)
        monkeypatch.setattr(call, refuse)
        children.spawn(3, "process")
        monkeypatch.undo()
        assert os.listdir("/proc/self/fd") == before  # noqa: PTH208  (as above)
        assert children.is_restless
        assert children.wait_ns(0, 10**9) == 0, "it is told at once"
        events: list[Event] = []
        children.hear(set(), events)
        (told,) = events
        assert isinstance(told, ChildExited)
        assert (told.child, told.output) == (3, None)
        assert told.how.startswith("could not be started (")
        assert not children.is_restless
        children.end()
