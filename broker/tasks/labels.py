"""The labels by which a task chooses its executors, as texts `name=value`.

It decides which labels there can be. It must not know which executor has which.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias, cast

from ..wire.limits import LABELS_MAX
from .exceptions import InvalidOption
from .limits import LABEL_CHARS_MAX

Labels: TypeAlias = Mapping[str, str] | Iterable[str]
"""What `@task(labels=...)` takes: `{"gpu": "yes"}`, or `["gpu=yes"]`."""

_PART: Final = rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LABEL_CHARS_MAX - 1}}}"
_LABEL = re.compile(f"{_PART}={_PART}", re.ASCII)


def label_texts(option: str, labels: object) -> tuple[str, ...]:
    """Returns labels as sorted texts `name=value`.

    Raises:
        InvalidOption: They are none, too many, or one name has two values.
    """
    if isinstance(labels, Mapping):
        texts = [f"{name}={value}" for name, value in cast("Mapping[object, object]", labels).items()]
    elif isinstance(labels, (list, tuple, set, frozenset)):
        texts = list(cast("Iterable[object]", labels))
    else:
        raise InvalidOption(f"{option} is {labels!r:.100}; give a dict such as {{'gpu': 'yes'}}, or a list ['gpu=yes']")
    values: dict[str, str] = {}
    for text in texts:
        if not isinstance(text, str) or not _LABEL.fullmatch(text):
            raise InvalidOption(
                f"{option} has {text!r:.200}; give name=value, each 1 to {LABEL_CHARS_MAX} ASCII letters, digits, "
                f"'.', '_' and '-', beginning with a letter or digit"
            )
        name, _, value = text.partition("=")
        if values.setdefault(name, value) != value:
            raise InvalidOption(f"{option} has {name}={values[name]} and {text}; give {name} one value")
    if len(values) > LABELS_MAX:
        raise InvalidOption(f"{option} has {len(values)} labels; give at most {LABELS_MAX}")
    return tuple(f"{name}={values[name]}" for name in sorted(values))
