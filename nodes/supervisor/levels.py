"""From which level on each process of the node logs, now and at its next start.

Decides what is in force. It must not know how a process is told.
"""

from collections.abc import Iterable


class Levels:
    """The level in force for each process.

    Args:
        level: the one of the node's file, which all begin with.
        names: of the processes.
    """

    def __init__(self, level: str, names: Iterable[str]) -> None:
        self._levels = dict.fromkeys(names, level)

    @property
    def names(self) -> list[str]:
        """The names of the processes."""
        return list(self._levels)

    def of(self, name: str) -> str:
        """Returns the level in force for a process."""
        return self._levels[name]

    def change(self, level: str, name: str | None) -> list[str]:
        """Changes the level of one process, or of all where `name` is None; returns their names."""
        assert name is None or name in self._levels, f"{name} is no process of this node"
        changed = self.names if name is None else [name]
        self._levels.update(dict.fromkeys(changed, level))
        return changed
