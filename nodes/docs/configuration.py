"""Prints docs/configuration.md: every key of a node's file, and of a file of schedules.

It must not know a key by name: the models of both files are printed as they are read. The rule that reference pages are
printed from code is the design map's, section 2.
"""

from typing import Final

from ..schedules.models import SchedulesFile
from ..settings import reference

_SCHEDULES: Final = """\
# A file of schedules

`[schedules]` names a second file, in which each table `[schedules.NAME]` is one schedule. It may change while the node
runs: within two seconds the node checks it as a whole, applies what differs, and logs the difference line by line;
[a reload](operating.md#reload) has it applied at once. A file with a fault changes nothing, and each fault is logged
with its line. When the node starts, it is a fault of the node's own file. What the file does not name any more is
removed; schedules from elsewhere stay. `mainspring schedules lint FILE` checks a file before it is used, `mainspring
preview FILE` shows what it does.

A span is a text such as `"30s"`, `"10m"` or `"1h30m"`, or a number of seconds. An instant is a date and time with an
offset, without quotes: `2026-03-01T08:30:00+01:00`. What each option means: [schedules.md](schedules.md).
"""


def printed() -> str:
    """Prints the page, in Markdown."""
    return "\n".join([reference.page(), _SCHEDULES, *reference.tables(SchedulesFile)])
