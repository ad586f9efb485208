"""Assignments in a crontab, such as `MAILTO=ops` or `PATH = "/opt/bin:/bin"`.

Decides which line is one, and what it assigns. It must not know what any name means. Rule: quotes may stand around the
name and around the value and must match; without them, blanks at the ends are dropped; nothing is expanded.
"""

import re

_NAME: str = r"""(?:"(?P<name2>[^"=]*)"|'(?P<name1>[^'=]*)'|(?P<name>[^\s='"][^\s=]*))"""
_VALUE: str = r"""(?:"(?P<value2>[^"]*)"|'(?P<value1>[^']*)'|(?P<value>(?!["'])\S.*?)?)"""
_LINE = re.compile(rf"{_NAME}\s*=\s*{_VALUE}\s*", re.DOTALL)


def assignment(line: str) -> tuple[str, str] | None:
    """Reads a line without blanks at its begin; gives name and value, or None if it assigns nothing.

    An empty value needs quotes in Debian's cron; other crons take it without, and so does this.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    name = next(text for text in match.group("name2", "name1", "name") if text is not None)
    value = next((text for text in match.group("value2", "value1", "value") if text is not None), "")
    return name, value
