"""Shrinks the machines' bounds for a while, so that a small world meets what a big one would.

Decides nothing but the exchange of constants; they are put back when the world ends. The relations between them stay
those of actors/limits.py.
"""

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from ..actors import limits

_OWNERS = ("actors.cluster.", "actors.coordinator.", "actors.executor.", "actors.jobs.", "actors.limits")


@contextmanager
def small_limits(values: Mapping[str, int]) -> Generator[None]:
    """Sets limits by name in every module of the machines that has imported them.

    Args:
        values: name of a constant of the machines -> value meanwhile.
    """
    root = limits.__name__.removesuffix("actors.limits")
    before: list[tuple[object, str, object]] = []
    for module in list(sys.modules.values()):
        name = getattr(module, "__name__", "")
        if not name.startswith(tuple(root + owner for owner in _OWNERS)):
            continue
        for limit, value in values.items():
            if hasattr(module, limit):
                before.append((module, limit, getattr(module, limit)))
                setattr(module, limit, value)
    assert {limit for _, limit, _ in before} == values.keys(), "a limit of that name does not exist"
    try:
        yield
    finally:
        for module, limit, value in before:
            setattr(module, limit, value)
