"""What a drill is: a name, a fault that is done round by round, and what has to be there for it.

Decides the form. Must not know any fault.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .node import Settings
from .scene import Scene


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill."""

    name: str
    title: str
    strike: Callable[[Scene], None]
    """Does one round, and notes it."""
    rounds: int = 5
    needs: frozenset[str] = frozenset()
    """Of the names in tools.py."""
    nodes: int = 3
    spare: int = 0
    """Nodes besides, which may join."""
    has_spares: bool = False
    """One more of them a round."""
    alone: bool = False
    """A node without a cluster."""
    has_weather: bool = False
    settings: Settings = field(default_factory=Settings)
    prepare: Callable[[Scene], None] | None = None
    """Done before the nodes start."""
    undo: Callable[[Scene], None] | None = None
    """Done at the end, whatever happens."""
    load: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What differs in the load."""
    is_hitless: bool = False
    """No call of a client may fail."""
