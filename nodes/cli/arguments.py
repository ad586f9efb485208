"""The words of a command line as the arguments of a job.

Decides what a word means: `name=value` is a keyword argument, a value is JSON where it parses, else text. It must not
know tasks or clients. Rule: arguments are JSON values; nothing is evaluated.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final, NoReturn, cast

_KEYWORD = re.compile(r"([^\W\d]\w*)=(.*)", re.DOTALL)
_NEGATIVE = re.compile(r"-(?:\d|\.\d|Infinity)")

FOR_EVER: Final = "forever"
"""What `--wait` without seconds stands for."""


class UnclearWords(ValueError):
    """The words can be read in two ways; the text says how to write what is meant."""


def value_of(word: str) -> object:
    """Reads one word: JSON where it parses (`3`, `true`, `[1,2]`, `"3"`), else the word itself as text."""
    try:
        return json.loads(word, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return word


def job_arguments(words: Sequence[str], kwargs_json: str | None) -> tuple[list[object], dict[str, object]]:
    """Splits words into positional and keyword arguments.

    Args:
        words: each a value, or `name=value`.
        kwargs_json: a JSON object of keyword arguments, or None.

    Raises:
        ValueError: a name is given twice, or `kwargs_json` is no JSON object.
    """
    args: list[object] = []
    kwargs = _object(kwargs_json) if kwargs_json is not None else {}
    for word in words:
        if match := _KEYWORD.fullmatch(word):
            name, value = match.groups()
            if name in kwargs:
                raise ValueError(f"the argument {name} is given twice; give it once")
            kwargs[name] = value_of(value)
        else:
            args.append(value_of(word))
    return args, kwargs


def told_apart(words: Sequence[str], is_duration: "re.Pattern[str]") -> list[str]:
    """Makes `--wait` with or without seconds one word: `--wait=30`, or `--wait=forever`.

    Words behind `--` are left alone. The seconds are the next word if it looks like a duration.

    Raises:
        UnclearWords: that word might be an argument of the job just as well.
    """
    told: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*told, word, *rest]
        if word == "--wait":
            if rest and is_duration.fullmatch(rest[0]):
                if told and len(rest) > 1 and not rest[1].startswith("--"):
                    raise UnclearWords(
                        f"`--wait {rest[0]} {rest[1]}` can mean two things: write --wait={rest[0]}, or put --wait last"
                    )
                word = f"--wait={rest.pop(0)}"
            else:
                word = f"--wait={FOR_EVER}"
        told.append(word)
    return told


def unknown_option(words: Sequence[str], literal: int) -> str | None:
    """Returns the first word that was meant as an option and is none; negative numbers are arguments.

    Args:
        words: what the parser took for arguments.
        literal: how many of them, from the end, stood behind `--`.
    """
    ahead = words[: len(words) - literal]
    return next((word for word in ahead if word.startswith("-") and word != "-" and not _NEGATIVE.match(word)), None)


def _object(text: str) -> dict[str, object]:
    try:
        found: Any = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as fault:
        raise ValueError(f"--kwargs is no JSON ({fault}); give an object such as '{{\"name\": 1}}'") from None
    if not isinstance(found, dict):
        raise ValueError("--kwargs is no JSON object; give one such as '{\"name\": 1}'")
    return cast("dict[str, object]", found)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
