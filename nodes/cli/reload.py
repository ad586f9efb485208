"""`mainspring reload`: has a node go over to the code and the schedules that its files hold now.

Decides what is shown on the way, and the exit status. How executors are restarted, the supervisor decides.
"""

import sys
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any

from .control import DataDir, File, ask, control_path
from .errors import CommandError
from .formats import duration
from .output import Json, cell, show_json

Told = dict[str, Any]


def command(file: File = None, data_dir: DataDir = None, json: Json = False) -> int:
    """Restart the executors of a node one by one on new code; the coordinator stays up.

    An executor that is restarted lets its running jobs finish, up to the drain timeout; what waits there goes back, and
    no retry is spent. The next one follows when it is ready. If one does not come up, the reload ends there: the others
    keep their code, that one is tried again and again, and the exit status is 1. The file of schedules is read again
    too; the node's own file is not. Ctrl-C ends the watching, not the reload.
    """
    begun_s = time.monotonic()
    lines = ask(control_path(file, data_dir), {"do": "reload"})
    with _progress(is_quiet=json) as show:
        told = _followed(lines, show)
    took_ms = round((time.monotonic() - begun_s) * 1000)
    if json:
        show_json({key: told[key] for key in ("ok", "code", "process", "text", "restarted")} | {"took_ms": took_ms})
        return int(not told["ok"])
    if not told["ok"]:
        raise CommandError(_failure(told))
    count = len(told["restarted"])
    what = "nothing to restart: this node has no executors" if not count else f"reloaded {_executors(count)}"
    sys.stdout.write(f"{what} in {duration(took_ms)}\n" if count else f"{what}\n")
    return 0


def _followed(lines: Iterable[Told], show: Callable[[str, str], None]) -> Told:
    """Shows each step; returns the last line."""
    told: Told = {}
    for told in lines:
        if not told.get("done"):
            show(cell(told.get("process")), cell(told.get("event")))
    return told


def _failure(told: Told) -> str:
    if told["code"] != "failed":
        return f"no reload: {told['text']}"
    done = f"; on new code: {', '.join(told['restarted'])}" if told["restarted"] else ""
    return (
        f"the reload ended at {told['process']}, which did not come up: {told['text']}\n"
        f"the others go on{done}; {told['process']} is tried again and again: mend the code, then reload again"
    )


def _executors(count: int) -> str:
    return "1 executor" if count == 1 else f"{count} executors"


@contextmanager
def _progress(*, is_quiet: bool) -> Generator[Callable[[str, str], None]]:
    """Gives what shows a step: lines, and on a terminal a sign of life for the one under way."""
    if is_quiet:
        yield lambda _name, _what: None
        return
    if not sys.stdout.isatty():
        yield _line
        return
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    with console.status("") as status:

        def show(name: str, what: str) -> None:
            if what == "restarting":
                status.update(f"{name}  {what}")
            else:
                console.print(f"{name}  {what}")

        yield show


def _line(name: str, what: str) -> None:
    sys.stdout.write(f"{name}  {what}\n")
    sys.stdout.flush()
