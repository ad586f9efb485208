"""The tidy rules find the faults that are planted for them, and leave good code alone."""

import pytest
from tidy import imports, layout, purity, text
from tidy.source import Parts, Source, in_package

LEAVES = ["actors/turn.py", "broker/tasks.py", "broker/wire/ids.py", "nodes/loop.py", "chaos/storm.py"]


def a_source(body: str, path: str = "actors/clock.py") -> Source:
    """Makes a source as it would be read from the checkout."""
    return Source(path, body)


def a_tree(bodies: dict[str, str]) -> dict[Parts, Source]:
    """Makes modules from bodies by path, and the packages around them."""
    sources = [Source(path, body) for path, body in bodies.items()]
    sources += [Source(f"{folder}/__init__.py", "") for folder in ("actors", "broker", "broker/wire", "nodes", "chaos")]
    sources.append(Source("__init__.py", ""))
    return {source.parts: source for source in sources}


@pytest.mark.parametrize(
    "body",
    [
        "import time",
        "import os.path",
        "from random import Random",
        "import asyncio",
        "import zmq",
        "from uuid import uuid4",
        "def f():\n    import socket",
        "from datetime import datetime\nx = datetime.now()",
        "import datetime\nx = datetime.datetime.now(tz=None)",
        "from datetime import date\nx = date.today()",
        "from datetime import datetime\nx = datetime.fromtimestamp(5)",
        "import uuid\nx = uuid.uuid1()",
        "open('x')",
        "print('x')",
        "x = hash('queue') % 4",
        "x = eval('1')",
    ],
)
def test_purity_finds(body: str) -> None:
    """Each way out of the machine is found."""
    assert list(purity.impurities(a_source(body)))


@pytest.mark.parametrize(
    "body",
    [
        "from __future__ import annotations",
        "from ..broker.wire.messages import Submit",
        "import heapq\nfrom collections.abc import Iterator",
        "from datetime import UTC, datetime\nx = datetime.fromtimestamp(5, tz=UTC)",
        "from uuid import UUID",
        "def f(clock):\n    return clock.now()",
    ],
)
def test_purity_allows(body: str) -> None:
    """Arithmetic and injected ports are no fault."""
    assert not list(purity.impurities(a_source(body)))


def test_only_calendars_may_read_zones() -> None:
    """What one folder may import, the others may not."""
    body = "import croniter\nimport zoneinfo"
    assert not list(purity.impurities(a_source(body, "actors/cron/zones.py")))
    assert len(list(purity.impurities(a_source(body, "actors/jobs/retry.py")))) == 2


def test_purity_holds_for_the_core_alone() -> None:
    """actors/, broker/wire/ and the __init__.py above it are pure, nothing else has to be."""
    assert purity.is_pure("actors/jobs/lifecycle.py")
    assert purity.is_pure("broker/wire/codec.py")
    assert purity.is_pure("broker/__init__.py")
    assert not purity.is_pure("broker/net/client.py")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("broker/wire/ids.py", "from ...actors import turn"),
        ("actors/turn.py", "from ..broker.tasks import task"),
        ("actors/turn.py", "from ..nodes import loop"),
        ("actors/turn.py", "from .. import nodes"),
        ("broker/tasks.py", "from ..nodes.loop import run"),
        ("nodes/loop.py", "from ..chaos import storm"),
        ("nodes/loop.py", "def f():\n    from ..chaos.storm import blow"),
        ("nodes/loop.py", "from .. import Client"),
        ("nodes/loop.py", "import mainspring"),
        ("nodes/loop.py", "from actors.turn import turn"),
        ("nodes/loop.py", "from ....x import y"),
        ("broker/__init__.py", "from .tasks import task"),
    ],
)
def test_direction_finds(path: str, body: str) -> None:
    """Imports that point up, climb out or load a second copy are found."""
    modules = a_tree(dict.fromkeys(LEAVES, ""))
    assert list(imports.import_faults(Source(path, body), modules))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("actors/turn.py", "from ..broker.wire.ids import JobId"),
        ("broker/tasks.py", "from ..actors.turn import turn"),
        ("broker/tasks.py", "from .wire import ids"),
        ("nodes/loop.py", "from ..broker.tasks import task"),
        ("nodes/loop.py", "from .. import __version__"),
        ("nodes/cli/simulate.py", "from ...chaos.storm import blow"),
        ("chaos/storm.py", "from ..nodes.loop import run"),
        ("__init__.py", "from .broker.tasks import task"),
        ("__main__.py", "from .nodes.loop import run"),
    ],
)
def test_direction_allows(path: str, body: str) -> None:
    """Imports that point down are no fault."""
    modules = a_tree(dict.fromkeys(LEAVES, ""))
    assert not list(imports.import_faults(Source(path, body), modules))


@pytest.mark.parametrize("body", ["from .support import x", "import actors", "from broker.wire import ids"])
def test_second_copies_are_found_in_tests(body: str) -> None:
    """A test that would load a module twice is found."""
    assert list(imports.test_import_faults(Source("tests/test_x.py", body)))


def test_dead_modules_are_found() -> None:
    """A module lives by an import, by its name in a string, or as a program; a test alone gives no life."""
    modules = a_tree(
        {
            "actors/alive.py": "",
            "actors/dead.py": "",
            "actors/tested.py": "",
            "nodes/child.py": "",
            "nodes/loop.py": "from ..actors.alive import x\nargv = ['-m', 'mainspring.nodes.child']",
            "nodes/docs.py": "if __name__ == '__main__':\n    pass",
            "nodes/itself.py": "from . import itself",
            "chaos/storm.py": "",
        }
    )
    tests = Source("tests/test_x.py", "from mainspring.actors.tested import x\nfrom mainspring.chaos import storm")
    faults = imports.dead_modules([*modules.values(), tests])
    assert {fault.path for fault in faults} == {
        "actors/dead.py",
        "actors/tested.py",
        "nodes/loop.py",
        "nodes/itself.py",
    }


