"""Prints docs/cli.md: every subcommand with its arguments and options, as `--help` shows them.

It must not know a command by name: what the table of the program lists is printed. The rule that reference pages are
printed from code is the design map's, section 2.
"""

from collections.abc import Iterator
from inspect import cleandoc
from typing import Any, Final

import typer.main

from ..cli.app import NAME, assembled
from ..cli.commands import COMMANDS
from .markdown import flat, page, table

_INTRODUCTION: Final = f"""\
# The command line

One program, `{NAME}`; `taskctl` is the same. `{NAME} COMMAND --help` shows what stands here. This page is printed from
the code by `python -m mainspring.nodes.docs`.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | failed; one line on stderr names the fault and the mend |
| 2 | wrong usage: an unknown command or option, a value that cannot be, a file of settings that cannot be used |
| 130 | interrupted |

With `--json` stdout holds JSON and nothing else: a list is one array, a thing is one object; what streams (`jobs
--watch`, `shards query`) is an object a line. Instants are UTC milliseconds (`…_ms`) and ISO 8601 (`…_at`), ids are
integers (`id`) and as people type them (`job`). Notes such as the command for the next page go to stderr. Without
`--json`, times are local."""


def printed() -> str:
    """Prints the page, in Markdown."""
    whole: Any = typer.main.get_command(assembled())
    blocks: list[str | list[str]] = []
    for heading, group in COMMANDS.items():
        blocks.append(f"## {heading}")
        for name in group:
            blocks += _command(name, whole.commands[name])
    return page(_INTRODUCTION, *blocks)


def _command(path: str, command: Any) -> Iterator[str | list[str]]:
    inner: dict[str, Any] | None = getattr(command, "commands", None)
    if inner is not None:
        for name, one in inner.items():
            yield from _command(f"{path} {name}", one)
        return
    yield f"### `{NAME} {path}`"
    yield from _help(command.help or "")
    params: list[Any] = [
        param for param in command.params if param.name != "help" and not getattr(param, "hidden", False)
    ]
    if params:
        yield table(("argument or option", "what it does", "default"), [_row(param) for param in params])


def _help(text: str) -> Iterator[str]:
    """Yields the paragraphs of a help text, examples as code."""
    for paragraph in cleandoc(text).split("\n\n"):
        if paragraph.startswith("Example:"):
            yield f"```\n{flat(paragraph.removeprefix('Example:'))}\n```"
        else:
            yield flat(paragraph)


def _row(param: Any) -> tuple[str, str, str]:
    return _shown(param), flat(param.help or ""), _default(param)


def _shown(param: Any) -> str:
    metavar: str = param.metavar or ""
    if param.param_type_name == "argument":
        shown = metavar or param.name.upper()
        shown = f"{shown}..." if param.nargs == -1 else shown
        return f"`{shown}`" if param.required else f"`[{shown}]`"
    names = ", ".join(f"`{name}`" for name in [*param.opts, *param.secondary_opts])
    assert param.is_flag or metavar, f"{names} has no metavar"
    return names if param.is_flag else f"{names} `{metavar}`"


def _default(param: Any) -> str:
    if param.required:
        return "required"
    if param.default is None or param.default is False or callable(param.default):
        return ""
    return f"`{param.opts[0] if param.default is True else param.default}`"
