"""Members of a cluster in one process: engines over disks in memory, a network that a test rules, one clock.

A `Net` holds nodes by name. Messages lie in `net.wire` until they are delivered, dropped or given twice. Nothing moves
but by a call: `turn` runs one node's turn, `deliver` hands over what is on the wire, `advance` moves the clock, `run`
does all of it for a while. Every turn checks each engine's own relations; `check` those between members.
"""

import hashlib
import random
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from mainspring.actors.draws import Draws
from mainspring.actors.entries import ENGINE_MARK
from mainspring.actors.machine import Now
from mainspring.actors.raft.engine import RaftLog
from mainspring.actors.raft.news import Elected, MembersChanged, News, SnapshotInstalled
from mainspring.actors.raft.settings import RaftSettings
from mainspring.actors.raft.snapshots import Made, SnapshotDamaged
from mainspring.broker.wire.codec import decode, encode
from mainspring.chaos.memory_entries import MemoryEntries

NS_PER_MS = 1_000_000
GROUP = 1


class OnWire(NamedTuple):
    """One message under way."""

    due_ns: int
    sender: str
    to: str
    frame: bytes

    @property
    def message(self) -> Any:
        """What it says."""
        return decode(self.frame)


class MemorySnapshots:
    """Copies of what a node has applied; one chunk is `chunk_bytes`."""

    def __init__(self, node: "Node", chunk_bytes: int = 64) -> None:
        self._node = node
        self._chunk_bytes = chunk_bytes
        self._made: dict[int, tuple[Made, bytes]] = {}
        self._parts: dict[str, bytes] = {}
        self.is_slow = False
        """While it is set, no copy gets ready."""
        self.is_damaged = False
        """While it is set, nothing that arrives is sound."""
        self.ahead = 0
        """So many entries stand in the log behind a copy that shows what they did."""
        self.installed = 0

    def make(self, group: int) -> None:
        """Copies what is applied."""
        if group not in self._made:
            applied = self._node.applied.get(group, [])
            data = b"".join(len(blob).to_bytes(4, "big") + blob for blob in applied)
            digest = hashlib.sha256(data).hexdigest()
            self._made[group] = (Made(len(applied) - self.ahead, len(data), digest), data)

    def made(self, group: int) -> Made | None:
        """The copy, if it is ready."""
        return self._made[group][0] if group in self._made and not self.is_slow else None

    def chunk(self, group: int, sha256: str, offset: int) -> bytes:
        """A piece of it."""
        made = self._made.get(group)
        if made is None or made[0].sha256 != sha256:
            return b""
        return made[1][offset : offset + self._chunk_bytes]

    def drop(self, group: int) -> None:
        """Forgets the copy."""
        self._made.pop(group, None)

    def begin(self, group: int, sha256: str, size_bytes: int) -> int:
        """How much of it is here."""
        return len(self._parts.setdefault(sha256, b""))

    def add(self, group: int, sha256: str, offset: int, data: bytes) -> int:
        """Takes a piece."""
        assert len(self._parts[sha256]) == offset, "a piece leaves a gap"
        self._parts[sha256] += data
        return len(self._parts[sha256])

    def install(self, group: int, sha256: str) -> int:
        """Takes the copy for the shard."""
        data = self._parts.pop(sha256)
        if self.is_damaged or hashlib.sha256(data).hexdigest() != sha256:
            raise SnapshotDamaged("the copy is not what was sent")
        blobs: list[bytes] = []
        while data:
            size = int.from_bytes(data[:4], "big")
            blobs.append(data[4 : 4 + size])
            data = data[4 + size :]
        self._node.applied[group] = blobs
        self.installed += 1
        return len(blobs)


