"""The codes of refusals: each that the program says exists, and each that exists is said somewhere."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import mainspring
from mainspring.actors.coordinator.state import ShardState
from mainspring.broker.wire.errors import ERRORS, ErrorCode

ROOT = Path(mainspring.__file__).parent
PACKAGES = ("actors", "broker", "nodes")
PROTOCOL = (ROOT / "docs/protocol.md").read_text("utf-8")

SAYS_A_CODE = {"refuse": 2, "_refuse": 3, "WireError": 0}
"""Call -> the place of its code among the arguments."""


def trees() -> Iterator[ast.Module]:
    """The modules of the package."""
    for folder in PACKAGES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.name != "errors.py" or folder != "broker":
                yield ast.parse(path.read_text("utf-8"), str(path))


def code_of(call: ast.Call) -> str | None:
    """The code that a call which refuses is given in plain text."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    place = SAYS_A_CODE.get(name)
    if place is None or len(call.args) <= place:
        return None
    argument = call.args[place]
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None


@cache
def said() -> tuple[set[str], set[str]]:
    """The codes that calls refuse with, and all texts that stand in the package as constants."""
    codes: set[str] = set()
    texts: set[str] = set()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
            elif isinstance(node, ast.Call) and (code := code_of(node)) is not None:
                codes.add(code)
    return codes, texts


def test_every_code_that_is_said_exists() -> None:
    """No call refuses with a code that a client could not look up."""
    found, _ = said()
    assert {"malformed", "version", "overloaded", "wrong_cluster"} <= found, "the calls were not recognised"
    assert found <= ERRORS.keys()


def test_every_code_that_exists_is_said() -> None:
    """No code stands in the protocol's page that nobody uses."""
    _, texts = said()
    assert not {code for code in ERRORS if code not in texts}


def test_no_code_that_does_not_exist_is_refused_with() -> None:
    """The one place that refuses asserts that the code exists."""
    assert "assert code in ERRORS" in Path(ShardState.refuse.__code__.co_filename).read_text("utf-8")


@pytest.mark.parametrize("error", ERRORS.values(), ids=lambda error: error.code)
def test_every_error_names_fault_and_mend(error: ErrorCode) -> None:
    """Both are short texts in lower case without a full stop, and the page has them."""
    assert error.code.isidentifier()
    assert error.code == error.code.lower()
    for text in (error.meaning, error.mend):
        assert 8 <= len(text) <= 100
        assert not text.endswith(".")
        assert text[0].islower() or text[0] in "`[" or text.startswith("MAINSPRING")
        assert text in PROTOCOL.replace("\\", "")


def test_only_what_may_have_happened_is_indefinite() -> None:
    """A client concludes absence from every other refusal, so this list grows with care alone."""
    assert {error.code for error in ERRORS.values() if not error.definite} == {"unknown_session", "forgotten"}
