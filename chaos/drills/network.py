"""The network of a drill: a namespace a node, one for the clients, and a hub with a bridge that joins them.

Decides how it is made, cut and taken down. Must not know nodes or faults. Everything lies in namespaces, the bridge
too, so nothing is seen of it outside; what a drill that was killed has left is cleaned up by the next one.
"""

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from .names import Names, is_process_alive, stale
from .tools import ToolFailed, call

HUB: Final = "hub"
HUB_NUMBER: Final = 254
BOTH: Final = ("in", "out")
_BRIDGE: Final = "bridge0"
_LINK: Final = "eth0"
_FOLDER: Final = Path("/run/netns")


class Network:
    """The namespaces of one drill. `close` it, whatever happens.

    Attributes:
        names: of the drill.
        addresses: role -> address.
    """

    def __init__(self, names: Names, roles: Sequence[str]) -> None:
        """Makes it, after what dead drills have left is gone.

        Args:
            names: of the drill.
            roles: who gets a namespace: nodes and clients.

        Raises:
            ToolFailed: something cannot be made; nothing is left behind then.
        """
        clean()
        self.names: Final = names
        self.addresses: Final = {role: names.address(at) for at, role in enumerate(roles, 1)}
        self.addresses[HUB] = names.address(HUB_NUMBER)
        try:
            self._make(roles)
        except ToolFailed:
            self.close()
            raise

    def _make(self, roles: Sequence[str]) -> None:
        hub = self.names.of(HUB)
        call(["ip", "netns", "add", hub])
        call(["ip", "-n", hub, "link", "add", _BRIDGE, "type", "bridge"])
        call(["ip", "-n", hub, "addr", "add", f"{self.addresses[HUB]}/24", "dev", _BRIDGE])
        for device in ("lo", _BRIDGE):
            call(["ip", "-n", hub, "link", "set", device, "up"])
        for at, role in enumerate(roles):
            own = self.names.of(role)
            call(["ip", "netns", "add", own])
            call(["ip", "-n", hub, "link", "add", f"port{at}", "type", "veth", "peer", "name", _LINK, "netns", own])
            call(["ip", "-n", hub, "link", "set", f"port{at}", "master", _BRIDGE, "up"])
            call(["ip", "-n", own, "addr", "add", f"{self.addresses[role]}/24", "dev", _LINK])
            for device in ("lo", _LINK):
                call(["ip", "-n", own, "link", "set", device, "up"])

    def words(self, role: str, words: Sequence[str]) -> list[str]:
        """Returns the command line that runs a program in the namespace of a role."""
        return ["nsenter", f"--net={_FOLDER / self.names.of(role)}", "--", *words]

    def _iptables(self, role: str, *words: str) -> None:
        call(self.words(role, ["iptables", "-w", "5", *words]))

    def cut(self, role: str, others: Iterable[str], ways: Iterable[str] = BOTH) -> None:
        """Drops what passes between a role and others.

        Args:
            role: in whose namespace it is dropped.
            others: roles.
            ways: "in", "out" or both, as seen by the role.
        """
        for other in others:
            address = self.names.check(self.addresses[other])
            for way in ways:
                chain, side = {"in": ("INPUT", "-s"), "out": ("OUTPUT", "-d")}[way]
                self._iptables(role, "-A", chain, side, address, "-j", "DROP")

    def heal(self, role: str) -> None:
        """Lets everything pass again."""
        for chain in ("INPUT", "OUTPUT"):
            self._iptables(role, "-F", chain)

    def divert(self, role: str, port: int, other: str, to_port: int) -> None:
        """Sends what a role sends to a port of another one to a port of the hub instead."""
        words = ["-p", "tcp", "-d", self.names.check(self.addresses[other]), "--dport", str(port)]
        goal = f"{self.addresses[HUB]}:{to_port}"
        self._iptables(role, "-t", "nat", "-A", "OUTPUT", *words, "-j", "DNAT", "--to-destination", goal)

    def close(self) -> None:
        """Removes all of it. Twice is once."""
        for role in self.addresses:
            with contextlib.suppress(ToolFailed):
                call(["ip", "netns", "del", self.names.of(role)])


def clean() -> list[str]:
    """Removes the namespaces of drills that are dead; returns their names."""
    existing = [path.name for path in _FOLDER.iterdir()] if _FOLDER.is_dir() else []
    found = stale(existing, is_process_alive)
    for name in found:
        with contextlib.suppress(ToolFailed):
            call(["ip", "netns", "del", name])
    return found
