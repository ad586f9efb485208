"""What a fault acts on: the cluster, its load, the weather between its members, and a note of what was done when.

Decides how faults are noted and how a cluster is awaited after one. Must not know any fault.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Final

from .cluster import CLIENTS, MEMBER_PORT, Cluster
from .history import OK, Event, event_of
from .load import Load
from .names import Names
from .network import HUB
from .node import DrillFailed
from .weather import FAIR, Weather

PROXY_PORT: Final = 7500
ANSWER_S: Final = 20.0
SETTLE_S: Final = 60.0


def now_ns() -> int:
    """Returns elapsed time, by which everything in a drill is noted."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


@dataclass(slots=True)
class Mark:
    """One round: what was done, from when to when it lasted, and when all was whole again."""

    text: str
    begun_ns: int
    healed_ns: int = 0
    over_ns: int = 0


class Child:
    """A process of the drill's own, which is told things on standard input and says words on standard output."""

    def __init__(self, command: Sequence[str], plan: str, word: str) -> None:
        """Starts it, hands it its plan, and waits for its first word.

        Raises:
            DrillFailed: the word does not come.
        """
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._say(plan)
        self.hear(word, ANSWER_S)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def ask(self, line: str) -> str:
        """Tells it something, and returns its answer."""
        self._say(line)
        return self.hear("", ANSWER_S)

    def hear(self, word: str, wait_s: float) -> str:
        """Returns the next line that it says.

        Raises:
            DrillFailed: it does not begin with the word, or does not come in time.
        """
        out = self._process.stdout
        assert out is not None
        line = out.readline() if select.select([out], [], [], wait_s)[0] else ""
        if not line.startswith(word) or not line:
            raise DrillFailed(f"a process of the drill itself said {line!r} and not {word!r} within {wait_s:.0f} s")
        return line

    def end_input(self) -> None:
        """Tells it that nothing more comes."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def close(self) -> None:
        """Ends it, if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for end in (self._process.stdin, self._process.stdout):
            if end is not None and not end.closed:
                end.close()


def program(module: str) -> list[str]:
    """Returns the command line of a module of this package; it ends with this process."""
    return [sys.executable, "-m", f"{__package__}.{module}", str(os.getpid())]


class Air:
    """The weather between the members: each link passes the hub, where a process keeps it."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        """Diverts all links between members, and starts the process; the weather is fair."""
        network = cluster.network
        assert network is not None, "weather needs namespaces"
        nodes, hub = list(cluster.nodes), network.addresses[HUB]
        rows: list[list[str]] = []
        for at, (one, other) in enumerate((one, other) for one in nodes for other in nodes if one != other):
            port = PROXY_PORT + at
            network.divert(one, MEMBER_PORT, other, port)
            rows.append([f"{one}-{other}", f"tcp://{hub}:{port}", cluster.places[other].member])
        self._links = [row[0] for row in rows]
        plan = json.dumps({"seed": seed, "links": rows})
        self._child = Child(network.words(HUB, program("proxy")), plan, "ready")

    def set(self, weather: Weather = FAIR, node: str | None = None) -> dict[str, int]:
        """Changes the weather of all links, or of those of one node; returns what became of messages so far."""
        links = [link for link in self._links if node is None or node in link.split("-")]
        counts: dict[str, int] = json.loads(self._child.ask(json.dumps({"links": links, "weather": asdict(weather)})))
        return counts

    def close(self) -> None:
        """Ends the process; the links stay diverted."""
        self._child.close()


class Scene:
    """One drill while it runs.

    Attributes:
        cluster: its nodes.
        air: the weather, if the drill has any.
        draws: by the seed.
        marks: the rounds so far.
        load: the clients, once they run.
        notes: what the report says besides.
        kept: what a fault keeps from round to round.
        history_file: what clients have seen.
        runs_folder: what handlers write down.
    """

    def __init__(self, cluster: Cluster, air: Air | None, seed: int, seconds: float | None) -> None:
        self.cluster: Final = cluster
        self.air: Final = air
        self.draws: Final = Random(seed)
        self.seconds: Final = seconds
        self.marks: list[Mark] = []
        self.load: Child | None = None
        self.notes: list[str] = []
        self.kept: dict[str, Any] = {}
        self.history_file: Final = cluster.folder / "history.jsonl"
        self.runs_folder: Final = cluster.folder / "runs"
        self._read_bytes = 0

    @property
    def names(self) -> Names:
        """Of what the drill makes."""
        return self.cluster.names

    def begin_load(self, load: Load) -> None:
        """Starts the clients, and waits until they have a job taken."""
        self.load = Child(self.cluster.within(CLIENTS)(program("load")), load.to_json(), "flows")

    def mark(self, text: str) -> Mark:
        """Notes that a fault begins now."""
        mark = Mark(text, now_ns())
        self.marks.append(mark)
        return mark

    def healed(self) -> None:
        """Notes that what was done is undone, or needs no undoing."""
        self.marks[-1].healed_ns = now_ns()

    def hold(self, least_s: float, most_s: float) -> float:
        """Lets a fault last for a while, drawn; `--seconds` says it instead. Returns how long."""
        for_s = self.draws.uniform(least_s, most_s) if self.seconds is None else self.seconds
        time.sleep(for_s)
        return for_s

    def settle(self) -> None:
        """Waits until the cluster is whole again.

        Raises:
            DrillFailed: it takes too long.
        """
        if not self.marks[-1].healed_ns:
            self.healed()
        cluster = self.cluster
        until_s = time.monotonic() + SETTLE_S
        while not all(cluster.nodes[name].pid("processes.coordinator") for name in cluster.members):
            if time.monotonic() > until_s:
                raise DrillFailed(f"a coordinator does not come back; {self._last_words()}")
            time.sleep(0.01)
        cluster.wait_whole(SETTLE_S)
        self._wait_flow(until_s)
        self.marks[-1].over_ns = now_ns()

    def _wait_flow(self, until_s: float) -> None:
        """Waits until clients have a job acknowledged, and a handler has begun, after this moment."""
        since_ns, since_s = now_ns(), time.time()
        is_acked = is_run = False
        while not (is_acked and is_run):
            if time.monotonic() > until_s:
                missing = "client has a job acknowledged" if not is_acked else "handler begins"
                raise DrillFailed(f"no {missing} {SETTLE_S:.0f} s after the fault, though the cluster is whole")
            time.sleep(0.01)
            is_acked = is_acked or any(event.what == OK and event.at_ns > since_ns for event in self._news())
            is_run = is_run or any(file.stat().st_mtime > since_s for file in self.runs_folder.iterdir())

    def _news(self) -> list[Event]:
        """Returns what clients have written since the last call."""
        with self.history_file.open("rb") as file:
            file.seek(self._read_bytes)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        return [event_of(line) for line in whole.splitlines()]

    def _last_words(self) -> str:
        nodes = [self.cluster.nodes[name] for name in self.cluster.members]
        return "; ".join(f"{node.name}: {node.log_tail()[-300:]}" for node in nodes)

    def others(self, name: str) -> list[str]:
        """Returns the members besides one."""
        return [each for each in self.cluster.members if each != name]
