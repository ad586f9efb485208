"""The examples of docs/handlers.md, run by real children as they stand."""

import ast
import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from runner_children import Child, a_run, wait_for_exit

from mainspring.broker.tasks.registry import load
from mainspring.nodes.runners import frames
from mainspring.nodes.runners.handle import ChildHandle

PAGE = (Path(__file__).parents[3] / "docs" / "handlers.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FILES = {name[1]: block for block in BLOCKS if (name := re.match(r"# (\w+)\.py\n", block))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the page's files."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


@pytest.fixture
def children(folder: Path) -> Iterator[dict[str, Child]]:
    """A child of each kind that has all of the files."""
    made = {kind: Child(ChildHandle.spawn(kind, list(FILES), cwd=folder)) for kind in ("process", "thread")}
    for child in made.values():
        assert child.next_frame()[0] == frames.READY
    yield made
    for child in made.values():
        child.handle.kill()
        wait_for_exit(child.handle.pid)
        child.handle.reap()
        child.handle.close()


def test_the_page_has_examples_and_each_is_python() -> None:
    """Blocks that name no file are fragments, and at least parse."""
    assert set(FILES) == {"feeds", "reports", "billing", "crunch", "vision"}
    for block in BLOCKS:
        ast.parse(block)


def test_their_options_are_announced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runners, times, limits and labels are what the text says of them."""
    monkeypatch.syspath_prepend(folder)
    registry = load(list(FILES))

    assert registry.get("feeds.fetch").options.runner == "thread"
    assert registry.get("billing.charge").options.deadline_ms == 6 * 3600 * 1000
    assert registry.limit_rows() == [
        ["crunch.sort", 64 * 2**20, 20_000, []],
        ["vision.recognise", None, None, ["gpu=yes"]],
    ]


@pytest.mark.parametrize(
    ("runner", "task", "payload", "told"),
    [
        ("process", "billing.charge", '[["ada",30],{}]', ("succeeded", "70", None, None)),
        ("process", "billing.charge", '[["bob",30],{}]', ("failed", None, "no_retry", None)),
        ("process", "billing.charge", '[["eva",30],{}]', ("failed", None, "no_retry", None)),
        ("process", "billing.charge", '[["ada",3],{"shop":"closed"}]', ("returned", None, "snooze", 1_800_000)),
        ("process", "billing.charge", '[["ada",3],{"shop":"busy"}]', ("failed", None, "retry", 20_000)),
        ("process", "billing.charge", '[["ada",3],{"shop":"down"}]', ("failed", None, "no_count", None)),
        ("thread", "crunch.sweep", "[[3],{}]", ("succeeded", "3", None, None)),
        ("process", "crunch.count", "[[0],{}]", ("succeeded", '"done"', None, None)),
        ("process", "crunch.sort", "[[1000],{}]", ("succeeded", "1000", None, None)),
        ("process", "crunch.sort", "[[100000000],{}]", ("failed", None, None, None)),
        ("process", "vision.recognise", '[["a.png"],{}]', ("succeeded", '"a.png: a cat"', None, None)),
    ],
)
def test_an_example_does_what_the_page_says(
    children: dict[str, Child], runner: str, task: str, payload: str, told: tuple[object, ...]
) -> None:
    """Outcome, result and verdict of one job."""
    children[runner].run(a_run(1, task, payload))

    row = dict(zip(frames.DONE_COLUMNS, children[runner].result(), strict=True))

    assert (row["outcome"], row["result"], row["verdict"], row["after_ms"]) == told
    if payload == "[[100000000],{}]":
        assert row["error_kind"] == "memory_limit"


def test_the_context_example_tells_its_job(children: dict[str, Child]) -> None:
    """It knows its job, its day, and that it has a deadline."""
    children["process"].run(a_run(1, "reports.nightly"))

    assert children["process"].result()[4] == ('{"job":1001,"attempt":1,"day":"2023-11-14","region":"eu","hurry":true}')


def test_the_thread_example_fetches(children: dict[str, Child], folder: Path) -> None:
    """Any URL will do; this one needs no network."""
    url = (folder / "feeds.py").as_uri()

    children["thread"].run(a_run(1, "feeds.fetch", f'[["{urllib.parse.unquote(url)}"],{{}}]'))

    assert children["thread"].result()[4] == str(len(FILES["feeds"].encode()))