class Node:
    """One member: its disk, what it has applied (durable, as a shard file is), and its engine while it runs."""

    def __init__(self, net: "Net", name: str, genesis: list[list[Any]]) -> None:
        self.net = net
        self.name = name
        self.genesis = genesis
        self.disk = MemoryEntries(segment_entries=net.segment_entries)
        self.applied: dict[int, list[bytes]] = {}
        self.snapshots = MemorySnapshots(self)
        self.lives = 0
        self.news: list[News] = []
        self.engine: RaftLog | None = None
        self.start()

    def start(self) -> None:
        """Begins a life on what the disk holds."""
        assert self.engine is None, f"{self.name} runs"
        self.lives += 1
        draws = Draws(self.net.seed).child(self.name).child(self.lives)
        applied = {group: len(blobs) for group, blobs in self.applied.items()}
        self.engine = RaftLog(
            self.name, self.disk, self.snapshots, self.net.settings, self.net.groups, self.genesis, draws,
            self.net.now, applied,
        )  # fmt: skip

    def crash(self, draw: random.Random | None = None) -> None:
        """Loses the process, and what was not synced but for a part of it that `draw` may keep."""
        self.engine = None
        self.disk.crash(draw)
        self.snapshots.drop(GROUP)

    @property
    def log(self) -> RaftLog:
        """The engine, which must run."""
        assert self.engine is not None, f"{self.name} is down"
        return self.engine

    def turn(self, *, syncs: bool = True) -> None:
        """One turn, as the shell does it; without `syncs` it ends before the disk was reached."""
        log = self.log
        log.wake(self.net.now)
        self.news.extend(log.news())
        self.net.send(self.name, log.outgoing())
        if not syncs:
            return
        log.sync()
        self.net.send(self.name, log.answers())
        for group in self.net.groups:
            self._apply(group)
        self.news.extend(log.news())
        log.check()

    def _apply(self, group: int) -> None:
        log, applied = self.log, self.applied.setdefault(group, [])
        first, last = len(applied) + 1, log.committed(group)
        if first <= last:
            applied.extend(record.blob for record in log.read(group, first, last))

    def blobs(self, group: int = GROUP) -> list[bytes]:
        """What users have put into the log that it still holds, committed or not."""
        records = self.log.read(group, self.log.first_index(group), self.log.last_index(group))
        return [record.blob for record in records if record.blob[:1] != ENGINE_MARK]

    def done(self, group: int = GROUP) -> list[bytes]:
        """What users have put into the log that is applied here."""
        return [blob for blob in self.applied.get(group, []) if blob[:1] != ENGINE_MARK]


def member(name: str, is_voter: int = 1) -> list[Any]:
    """A row of CLUSTER_MEMBER_COLUMNS."""
    return [name, f"ipc://{name}", f"ipc://{name}-clients", is_voter]


