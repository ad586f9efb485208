"""Compares the tree with pyproject.toml and with the public names.

It decides nothing about code; it finds what the wheel would leave out.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from tidy.source import PACKAGE_FOLDERS, ROOT, Fault, Source, walk_files


def package_faults(listed: Iterable[str], sources: Iterable[Source]) -> Iterator[Fault]:
    """Yields the packages that the wheel misses, those it lists in vain, and folders that are no package."""
    sources = [source for source in sources if source.path.split("/")[0] in PACKAGE_FOLDERS]
    folders = {PurePosixPath(source.path).parent.as_posix() for source in sources}
    with_init = {
        PurePosixPath(source.path).parent.as_posix() for source in sources if source.path.endswith("/__init__.py")
    }
    expected = {"mainspring", *("mainspring." + folder.replace("/", ".") for folder in with_init)}
    listed = list(listed)
    for folder in sorted(folders - with_init):
        yield Fault(folder, 1, "holds Python files and no __init__.py; add one with a docstring")
    for name in sorted(expected - set(listed)):
        yield Fault("pyproject.toml", 1, f"[tool.setuptools] packages misses {name!r}; add it in order")
    for name in sorted(set(listed) - expected):
        yield Fault("pyproject.toml", 1, f"[tool.setuptools] packages lists {name!r}, which is no package; delete it")
    if listed != sorted(listed):
        yield Fault("pyproject.toml", 1, "[tool.setuptools] packages is not sorted; sort it")


def data_faults(patterns: dict[str, list[str]]) -> Iterator[Fault]:
    """Yields the files inside the package, other than Python, that no package-data pattern takes along."""
    taken: set[Path] = set()
    for package, globs in patterns.items():
        folder = ROOT.joinpath(*package.split(".")[1:])
        for pattern in globs:
            taken.update(folder.glob(pattern))
    for path in walk_files():
        relative = path.relative_to(ROOT)
        if (
            relative.parts[0] in {*PACKAGE_FOLDERS, "config"}
            and path.suffix not in {".py", ".pyc"}
            and path not in taken
        ):
            yield Fault(relative.as_posix(), 1, "is in no wheel; add it to [tool.setuptools.package-data]")


def export_faults(root: Source) -> Iterator[Fault]:
    """Yields the differences between the root's lazy table, its block for type checkers and `__all__`."""
    table: dict[str, str] = {}
    typed: dict[str, str] = {}
    public: list[str] = []
    for node in root.tree.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "_EXPORTS" and node.value is not None:
            table = ast.literal_eval(node.value)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            public = ast.literal_eval(node.value)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for inner in node.body:
                if isinstance(inner, ast.ImportFrom):
                    typed.update({alias.name: "." * inner.level + (inner.module or "") for alias in inner.names})
    for name in sorted(table.keys() | typed.keys()):
        if table.get(name) != typed.get(name):
            text = f"{name}: _EXPORTS says {table.get(name)}, TYPE_CHECKING {typed.get(name)}; make them agree"
            yield Fault(root.path, 1, text)
    for name in sorted((table.keys() | {"__version__"}) ^ set(public)):
        yield Fault(root.path, 1, f"{name} is in only one of _EXPORTS and __all__; add or delete it")
