"""The process that keeps the node's schedules as their file has them.

Started by the supervisor as `python -m mainspring.nodes.processes.schedule_keeper` with a SchedulesPlan on standard
input. SIGHUP has the file read and applied again. Exit status 0 when it is asked to stop, which it is at any moment:
the node takes a file whole or not at all.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ...broker.net.client import Client
from ..log import configure_log
from ..schedules.difference import Change
from ..schedules.keeper import ScheduleKeeper
from ..schedules.load import Declared
from .death import die_with_parent
from .orders import follow_orders
from .plan import SchedulesPlan
from .status import report_ready

TIMEOUT_S = 30.0
"""How long the node may take: a file may hold very many schedules."""


class _Stopped(BaseException):
    """Somebody has asked the process to stop."""


class _Reload:
    """Turns SIGHUP into a flag, and into a readable descriptor."""

    def __init__(self) -> None:
        self._asked = False
        self.fd, write_fd = os.pipe()
        for fd in (self.fd, write_fd):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGHUP, self._note)
        signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True

    def take(self) -> bool:
        """Says whether SIGHUP has come since the last call."""
        asked, self._asked = self._asked, False
        return asked

    def wait(self, wait_s: float) -> None:
        """Sleeps so long, or until a signal comes."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        if poll.poll(wait_s * 1000):
            os.read(self.fd, 4096)


def main() -> int:
    """Runs the process; returns its exit status."""
    die_with_parent()
    plan = SchedulesPlan.from_json(sys.stdin.readline())
    configure_log(plan.log_level, plan.log_format, "schedule-keeper", plan.node, names_node=plan.log_names_node)
    follow_orders(plan.orders_fd)
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _stop)
        _run(plan, _Reload())
    except _Stopped:
        return 0


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Not a flag: a call to a node that does not answer would go on for seconds.
    raise _Stopped


def _run(plan: SchedulesPlan, reload: _Reload) -> NoReturn:
    with Client(",".join(plan.endpoints), TIMEOUT_S) as client:

        def apply(declared: Declared) -> Sequence[Change]:
            return client.schedules.apply(declared.rows, source=declared.source, whole=True, revision=declared.revision)

        keeper = ScheduleKeeper(Path(plan.file), apply, time.monotonic)
        is_ready = False
        while True:
            wait_s = keeper.look(is_asked=reload.take())
            if keeper.has_answer and not is_ready:
                is_ready = True
                report_ready(plan.status_fd)
            reload.wait(wait_s)


if __name__ == "__main__":
    sys.exit(main())
