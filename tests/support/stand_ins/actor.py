"""Stands in for a coordinator or an executor: tells the test what happens to it, and behaves as a file says.

It decides nothing. The file STAND_INS/NAME may hold `fail TEXT`, `exit STATUS`, `silent` or `stubborn`; what
happens is sent as JSON to the datagram socket STAND_INS/events.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path

from mainspring.nodes.processes.death import die_with_parent
from mainspring.nodes.processes.status import report_failed, report_ready

FOLDER = Path(os.environ["STAND_INS"])


def tell(what: str, **facts: object) -> None:
    """Sends one event to the test."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        event = {"what": what, "name": sys.argv[2], "pid": os.getpid(), **facts}
        sock.sendto(json.dumps(event).encode(), str(FOLDER / "events"))


def start_runner() -> int:
    """Forks a child that holds the life pipe, as a runner does; returns its process id."""
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        die_with_parent(parent)
        tell("runner started")
        while True:
            signal.pause()
    return pid


def main() -> int:
    """Runs the process; returns its exit status."""
    die_with_parent()
    # Blocked, so that none is lost between two waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    plan = json.loads(sys.stdin.readline())
    path = FOLDER / sys.argv[2]
    behaviour, _, text = (path.read_text() if path.exists() else "").partition(" ")
    facts = {key: plan.get(key) for key in ("incarnation", "replaces", "log_level")}
    tell("started", session=os.getsid(0), **facts)
    if behaviour == "fail":
        report_failed(plan["status_fd"], text)
        return 3
    if behaviour == "exit":
        return int(text)
    runner = start_runner() if plan.get("life_fd") is not None else None
    if behaviour != "silent":
        report_ready(plan["status_fd"])
    while True:
        signal.sigwait({signal.SIGTERM})
        tell("asked to stop")
        if behaviour != "stubborn":
            break
    if runner is not None:
        os.kill(runner, signal.SIGKILL)
        os.waitpid(runner, 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
