"""Decides which texts are a name, a module, an endpoint or a path, and says what would be one.

It must not know which setting holds the text; relations between settings are judged in `relations`.
The rules: names end up in file names, URLs and metric labels; modules are imported by name, never by file.
"""

import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

from pydantic import AfterValidator, BeforeValidator, Field

from ...broker.tasks.exceptions import InvalidOption
from ...broker.tasks.labels import label_texts
from .errors import value_text

IPC_PATH_BYTES_MAX = 107  # sun_path of a Unix socket holds 108 bytes, the last one a zero
PATH_CHARS_MAX = 4096
MODULE_CHARS_MAX = 255
LABEL_CHARS_MAX = 63  # as for the queues that tasks declare

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_TCP = re.compile(r"tcp://(?P<host>\*|[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Form:
    """What a text must look like, in words; read by the error texts and by the printed reference."""

    text: str
    plural: str


def check_name(text: str) -> str:
    """Accepts a name of a node or a process.

    Raises:
        ValueError: The text is none; the message says what one looks like.
    """
    if _NAME.fullmatch(text):
        return text
    raise ValueError("give 1 to 63 letters, digits, dots, dashes or underscores, the first a letter or a digit")


def _check_tenant(text: str) -> str:
    if text == text.lower():
        return _check_queue(text)
    raise ValueError("give lower-case letters: a tenant's name becomes part of file names")


def _check_queue(text: str) -> str:
    if _LABEL.fullmatch(text) and len(text) <= LABEL_CHARS_MAX:
        return text
    raise ValueError(
        f"give 1 to {LABEL_CHARS_MAX} letters, digits, dashes or underscores, the first a letter or a digit"
    )


def _check_queue_pattern(text: str) -> str:
    if text == "*":
        return text
    if "*" in text:
        raise ValueError('give a whole queue name, or "*" alone for every queue')
    return _check_queue(text)


def check_module(text: str) -> str:
    """Accepts a dotted module name.

    Raises:
        ValueError: The text is no module name; the message gives the name that was probably meant.
    """
    parts = text.split(".")
    good = all(part.isidentifier() and not keyword.iskeyword(part) for part in parts)
    if good and parts[-1] != "py" and len(text) <= MODULE_CHARS_MAX:
        return text
    meant = text.removesuffix(".py").strip("./").replace("/", ".")
    hint = f": write {value_text(meant)}" if meant != text and _is_module(meant) else ' such as "shop.tasks"'
    raise ValueError(f"give the name of a module that Python can import, not a file{hint}")


def _is_module(text: str) -> bool:
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in text.split("."))


def check_endpoint(text: str) -> str:
    """Accepts an endpoint.

    Raises:
        ValueError: The text is none; the message says what one looks like.
    """
    if text.startswith("ipc://"):
        path = text.removeprefix("ipc://")
        if not path.startswith("/") or "\0" in path:
            raise ValueError("give an absolute path after ipc://, such as ipc:///run/mainspring/node.ipc")
        if (length := len(path.encode("utf-8", "surrogateescape"))) > IPC_PATH_BYTES_MAX:
            raise ValueError(f"the path has {length} bytes, but a Unix socket allows {IPC_PATH_BYTES_MAX}: shorten it")
        return text
    if text.startswith("tcp://"):
        found = _TCP.fullmatch(text)
        if found is None or not 1 <= int(found["port"]) <= 65535:
            raise ValueError("give a host and a port from 1 to 65535, such as tcp://127.0.0.1:7411 or tcp://[::1]:7411")
        return text
    raise ValueError("give an endpoint that starts with ipc:// or tcp://")


def _check_address(text: str | None) -> str | None:
    if text is None:
        return None
    found = _TCP.fullmatch(f"tcp://{text}")
    if found is None or not 1 <= int(found["port"]) <= 65535:
        raise ValueError("give a host and a port from 1 to 65535, such as 127.0.0.1:9464 or [::1]:9464")
    return text


def _check_labels(given: object) -> dict[str, str]:
    if not isinstance(given, dict):
        raise ValueError('give a table of texts, such as { gpu = "a100" }')
    labels = cast("dict[str, object]", given)
    for name, value in labels.items():
        if not isinstance(value, str):
            raise ValueError(f"{name} is no text: put its value in quotes")
    try:
        label_texts("it", labels)
    except InvalidOption as error:
        raise ValueError(str(error).partition("; ")[2] or str(error)) from None
    return cast("dict[str, str]", labels)


def _check_path(given: object) -> object:
    if not isinstance(given, str):
        return given  # pydantic tells the type fault
    if not given.strip() or "\0" in given or len(given) > PATH_CHARS_MAX:
        raise ValueError(f"give a path of 1 to {PATH_CHARS_MAX} characters")
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise ValueError("no such user after the ~: give the path in full") from error


Name = Annotated[str, AfterValidator(check_name), Form("a name", "names")]
TenantName = Annotated[str, AfterValidator(_check_tenant), Form("a tenant name", "tenant names")]
QueueName = Annotated[str, AfterValidator(_check_queue), Form("a queue name", "queue names")]
QueuePattern = Annotated[str, AfterValidator(_check_queue_pattern), Form('a queue name or "*"', 'queue names, or "*"')]
ModuleName = Annotated[str, AfterValidator(check_module), Form("a module name", "module names")]
Endpoint = Annotated[str, AfterValidator(check_endpoint), Form("an endpoint", "endpoints (ipc:// or tcp://)")]
OptionalAddress = Annotated[str | None, AfterValidator(_check_address), Form("a host and a port", "hosts and ports")]
FilePath = Annotated[Path, Field(strict=False), BeforeValidator(_check_path), Form("a path", "paths")]
Labels = Annotated[dict[str, str], BeforeValidator(_check_labels), Form("a table of texts", "tables")]
OptionalPath = Annotated[Path | None, Field(strict=False), BeforeValidator(_check_path), Form("a path", "paths")]
