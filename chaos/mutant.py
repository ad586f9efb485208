"""The shape of a planted bug.

Decides nothing; the bugs themselves stand in mutants.py, job_mutants.py and schedule_mutants.py.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

Function = Callable[..., Any]
Make = Callable[[Function], Function]
"""Given the true function, returns the broken one."""


class Mutant(NamedTuple):
    """One planted bug."""

    text: str
    owner: Any
    """The module or class whose function it replaces."""
    function: str
    make: Make
    focus: Mapping[str, Any] = MappingProxyType({})
    """Options under which it shows soon; in the worlds that seeds draw it shows late."""
    members: int = 1
    """In worlds of so many members."""
