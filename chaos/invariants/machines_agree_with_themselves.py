"""Every machine's own relations hold after its turns.

Why: `check` states what the code believes about its own memory (slots, lanes, links, timers); a belief that breaks is
found here, turns before it does harm. It is slow, so it runs every so many events, and always at the end.
"""

from ..node import Node
from .base import Invariant


class MachinesAgreeWithThemselves(Invariant):
    """`check` of the machine that has just had a turn."""

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.next_event = 0

    def turned(self, node: Node) -> None:
        """Checks the node's machine."""
        if self.world.events < self.next_event:
            return
        self.next_event = self.world.events + self.world.options.check_every
        self._check(node)

    def _check(self, node: Node) -> None:
        try:
            node.check()
        except AssertionError as error:
            self.fail(f"{node.name}: {error or type(error).__name__}", node)

    def at_end(self) -> None:
        """Checks them all."""
        for node in self.world.all_nodes():
            self._check(node)
