"""The house rules, checked on every file of the checkout; each failure names file, line and mend."""

import tomllib
from collections.abc import Callable, Iterable

import pytest
from tidy import imports, layout, purity, text
from tidy.source import ROOT, Fault, Source, in_package, python_sources, text_files

ASSERTIONS_PER_1000_LINES_MIN = 12
SOURCES = python_sources()
PACKAGE = [source for source in SOURCES if in_package(source)]
TESTS = [source for source in SOURCES if source.path.startswith("tests/")]
MODULES = {source.parts: source for source in PACKAGE}
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]


def expect_none(faults: Iterable[Fault]) -> None:
    """Fails with one line a fault."""
    found = sorted(set(faults))
    if found:
        pytest.fail(f"{len(found)} found\n" + "\n".join(map(str, found)), pytrace=False)


def each(rule: Callable[[Source], Iterable[Fault]], sources: Iterable[Source]) -> Iterable[Fault]:
    """Applies a rule to every source."""
    return (fault for source in sources for fault in rule(source))


def test_the_tree_was_found() -> None:
    """The other tests look at something."""
    assert {"__init__.py", "tests/test_tidy.py"} <= {source.path for source in SOURCES}


def test_the_core_is_pure() -> None:
    """actors/ and broker/wire/ depend on their arguments alone."""
    expect_none(each(purity.impurities, (source for source in PACKAGE if purity.is_pure(source.path))))


def test_imports_point_down() -> None:
    """Inside the package imports are relative, and a lower folder knows nothing of a higher one."""
    expect_none(each(lambda source: imports.import_faults(source, MODULES), PACKAGE))


def test_tests_import_the_package_by_name() -> None:
    """A test has the same copy of each module as everybody else."""
    expect_none(each(imports.test_import_faults, TESTS))


def test_tests_are_no_package() -> None:
    """With an __init__.py there, pytest would climb through the root's and name tests after the checkout."""
    inits = [source.path for source in TESTS if source.path.endswith("/__init__.py")]
    expect_none(
        Fault(path, 1, "makes tests/ a package; delete it") for path in inits if not path.startswith("tests/support/")
    )


def test_no_module_is_dead() -> None:
    """Every module of the package is reached from another, or is a program."""
    expect_none(imports.dead_modules(SOURCES))


def test_files_and_functions_are_short() -> None:
    """A file is about one noun, a function fits on a screen."""
    expect_none(each(text.size_faults, SOURCES))


def test_every_module_says_what_it_is_for() -> None:
    """Every module has a docstring."""
    expect_none(each(text.docstring_faults, SOURCES))


def test_silenced_tools_have_a_reason() -> None:
    """Whoever silences a check says why on that line, and no comment puts work off."""
    expect_none(each(text.excuse_faults, SOURCES))


def test_tests_do_not_sleep() -> None:
    """Outside tests/integration a test waits for events or drives the clock."""
    expect_none(each(text.sleep_faults, (test for test in TESTS if not test.path.startswith("tests/integration/"))))


def test_the_project_speaks_only_of_itself() -> None:
    """No file names a path, a page or a person's tool that a reader does not have."""
    rules = {"tests/support/tidy/text.py", "tests/test_tidy_rules.py"}
    expect_none(fault for path, body in text_files() if path not in rules for fault in text.word_faults(path, body))


def test_the_wheel_lists_every_package() -> None:
    """A folder with an __init__.py is in [tool.setuptools] packages, and the other way round."""
    expect_none(layout.package_faults(SETUPTOOLS["packages"], SOURCES))


def test_the_wheel_takes_every_data_file() -> None:
    """What is no Python file and lies in the package is package data."""
    expect_none(layout.data_faults(SETUPTOOLS["package-data"]))


def test_public_names_agree() -> None:
    """The lazy table, the block for type checkers and __all__ in the root say the same."""
    expect_none(layout.export_faults(MODULES[()]))


def test_the_core_states_its_relations() -> None:
    """actors/ asserts at least 12 relations per 1000 lines of code."""
    core = [source for source in PACKAGE if source.path.startswith("actors/")]
    lines = sum(map(text.code_lines, core))
    asserted = sum(map(text.assertions, core))
    if lines < 1000:
        pytest.skip(f"{lines} lines in actors/ are too few to judge")
    needed = lines * ASSERTIONS_PER_1000_LINES_MIN // 1000
    assert asserted >= needed, f"{asserted} assertions in {lines} lines of actors/, {needed} are needed"
