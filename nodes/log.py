"""How a process of the node logs: one line a fact on stderr, for people or for machines.

Decides the form of a line, once for every process. It must not know what is logged; machines of `actors/` do
not log, they emit notes. Rule: docs/design.md, "What people touch".
"""

import json
import logging
import sys
import time
from typing import Any

log = logging.getLogger("mainspring.log")

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
FIELD_CHARS_MAX = 2_000


def configure_log(level: str, form: str, actor: str, node: str = "", *, names_node: bool = False) -> None:
    """Sets this process's logging up; a second call replaces the first.

    Args:
        level: least severity that is logged: debug, info, warning or error.
        form: `text` for people, `json` for one object a line.
        actor: who logs: `supervisor`, `coordinator`, an executor's name.
        node: the node's name, for the JSON lines.
        names_node: whether text lines say it too, before the actor: the lines of several nodes are read together.
    """
    assert level in LEVELS, f"{level!r} is no level of a log line"
    assert form in ("text", "json"), f"{form!r} is no form of a log line"
    handler = _Handler(sys.stderr)
    told = f"{node}/{actor}" if names_node and node else actor
    handler.setFormatter(_JsonLines(actor, node) if form == "json" else _TextLines(told))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    logging.captureWarnings(True)


def change_level(level: str) -> None:
    """Changes the least severity that this process logs, while it runs; any thread may do so.

    A line tells it, so that whoever reads on knows why lines begin or cease to come: before or after the change,
    whichever lets it through.
    """
    assert level in LEVELS, f"{level!r} is no level of a log line"
    root = logging.getLogger()
    was_open = root.isEnabledFor(logging.INFO)
    if was_open:
        log.info("logs from level %s on", level)
    root.setLevel(LEVELS[level])
    if not was_open:
        log.info("logs from level %s on", level)


def fields(**values: object) -> dict[str, Any]:
    """Wraps facts for a record: `log.info("started", extra=fields(pid=4711))`."""
    return {"fields": values}


class _Handler(logging.StreamHandler[Any]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (the library's name)
        """Drops the record: when stderr is gone there is nobody left to tell."""


class _TextLines(logging.Formatter):
    def __init__(self, actor: str) -> None:
        super().__init__()
        self._actor = actor

    def format(self, record: logging.LogRecord) -> str:
        facts = "".join(f" {key}={_text_value(value)}" for key, value in _fields(record).items())
        line = f"{_instant(record)} {_level(record):7} {self._actor} {record.getMessage()}{facts}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return _printable(line)


class _JsonLines(logging.Formatter):
    def __init__(self, actor: str, node: str) -> None:
        super().__init__()
        self._who = {"actor": actor, **({"node": node} if node else {})}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {"time": _instant(record), "level": _level(record), **self._who}
        line["message"] = record.getMessage()
        for key, value in _fields(record).items():
            line.setdefault(key, value)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return getattr(record, "fields", {})


def _instant(record: logging.LogRecord) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{whole}.{int(record.msecs):03d}Z"


def _level(record: logging.LogRecord) -> str:
    return record.levelname.lower()


def _text_value(value: object) -> str:
    text = str(value)[:FIELD_CHARS_MAX]
    is_plain = text != "" and not any(c.isspace() or c in '"=' for c in text)
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _printable(text: str) -> str:
    # Texts come from users' code too: a record must not forge another one, nor steer the terminal.
    lines = ["".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in row) for row in text.split("\n")]
    return "\n    ".join(lines)
