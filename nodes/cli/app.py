"""The program's frame: finds the subcommand, runs it, and turns how it ended into an exit status.

Decides the statuses: 0 done, 1 failed, 2 wrong usage, 130 interrupted. It must not know any subcommand; `commands` has
the table. The list of subcommands is printed without importing one, or the library that parses their options.
"""

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from ... import __version__
from .commands import COMMANDS, find, load, names
from .errors import FAILED, USAGE, expected, status_of

if TYPE_CHECKING:
    import typer

NAME: Final = "mainspring"
DONE, INTERRUPTED = 0, 130


def run(words: Sequence[str]) -> int:
    """Runs the program; returns its exit status.

    Args:
        words: the command line without the program's name.
    """
    try:
        status = _run(words)
        sys.stdout.flush()  # here, where a reader that is gone can still be told apart
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has seen enough. What is left in the buffer must not complain at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except expected() as error:
        return fail(str(error), status_of(error))
    except OSError as error:
        if not _keeps_output_back():
            raise
        cut = f"standard output takes no more ({error.strerror or error}), so the answer is cut short"
        return fail(f"{cut}; what was asked may be done: give it room, and look before you ask again")
    return status


def _keeps_output_back() -> bool:
    """Says whether standard output takes no more; then it is dropped, so as not to complain at the end."""
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def fail(text: str, status: int = FAILED) -> int:
    """Writes why the command ends on stderr, and returns the exit status."""
    sys.stderr.write(f"{NAME}: {text}\n")
    return status


def _run(words: Sequence[str]) -> int:
    if f"_{NAME.upper()}_COMPLETE" in os.environ:  # a shell asks what could come next
        return _call(assembled(), words, NAME)
    first = words[0] if words else "--help"
    if first in ("--help", "-h", "help"):
        sys.stdout.write(_help())
        return DONE
    if first in ("--version", "-V"):
        sys.stdout.write(f"{NAME} {__version__}\n")
        return DONE
    if first in ("--install-completion", "--show-completion"):
        return _call(assembled(), words, NAME)
    if find(first) is None:
        near = get_close_matches(first, names(), n=1)
        kind = "option" if first.startswith("-") else "command"
        mend = f"did you mean `{NAME} {near[0]}`?" if near else f"`{NAME} --help` lists what there is"
        return fail(f"there is no {kind} {first!r}: {mend}", USAGE)
    return _call(_app(first), words[1:], f"{NAME} {first}")


def _help() -> str:
    width = max(map(len, names()))
    parts = [f"Usage: {NAME} COMMAND [OPTIONS]\n"]
    for heading, group in COMMANDS.items():
        rows = [f"  {name:{width}}  {command.help}" for name, command in group.items()]
        parts.append("\n".join([f"{heading}:", *rows, ""]))
    parts.append(f"`{NAME} COMMAND --help` says more about one; `{NAME} --version` shows the version.\n")
    return "\n".join(parts)


def _app(name: str) -> "typer.Typer":
    """Imports a subcommand, and gives it as an app of its own."""
    import typer

    module = load(name)
    if hasattr(module, "app"):
        return module.app
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name)(module.command)
    return app


def assembled() -> "typer.Typer":
    """Imports every subcommand and gives all as one app, for shell completion and for printing a reference."""
    import typer

    whole = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    for name in names():
        app = _app(name)
        # One with a callback is a group, even if it has a single command for now.
        is_single = len(app.registered_commands) == 1 and app.registered_callback is None
        for single in app.registered_commands if is_single else ():
            whole.command(name)(single.callback or _nothing)
        if not is_single:
            whole.add_typer(app, name=name)
    return whole


def _call(app: "typer.Typer", words: Sequence[str], shown_as: str) -> int:
    import typer
    import typer.main

    # Newer versions of typer bring a click of their own: its base class is found through what typer exports.
    click_error: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")
    try:
        result = typer.main.get_command(app).main(args=list(words), prog_name=shown_as, standalone_mode=False)
    except typer.Abort:
        return INTERRUPTED
    except click_error as error:
        text = error.format_message().strip().rstrip(".")
        context = getattr(error, "ctx", None)
        usage = shown_as if context is None else context.command_path
        return fail(f"{text[:1].lower()}{text[1:]}: `{usage} --help` shows the usage", USAGE)
    return result if isinstance(result, int) else DONE


def _nothing() -> None: ...
