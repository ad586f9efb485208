"""The registry: tasks by name, found in modules, each name once."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mainspring import task
from mainspring.broker.tasks.exceptions import DuplicateTask, TaskImportError, UnknownTask, UnreachableTask
from mainspring.broker.tasks.registry import Registry, load

WriteModule = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteModule]:
    """Returns a function that writes a module where imports find it, and forgets all of them at the end."""
    monkeypatch.syspath_prepend(tmp_path)
    names: list[str] = []

    def save(name: str, source: str) -> None:
        names.append(name)
        (tmp_path / f"{name}.py").write_text("from mainspring import task\n" + source)

    yield save
    for name in names:
        sys.modules.pop(name, None)


def test_tasks_are_found_in_their_modules(write: WriteModule) -> None:
    """Own and re-exported tasks are found, each once; other attributes are not."""
    write("shop_mail", "@task\ndef send(): return 1\n@task(name='bill')\ndef invoice(): ...\ndef helper(): ...\n")
    write("shop_all", "from shop_mail import send\nfrom shop_mail import send as same\n")

    registry = load(["shop_all", "shop_mail"])

    assert sorted(found.name for found in registry) == ["bill", "shop_mail.send"]
    assert len(registry) == 2
    assert "bill" in registry
    assert registry.get("shop_mail.send").func() == 1
    assert [row[0] for row in registry.rows()] == ["bill", "shop_mail.send"]


def test_an_unknown_name_is_refused(write: WriteModule) -> None:
    """The text says what to do."""
    with pytest.raises(UnknownTask, match=r"no task is named 'os.system' among 0 here; correct the name, or add"):
        Registry([]).get("os.system")


def test_one_name_for_two_functions_is_refused_with_both_places(write: WriteModule) -> None:
    """The error points at both declarations."""
    write("shop_one", "@task(name='a')\ndef one(): ...\n")
    write("shop_two", "\n\n@task(name='a')\ndef two(): ...\n")

    with pytest.raises(DuplicateTask, match=r"two tasks are named a: .*shop_one.py:2 and .*shop_two.py:4; give one"):
        load(["shop_one", "shop_two"])


def test_a_module_that_is_not_there_is_told_apart_from_one_that_fails(write: WriteModule) -> None:
    """A wrong name needs another mend than broken code, whose traceback is shown without ours."""
    write("shop_bad", "def inner():\n    import no_such_thing\ninner()\n")

    with pytest.raises(TaskImportError, match="task module 'shop_none' is not found; correct the name"):
        load(["shop_none"])
    with pytest.raises(TaskImportError, match=r"task module 'shop_none.sub' is not found"):
        load(["shop_none.sub"])
    with pytest.raises(TaskImportError) as caught:
        load(["shop_bad"])
    text = str(caught.value)
    assert text.startswith("task module 'shop_bad' does not import; mend the error below")
    assert "in inner" in text
    assert "No module named 'no_such_thing'" in text
    assert "registry.py" not in text
    assert "importlib" not in text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("def broken(:\n", "SyntaxError"),
        ("raise ValueError('seven')\n", "ValueError: seven"),
        ("@task(queue='a b')\ndef one(): ...\n", "InvalidOption: queue 'a b' is no valid name"),
    ],
)
def test_whatever_a_module_raises_is_its_fault(write: WriteModule, source: str, text: str) -> None:
    """Even SystemExit at import is reported and does not end the loader."""
    write("shop_broken", source)

    with pytest.raises(TaskImportError, match="does not import") as caught:
        load(["shop_broken"])

    assert text in str(caught.value)


def test_a_task_without_a_reachable_name_is_refused(write: WriteModule) -> None:
    """A registry holds nothing that a client could not name."""

    def local() -> None: ...

    with pytest.raises(UnreachableTask):
        Registry([task(local)])
    assert len(Registry([task(name="a.local")(local)])) == 1
