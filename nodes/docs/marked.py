"""A page of which one part is written by a program, between two marks, and the rest by people.

Decides that nothing outside of the marks is ever touched, and that a page without them is refused. It must not know
what stands between them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..cli.errors import CommandError


class Marks(NamedTuple):
    """Where the written part begins and ends."""

    begin: str
    end: str

    def replaced(self, text: str, written: Callable[[str], str]) -> str | None:
        """Returns a text with its part written anew, None if it has lost its marks.

        Args:
            text: of the whole page.
            written: is given what stands between the marks, and returns what shall stand there.
        """
        before, begin, rest = text.partition(self.begin)
        old, end, after = rest.partition(self.end)
        return f"{before}{begin}\n\n{written(old)}\n\n{end}{after}" if begin and end else None

    def rewrite(self, page: Path, written: Callable[[str], str]) -> None:
        """Does the same to a file.

        Raises:
            CommandError: there is no such page, or its marks are missing.
        """
        try:
            text = page.read_text(encoding="utf-8")
        except OSError as error:
            told = f"{page} cannot be read ({error.strerror}): run this in a checkout of the source"
            raise CommandError(told) from error
        new = self.replaced(text, written)
        if new is None:
            raise CommandError(f"{page} has lost the marks around its table: put back {self.begin} and {self.end}")
        page.write_text(new, encoding="utf-8")
