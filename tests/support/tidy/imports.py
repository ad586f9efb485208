"""Holds the direction of imports, and finds modules that nothing leads to.

It decides which folder may know which: broker.wire <- actors <- broker <- nodes <- chaos.
"""

import ast
from collections.abc import Iterable, Iterator

from tidy.source import PACKAGE_FOLDERS, Fault, Parts, Source, in_package, resolve

LAYERS: tuple[tuple[Parts, int], ...] = (
    (("broker", "wire"), 0),
    (("actors",), 1),
    (("broker",), 2),
    (("nodes",), 3),
    (("chaos",), 4),
)
TOP_LAYER = 5
LAYER_NAMES = "broker.wire <- actors <- broker <- nodes <- chaos"
# Production code has no business with the weather, except where a command is there to make it.
CHAOS_DOORS = {"nodes/cli/simulate.py", "nodes/cli/drill.py", "testing.py"}


def layer(parts: Parts) -> int:
    """Gives the layer of a module; `broker` itself is the lowest, because importing `broker.wire` runs it."""
    if parts == ("broker",):
        return 0
    return next((number for prefix, number in LAYERS if parts[: len(prefix)] == prefix), TOP_LAYER)


def import_faults(source: Source, modules: dict[Parts, Source]) -> Iterator[Fault]:
    """Yields the imports of a package file that are absolute, or that point up."""
    own = layer(source.parts)
    for found in source.imports:
        name = ".".join(found.parts)
        if not found.internal:
            if found.parts[0] in {"mainspring", "config", "tests", *PACKAGE_FOLDERS}:
                yield Fault(
                    source.path,
                    found.line,
                    f"absolute import of {name}; inside the package write it relative",
                )
            continue
        target = resolve(found.parts, modules)
        if found.parts[0] == "<above the root>":
            yield Fault(source.path, found.line, "the import climbs above the package; take a dot away")
        elif target == () and source.parts not in {(), ("__main__",)}:
            if name != "__version__":
                yield Fault(
                    source.path,
                    found.line,
                    f"imports {name!r} from the root; import the module that defines it",
                )
        elif target[:1] == ("chaos",):
            if source.parts[:1] != ("chaos",) and source.path not in CHAOS_DOORS:
                yield Fault(
                    source.path,
                    found.line,
                    f"imports {name}; only {', '.join(sorted(CHAOS_DOORS))} may know chaos",
                )
        elif layer(target) > own:
            yield Fault(source.path, found.line, f"imports {name} against the direction {LAYER_NAMES}")


def test_import_faults(source: Source) -> Iterator[Fault]:
    """Yields the imports of a test that would load a second copy of a module."""
    for found in source.imports:
        if found.internal:
            yield Fault(source.path, found.line, "relative import in a test loads a second copy; write mainspring.…")
        elif found.parts[0] in PACKAGE_FOLDERS:
            yield Fault(source.path, found.line, f"imports {found.parts[0]!r} as a top package; write mainspring.…")


def dead_modules(sources: Iterable[Source]) -> Iterator[Fault]:
    """Yields the modules of the package that no import, no name in a string and no command leads to."""
    sources = list(sources)
    modules = {source.parts: source for source in sources if in_package(source)}
    alive: set[Parts] = {(), ("__main__",)}
    for source in sources:
        reached = set(_reached(source, modules))
        if in_package(source):
            alive |= reached - {source.parts}
        else:
            alive |= {parts for parts in reached if parts[:1] == ("chaos",)}
    for parts, source in modules.items():
        is_package = source.path.endswith("__init__.py")
        if parts not in alive and not is_package and not _is_program(source):
            yield Fault(source.path, 1, "nothing in the package imports this module; wire it in or delete it")


def _reached(source: Source, modules: dict[Parts, Source]) -> Iterator[Parts]:
    for found in source.imports:
        if found.internal:
            yield resolve(found.parts, modules)
        elif found.parts[0] == "mainspring":
            yield resolve(found.parts[1:], modules)
    loads_by_name = "import_module" in source.text
    if "iter_modules" in source.text:
        yield from (parts for parts in modules if parts[:-1] == source.package)
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or len(node.value) > 100:
            continue
        text = node.value
        if text.startswith("mainspring."):
            yield resolve(tuple(text.split(":")[0].split(".")[1:]), modules)
        elif loads_by_name:
            named = (*source.package, *text.removeprefix(".").split("."))
            if named in modules:
                yield named


def _is_program(source: Source) -> bool:
    return any(
        isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'" for node in source.tree.body
    )
