"""What may be asked through the control socket, and what is wrong with what cannot be understood.

Decides the form of a request: one line, a JSON object. It must not know how a request is carried out. The form stands
in docs/operating.md, "The control socket".
"""

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

from ..log import LEVELS

_SHOWN_CHARS_MAX = 60


class RequestFault(ValueError):
    """A request that cannot be understood; the text names the fault and the mend."""


class ReloadRequest(NamedTuple):
    """Go over to new code and schedules."""


class LevelRequest(NamedTuple):
    """Log from another level on."""

    level: str
    process: str | None
    """None for every process."""


class StatusRequest(NamedTuple):
    """Tell where each process is."""


Request = ReloadRequest | LevelRequest | StatusRequest

_FIELDS: Final = {
    "reload": frozenset[str](),
    "log-level": frozenset({"level", "process"}),
    "status": frozenset[str](),
}
"""What can be done -> what a request for it may say besides."""


def parse_request(line: bytes, names: Sequence[str]) -> Request:
    """Reads a request.

    Args:
        line: without its end.
        names: the processes that there are.

    Raises:
        RequestFault: it is none.
    """
    values = _object(line)
    do = values.pop("do", None)
    if not isinstance(do, str) or do not in _FIELDS:
        raise RequestFault(f"do is {_shown(do)}: give one of {', '.join(_FIELDS)}")
    if unknown := sorted(values.keys() - _FIELDS[do]):
        known = ", ".join(sorted(_FIELDS[do])) or "nothing else"
        raise RequestFault(f"{do} has no field {_shown(unknown[0])}: it takes {known}")
    if do == "reload":
        return ReloadRequest()
    if do == "status":
        return StatusRequest()
    level, process = values.get("level"), values.get("process")
    if not isinstance(level, str) or level not in LEVELS:
        raise RequestFault(f"there is no level {_shown(level)}: give one of {', '.join(LEVELS)}")
    if process is not None and (not isinstance(process, str) or process not in names):
        raise RequestFault(f"there is no process {_shown(process)}: this node has {', '.join(names)}")
    return LevelRequest(level, process)


def _object(line: bytes) -> dict[str, object]:
    example = 'give one JSON object a line, such as {"do": "status"}'
    try:
        values: Any = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RequestFault(f"the request is no JSON ({_cut(str(error))}): {example}") from None
    if not isinstance(values, dict):
        raise RequestFault(f"the request is no JSON object: {example}")
    return cast("dict[str, object]", values)


def _shown(value: object) -> str:
    # What holds others may be nested so deep that it cannot be written again.
    return "no text" if isinstance(value, (list, dict)) else _cut(json.dumps(value))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}…"
