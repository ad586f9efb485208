"""The nodes of a drill together: started, looked at, awaited, and taken down whatever happens.

Decides where they stand: in namespaces, or, where those cannot be made, all on this machine over ipc sockets. Must not
know faults or load.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import zmq

from ...broker.net.context import Context
from ...nodes.storage.shard.shard_file import shard_file_name
from . import folders
from .names import Names
from .network import Network
from .node import PACKAGE, DrillFailed, Node, Place, Settings
from .views import Group, look

MEMBER_PORT, CLIENT_PORT = 7421, 7411
CLIENTS: Final = "clients"
PATIENCE_S: Final = 30.0
COMMAND_S: Final = 60.0
LOOK_EVERY_S: Final = 0.02
SHARD: Final = 0


class Cluster:
    """Some nodes and their network. Close it, whatever happens.

    Attributes:
        names: of this drill.
        folder: a temporary one, of all nodes.
        network: None without namespaces.
        nodes: by name; those that are not started yet among them.
    """

    def __init__(
        self, count: int, settings: Settings, *, has_network: bool, spare: int = 0, alone: bool = False
    ) -> None:
        """Prepares the nodes n1, n2, ... and starts none.

        Args:
            count: how many the cluster begins with.
            settings: of all.
            has_network: whether they get namespaces.
            spare: how many more there are, which can join.
            alone: a single node, without a cluster at all.
        """
        self.names: Final = Names()
        self.folder: Final = folders.make(self.names)
        self.settings: Final = settings
        self.network: Network | None = None
        self._context: Context = zmq.Context()
        names = [f"n{number}" for number in range(1, count + spare + 1)]
        try:
            if has_network:
                self.network = Network(self.names, [*names, CLIENTS])
            self.places: Final = {name: self._place(name) for name in names}
            first = [self.places[name] for name in names[:count]]
            self.nodes: Final = {
                name: Node(
                    self.places[name],
                    self.folder / name,
                    settings,
                    () if alone else first if at < count else [self.places[name]],
                    self.within(name),
                    is_joining=at >= count,
                )
                for at, name in enumerate(names)
            }
        except BaseException:
            self.close()
            raise
        self.members: list[str] = names[:count]
        """Those that are meant to be in the cluster now."""
        self._used = set(self.members)

    def _place(self, name: str) -> Place:
        if self.network is None:
            return Place(name, f"ipc://{self.folder}/{name}.m", f"ipc://{self.folder}/{name}.c")
        address = self.network.addresses[name]
        return Place(name, f"tcp://{address}:{MEMBER_PORT}", f"tcp://{address}:{CLIENT_PORT}")

    def within(self, role: str) -> Callable[[Sequence[str]], list[str]]:
        """Returns what makes a command line run where a role does."""
        network = self.network
        return list if network is None else lambda words: network.words(role, words)

    def url_of(self, names: Sequence[str] = ()) -> str:
        """Where clients and operators reach it: all members, or some."""
        return ",".join(self.places[name].client for name in names or self.members)

    @property
    def ipc_url(self) -> str:
        """Where this process reaches it, whatever is cut."""
        return ",".join(f"ipc://{self.nodes[name].data_dir}/coordinator.sock" for name in self.members)

    def shard_file(self, name: str) -> Path:
        """Returns a node's shard file."""
        return self.nodes[name].data_dir / shard_file_name("default", SHARD)

    def told(self) -> str:
        """Says how each node sees the shard, for people."""
        return (
            "; ".join(
                f"{group.node} is {group.role} in epoch {group.epoch}, leader {group.leader}, last {group.last},"
                f" committed {group.committed}, applied {group.applied}"
                for group in self.views()
            )
            or "no node answers"
        )

    def command(self, *words: str) -> str:
        """Runs `mainspring` as an operator does, where clients are, and returns what it says.

        Raises:
            DrillFailed: it has failed.
        """
        command = self.within(CLIENTS)([sys.executable, "-m", PACKAGE, *words])
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S, check=False)
        except subprocess.TimeoutExpired:
            text = f"`mainspring {' '.join(words)}` has not ended after {COMMAND_S:.0f} s: {self.told()}"
            raise DrillFailed(text) from None
        if done.returncode != 0:
            raise DrillFailed(f"`mainspring {' '.join(words)}` failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout.strip()

    def spare(self) -> str:
        """Returns a node that was never a member, and counts it as one from now on.

        Raises:
            DrillFailed: there is none.
        """
        fresh = [name for name in self.nodes if name not in self._used]
        if not fresh:
            raise DrillFailed("there is no node left that was never a member")
        self._used.add(fresh[0])
        return fresh[0]

    def start(self) -> None:
        """Starts all members and waits until they are ready."""
        for name in self.members:
            self.nodes[name].start()
        for name in self.members:
            self.nodes[name].wait_ready()

    def views(self, answer_s: float = 0.5) -> Iterator[Group]:
        """Yields how each running node sees the shard."""
        for name in self.members:
            node = self.nodes[name]
            groups = look(node.data_dir, self._context, answer_s) if node.is_running else None
            yield from (groups or ())[SHARD : SHARD + 1]

    def leader(self, answer_s: float = 0.5) -> str | None:
        """Returns who leads, by the newest epoch that a leader claims; None if nobody does."""
        if len(self.members) == 1:
            return self.members[0]
        leading = [group for group in self.views(answer_s) if group.role == "leader"]
        return max(leading, key=lambda group: group.epoch).node if leading else None

    def wait_leader(self, patience_s: float = PATIENCE_S) -> str:
        """Waits until somebody leads.

        Raises:
            DrillFailed: nobody does.
        """
        until_s = time.monotonic() + patience_s
        while (name := self.leader()) is None:
            if time.monotonic() > until_s:
                raise DrillFailed(f"nobody leads after {patience_s:.0f} s: {self.told()}")
            time.sleep(LOOK_EVERY_S)
        return name

    def wait_whole(self, patience_s: float = PATIENCE_S) -> str:
        """Waits until all members follow one leader and hold all that it has committed; returns it.

        Raises:
            DrillFailed: they do not.
        """
        until_s = time.monotonic() + patience_s
        while True:
            name = self._whole()
            if name is not None:
                return name
            if time.monotonic() > until_s:
                raise DrillFailed(f"the cluster is not whole after {patience_s:.0f} s: {self.told()}")
            time.sleep(LOOK_EVERY_S)

    def _whole(self) -> str | None:
        if len(self.members) == 1:
            return self.members[0]
        committed = 0  # asked first: the others may only be further by then
        groups: list[Group] = []
        leader = self.leader()
        for group in self.views():
            groups.append(group)
            if group.node == leader:
                committed = max(committed, group.committed)
        epochs = {group.epoch for group in groups}
        near = all(group.last >= committed - 1000 and group.leader == leader for group in groups)
        return leader if leader and len(groups) == len(self.members) and len(epochs) == 1 and near else None

    def close(self) -> None:
        """Takes everything down. Twice is once."""
        for node in getattr(self, "nodes", {}).values():
            node.kill()
        if self.network is not None:
            self.network.close()
        self._context.destroy(linger=0)
        folders.remove(self.folder)
