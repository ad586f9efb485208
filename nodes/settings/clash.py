"""Decides how settings that do not go together are named, for the texts of errors.

It must not know any setting, nor files or lines.
"""

from dataclasses import dataclass

from .errors import KeyPath


@dataclass(frozen=True, slots=True)
class Clash:
    """Settings that do not go together.

    Attributes:
        keys: The keys that take part; the first is the one to point at.
        given: The value of the first key; None when the key is not there.
        text: What is wrong, and what would be right.
    """

    keys: tuple[KeyPath, ...]
    given: object
    text: str
