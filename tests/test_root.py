"""The root of the package: light to import, with public names that come when they are asked for."""

import subprocess
import sys

import pytest

import mainspring


@pytest.mark.parametrize("name", mainspring.__all__)
def test_public_names_are_there(name: str) -> None:
    """Every name of __all__ can be had, is listed, and is the same object the second time."""
    assert getattr(mainspring, name) is getattr(mainspring, name)
    assert name in dir(mainspring)


def test_unknown_names_are_refused() -> None:
    """A name that is not public gives an AttributeError that says where the public ones are."""
    with pytest.raises(AttributeError, match="no attribute 'clients'; its public names are in __all__"):
        mainspring.clients  # noqa: B018  the access itself is the test


def test_the_import_is_light() -> None:
    """Importing the package loads no module of it, and none of its dependencies."""
    program = (
        "import sys, mainspring\n"
        "print([name for name in sys.modules if name.startswith('mainspring.')])\n"
        "print({'zmq', 'apsw', 'pydantic', 'rich', 'msgpack'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "set()"]