class Net:
    """The cluster and its network.

    Args:
        names: the first members, all of them voters.
        delay_ms: how long a message is under way, drawn from this range.
        keeps_order: messages of one sender to one receiver overtake each other only if this is false.
    """

    def __init__(
        self,
        names: Iterable[str] = ("a", "b", "c"),
        *,
        seed: int = 1,
        settings: RaftSettings | None = None,
        groups: tuple[int, ...] = (GROUP,),
        delay_ms: tuple[int, int] = (1, 1),
        keeps_order: bool = True,
        segment_entries: int = 4,
    ) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.settings = settings or RaftSettings(rebalance_ms=0)
        self.groups = groups
        self.delay_ms = delay_ms
        self.keeps_order = keeps_order
        self.segment_entries = segment_entries
        self.elapsed_ns = 10_000 * NS_PER_MS
        self.wire: list[OnWire] = []
        self.cut: set[tuple[str, str]] = set()
        """(sender, receiver): what is sent that way is lost."""
        self.lose: Callable[[OnWire], bool] = lambda _: False
        """Says of each message that is sent whether it is lost."""
        self.leaders: dict[tuple[int, int], str] = {}
        """(group, epoch) -> who was elected: never two."""
        self.history: dict[int, list[tuple[int, bytes]]] = {group: [] for group in groups}
        """What was ever seen as committed, with its epoch: it never changes."""
        rows = [member(name) for name in names]
        self.nodes = {name: Node(self, name, rows) for name in names}

    @property
    def now(self) -> Now:
        """Both clocks."""
        return Now(self.elapsed_ns, 1_700_000_000_000 + self.elapsed_ns // NS_PER_MS)

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    @property
    def running(self) -> list[Node]:
        """The nodes that are up."""
        return [node for node in self.nodes.values() if node.engine is not None]

    # The wire.

    def send(self, sender: str, sends: Iterable[Any]) -> None:
        """Puts messages on the wire; each goes through the codec."""
        for send in sends:
            due_ns = self.elapsed_ns + self.random.randint(*self.delay_ms) * NS_PER_MS
            to = send.peer.decode()
            if self.keeps_order:
                due_ns = max([due_ns, *(item.due_ns for item in self.wire if (item.sender, item.to) == (sender, to))])
            item = OnWire(due_ns, sender, to, encode(send.message))
            if (sender, item.to) not in self.cut and not self.lose(item):
                self.wire.append(item)

    def hand_over(self, item: OnWire) -> None:
        """Gives a message to its receiver, whether it is still on the wire or not."""
        node = self.nodes.get(item.to)
        if node is not None and node.engine is not None and (item.sender, item.to) not in self.cut:
            node.engine.received(item.sender, item.message, self.now)

    def deliver(self, kind: type[Any] | None = None, *, to: str | None = None, sender: str | None = None) -> int:
        """Hands over what is on the wire now and fits, in order; returns how many that were."""
        fitting = self.take(kind, to=to, sender=sender)
        for item in fitting:
            self.hand_over(item)
        return len(fitting)

    def take(self, kind: type[Any] | None = None, *, to: str | None = None, sender: str | None = None) -> list[OnWire]:
        """Takes messages off the wire and returns them: they are lost, unless they are handed over."""
        fitting = [
            item
            for item in self.wire
            if to in (None, item.to)
            and sender in (None, item.sender)
            and (kind is None or isinstance(item.message, kind))
        ]
        self.wire = [item for item in self.wire if item not in fitting]
        return fitting

    def isolate(self, *names: str) -> None:
        """Cuts these off from all others."""
        for name in names:
            for other in self.nodes.keys() - set(names):
                self.cut |= {(name, other), (other, name)}

    def heal(self) -> None:
        """Gives the network back."""
        self.cut.clear()

    # Time.

    def advance(self, ms: float) -> None:
        """Moves the clock."""
        self.elapsed_ns += int(ms * NS_PER_MS)

    def settle(self) -> None:
        """Runs turns and delivers until nothing is on the wire, the clock standing still."""
        for _ in range(200):
            for node in self.running:
                node.turn()
            if not self.deliver():
                break
        self.check()

    def run(self, ms: int, until: Callable[[], bool] | None = None, step_ms: int = 1) -> bool:
        """Lets time pass; True as soon as `until` holds."""
        end_ns = self.elapsed_ns + ms * NS_PER_MS
        while self.elapsed_ns < end_ns:
            if until is not None and until():
                return True
            self.advance(step_ms)
            due = [item for item in self.wire if item.due_ns <= self.elapsed_ns]
            self.wire = [item for item in self.wire if item.due_ns > self.elapsed_ns]
            woken = {item.to for item in due}
            for item in sorted(due, key=lambda item: item.due_ns):
                self.hand_over(item)
            for node in self.running:
                wake_ns = node.log.wake_at()
                if node.name in woken or (wake_ns is not None and wake_ns <= self.elapsed_ns):
                    node.turn()
            self.check()
        return until is not None and until()

    # What a test asks for.

    def leader(self, group: int = GROUP) -> Node | None:
        """The running leader of the latest epoch, if it has committed an entry of its own."""
        leading = [node for node in self.running if node.log.leads(group)]
        return max(leading, key=lambda node: node.log.leader(group)[0], default=None)

    def elect(self, group: int = GROUP, ms: int = 5_000) -> Node:
        """Lets time pass until somebody leads and has committed all of its log."""

        def is_led() -> bool:
            leader = self.leader(group)
            return leader is not None and leader.log.committed(group) == leader.log.last_index(group)

        assert self.run(ms, is_led), f"nobody leads group {group} after {ms} ms"
        leader = self.leader(group)
        assert leader is not None
        return leader

    def put(self, *blobs: bytes, group: int = GROUP, ms: int = 5_000) -> Node:
        """Has the leader append entries, and lets time pass until all running members have applied them."""
        leader = self.leader(group) or self.elect(group)
        for blob in blobs:
            leader.log.append(group, blob)
        last = leader.log.last_index(group)
        leader.turn()
        reachable = [node for node in self.running if not any(node.name in link for link in self.cut)]
        assert self.run(ms, lambda: all(len(node.applied.get(group, [])) >= last for node in reachable)), "not applied"
        return leader

    def take_in(self, name: str) -> Node:
        """Starts a node that waits to be taken in."""
        node = self.nodes[name] = Node(self, name, [])
        return node

    def restart(self, name: str, draw: random.Random | None = None) -> Node:
        """Kills a node and starts it again."""
        node = self.nodes[name]
        if node.engine is not None:
            node.crash(draw)
        node.start()
        return node

    # Relations between members.

    def check(self) -> None:
        """Asserts what must hold between members: one leader an epoch, and committed entries that never change."""
        for node in self.nodes.values():
            for news in node.news:
                if isinstance(news, Elected):
                    known = self.leaders.setdefault((news.group, news.epoch), node.name)
                    assert known == node.name, f"{known} and {node.name} were elected in epoch {news.epoch}"
            node.news = [news for news in node.news if isinstance(news, (MembersChanged, SnapshotInstalled))]
        for node in self.running:
            for group in self.groups:
                self._check_committed(node, group)

    def _check_committed(self, node: Node, group: int) -> None:
        log, history = node.log, self.history[group]
        first, last = log.first_index(group), log.committed(group)
        known = min(last, len(history))
        start = max(first, known - 8)
        for record in log.read(group, start, last) if start <= last else ():
            if record.index <= len(history):
                assert history[record.index - 1] == (record.epoch, record.blob), (
                    f"{node.name} holds another entry {record.index} than was committed"
                )
            else:
                assert record.index == len(history) + 1, f"{node.name} committed with a gap"
                history.append((record.epoch, record.blob))
        assert len(node.applied.get(group, [])) <= len(history), f"{node.name} applied what was never committed"
