"""The codes of refusals: each that the program says exists, and each that exists is said somewhere."""

import ast
from collections.abc import Iterator
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


def literals(node: ast.AST) -> Iterator[str]:
    """The texts that stand in an expression as constants."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def said_codes() -> set[str]:
    """The codes that calls which refuse are given in plain text."""
    found: set[str] = set()
    for tree in trees():
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call):
                continue
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            place = SAYS_A_CODE.get(name)
            if place is not None and len(call.args) > place:
                argument = call.args[place]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    found.add(argument.value)
    return found


def test_every_code_that_is_said_exists() -> None:
    """No call refuses with a code that a client could not look up."""
    found = said_codes()
    assert {"malformed", "version", "overloaded", "wrong_cluster"} <= found, "the calls were not recognised"
    assert found <= ERRORS.keys()


def test_every_code_that_exists_is_said() -> None:
    """No code stands in the protocol's page that nobody uses."""
    texts = {text for tree in trees() for text in literals(tree)}
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