def test_modules_loaded_by_name_are_alive() -> None:
    """A table of names beside import_module, and a package that lists its own modules, give life."""
    modules = a_tree(
        {
            "nodes/cli/__init__.py": "COMMANDS = ['submit']\nimport_module",
            "nodes/cli/submit.py": "",
            "nodes/cli/other.py": "",
            "chaos/laws/__init__.py": "pkgutil.iter_modules(__path__)",
            "chaos/laws/one.py": "",
        }
    )
    assert {fault.path for fault in imports.dead_modules(modules.values())} == {"nodes/cli/other.py"}


def test_long_files_and_functions_are_found() -> None:
    """The limits count lines, and a docstring is no part of a function's length."""
    assert list(text.size_faults(a_source("x = 1\n" * 401)))
    assert not list(text.size_faults(a_source("x = 1\n" * 400)))
    assert list(text.size_faults(a_source("def f():\n" + "    x = 1\n" * 70)))
    assert not list(text.size_faults(a_source("def f():\n" + "    x = 1\n" * 69)))
    documented = 'def f():\n    """Says\n' + "    much.\n" * 50 + '    """\n' + "    x = 1\n" * 69
    assert not list(text.size_faults(a_source(documented)))


def test_missing_docstrings_are_found() -> None:
    """A module starts by saying what it is for."""
    assert list(text.docstring_faults(a_source("x = 1\n")))
    assert not list(text.docstring_faults(a_source('"""Decides x."""\nx = 1\n')))


@pytest.mark.parametrize(
    ("comment", "faults"),
    [
        ("# type: ignore", 1),
        ("# type: ignore[arg-type]", 1),
        ("# pyright: ignore[reportPrivateUsage]", 1),
        ("# noqa: BLE001", 1),
        ("# noqa: BLE001, S110", 1),
        ("# TODO tidy up", 1),
        ("# noqa: BLE001  user code may raise anything", 0),
        ("# pyright: ignore[reportUnknownMemberType]  the library has no types", 0),
        ("# an ordinary remark", 0),
    ],
)
def test_excuses_need_a_reason(comment: str, faults: int) -> None:
    """A silenced check without words is found, one with words is not; text in a string is no comment."""
    assert len(list(text.excuse_faults(a_source(f"x = 1  {comment}\n")))) == faults
    assert not list(text.excuse_faults(a_source(f"x = {comment!r}\n")))


@pytest.mark.parametrize(
    "line", ["see /work/notes.txt", "../shared/map", "see DESIGN.md section 3", "written by a coding agent"]
)
def test_foreign_words_are_found(line: str) -> None:
    """What a reader of the project does not have is found in any text file."""
    assert list(text.word_faults("docs/a.md", f"first\n{line}\n"))


@pytest.mark.parametrize("line", ["see docs/design.md", "https://a.org/work/x", "the shared log", "user agents"])
def test_own_words_are_left_alone(line: str) -> None:
    """Ordinary prose is no fault."""
    assert not list(text.word_faults("docs/a.md", line))


def test_sleeps_are_found() -> None:
    """Waiting for time to pass is found, giving way is not."""
    assert list(text.sleep_faults(a_source("import time\ntime.sleep(0.1)")))
    assert list(text.sleep_faults(a_source("from time import sleep\nsleep(1)")))
    assert list(text.sleep_faults(a_source("async def f():\n    await asyncio.sleep(delay)")))
    assert not list(text.sleep_faults(a_source("async def f():\n    await asyncio.sleep(0)")))


def test_code_lines_and_assertions_are_counted() -> None:
    """Comments, docstrings and blank lines are no code; an assertion is counted once."""
    head = '"""Doc\n\nstring."""\n\n# why\n'
    source = a_source(head + 'def f(x):\n    """Doc."""\n    assert x  # why\n    return (\n        x\n    )\n')
    assert text.code_lines(source) == 5
    assert text.assertions(source) == 1


def test_packages_that_the_wheel_misses_are_found() -> None:
    """The list and the tree are compared in both directions."""
    sources = [Source("actors/__init__.py", ""), Source("actors/a.py", ""), Source("nodes/b.py", "")]
    faults = [str(fault) for fault in layout.package_faults(["mainspring", "mainspring.chaos"], sources)]
    assert len(faults) == 3
    assert any("misses 'mainspring.actors'" in fault for fault in faults)
    assert any("lists 'mainspring.chaos'" in fault for fault in faults)
    assert any(fault.startswith("nodes:1: holds Python files") for fault in faults)


def test_public_names_that_differ_are_found() -> None:
    """A name in one of the three places alone, or from two modules, is found."""
    body = (
        "if TYPE_CHECKING:\n    from .a import x, y\n__all__ = ['__version__', 'x']\n"
        "_EXPORTS: Final[dict[str, str]] = {'x': '.b'}\n"
    )
    faults = [str(fault) for fault in layout.export_faults(Source("__init__.py", body))]
    assert len(faults) == 2
    assert not list(
        layout.export_faults(Source("__init__.py", body.replace("import x, y", "import x").replace(".b", ".a")))
    )


def test_the_package_is_told_from_the_tests() -> None:
    """Root files and the four folders are installed, tests are not."""
    assert in_package(Source("__init__.py", ""))
    assert in_package(Source("chaos/faults.py", ""))
    assert not in_package(Source("tests/test_x.py", ""))
