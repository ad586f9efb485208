"""A node of a drill: its file, its processes, and how they are found, held and killed.

Decides what stands in the file. Must not know faults or the other nodes beyond their endpoints. Only processes that a
drill has started are ever signalled.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ...nodes.bench.procfs import family, words

PACKAGE: Final = __name__.split(".")[0]
TASKS: Final = f"{__package__}.tasks"
READY_S: Final = 30.0
STOP_S: Final = 20.0
GONE_S: Final = 10.0
LOOK_EVERY_S: Final = 0.002
LOG_CHARS_SHOWN: Final = 800

COORDINATOR, EXECUTOR, CHILD = "processes.coordinator", "processes.executor", "runners.child"
"""Kinds of processes, by what their command lines have."""


class DrillFailed(Exception):
    """The drill itself cannot go on; the text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one node is reached."""

    name: str
    member: str
    client: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What the files of all nodes have in common."""

    shards: int = 1
    lease_ttl_ms: int = 2_000
    executors: int = 1
    tasks: str = TASKS
    more: str = ""
    """Further tables."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


class Node:
    """One node. It is started and stopped many times.

    Attributes:
        place: where it is reached.
        data_dir: its folder.
        log: what its processes have written.
    """

    def __init__(
        self,
        place: Place,
        folder: Path,
        settings: Settings,
        members: Sequence[Place],
        within: Callable[[Sequence[str]], list[str]],
        *,
        is_joining: bool = False,
    ) -> None:
        """Writes its file.

        Args:
            place: its own.
            folder: for its file, its data and its log.
            settings: of all nodes.
            members: those that the cluster begins with, this one among them; itself alone if it is to join; none for
                a node without a cluster.
            within: gives the command line that runs another one where the node is to run.
            is_joining: it waits to be taken in.
        """
        self.place: Final = place
        self.data_dir: Final = folder / "data"
        self.log: Final = folder / "node.log"
        self.environment: dict[str, str] = dict(settings.environment)
        self._within = within
        self._file: Final = folder / "node.toml"
        self._process: subprocess.Popen[str] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.data_dir.mkdir(mode=0o700, exist_ok=True)
        self._file.write_text(toml(place, self.data_dir, settings, members, is_joining=is_joining), encoding="utf-8")

    @property
    def name(self) -> str:
        """Its name."""
        return self.place.name

    @property
    def is_running(self) -> bool:
        """Whether its supervisor runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it; `wait_ready` follows."""
        assert not self.is_running, f"{self.name} runs already"
        self._close()
        command = [sys.executable, "-m", PACKAGE, "node", str(self._file), "--parent", str(os.getpid())]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._within(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                env={**os.environ, **self.environment},
            )

    def wait_ready(self, ready_s: float = READY_S) -> None:
        """Waits until it accepts jobs.

        Raises:
            DrillFailed: it has ended, or takes too long.
        """
        assert self._process is not None, f"{self.name} was not started"
        assert self._process.stdout is not None
        line = ""
        if select.select([self._process.stdout], [], [], ready_s)[0]:
            line = self._process.stdout.readline()
        if not line.startswith("ready "):
            state = f"is not ready after {ready_s:.0f} s" if self.is_running else "has ended instead of being ready"
            raise DrillFailed(f"{self.name} {state}; its log ends with: {self.log_tail()}")

    def log_tail(self) -> str:
        """Returns the end of its log."""
        return self.log.read_text("utf-8", "replace")[-LOG_CHARS_SHOWN:].strip() or "nothing"

    def pids(self, kind: str = "") -> list[int]:
        """Returns its processes, all or those of a kind; none if it does not run."""
        if not self.is_running:
            return []
        assert self._process is not None
        found = family(self._process.pid)
        return [pid for pid in found if kind in words(pid)] if kind else found

    def pid(self, kind: str) -> int | None:
        """Returns one process of a kind, if there is one."""
        return next(iter(self.pids(kind)), None)

    def signal_all(self, pids: Sequence[int], number: signal.Signals) -> None:
        """Sends a signal to some of its processes; `pids` has given them."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """Ends all its processes at once, as a power loss would."""
        pids = self.pids()
        self.signal_all(pids, signal.SIGKILL)  # the supervisor first, so that nobody starts anything again
        if self._process is not None:
            self._process.wait(GONE_S)
        wait_gone(pids)
        self._close()

    def stop(self, stop_s: float = STOP_S) -> bool:
        """Ends it in good order; returns False if it had to be killed."""
        if self._process is None:
            return True
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            is_good = self._process.wait(stop_s) == 0
        except subprocess.TimeoutExpired:
            is_good = False
            self.kill()
        self._close()
        return is_good

    def _close(self) -> None:
        if self._process is not None:
            assert self._process.stdout is not None
            self._process.wait(GONE_S)
            self._process.stdout.close()
            self._process = None


def wait_gone(pids: Sequence[int]) -> None:
    """Waits until none of these processes is left.

    Raises:
        DrillFailed: some are.
    """
    until_s = time.monotonic() + GONE_S
    while left := [pid for pid in pids if words(pid)]:
        if time.monotonic() > until_s:
            raise DrillFailed(f"processes {left} of the drill outlive their kill")
        time.sleep(LOOK_EVERY_S)


def toml(place: Place, data_dir: Path, settings: Settings, members: Sequence[Place], *, is_joining: bool) -> str:
    """Returns a node's file."""
    parts = [
        f'[node]\nname = "{place.name}"\ndata_dir = "{data_dir}"\ninsecure = true\nlog_jobs = "none"\n',
        "" if members else f'listen = ["{place.client}"]\n' if place.client else "",
        f"[coordinator]\nshards = {settings.shards}\nlease_ttl_ms = {settings.lease_ttl_ms}\n",
        "[supervisor]\nrestart_backoff_max_ms = 500\n",
    ]
    if members:
        parts.append(f"[cluster]\njoin = {'true' if is_joining else 'false'}\n")
        parts += [
            f'[[cluster.members]]\nname = "{member.name}"\nmember_endpoint = "{member.member}"\n'
            f'client_endpoint = "{member.client}"\n'
            for member in members
        ]
    if settings.executors:
        parts.append(
            f'[[executor]]\ncount = {settings.executors}\ntasks = ["{settings.tasks}"]\nprocess_slots = 1\n'
            "asyncio_slots = 50\nkill_grace_ms = 300\n"
        )
    return "\n".join([*parts, settings.more])
