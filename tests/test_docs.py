"""What the pages say about the tree is so: links lead somewhere, files exist, glossary words stand in the code."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tidy.source import PACKAGE_FOLDERS, ROOT, Fault, python_sources, walk_files

PAGES = [path for path in walk_files() if path.suffix == ".md"]
FOLDERS = (*PACKAGE_FOLDERS, "config", "docs", "tests")

_FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_REPO_PATH = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CITED = re.compile(r"docs/([\w-]+\.md),\s+(\"[^\"]+\"(?:(?: \([^)]*\))?(?:,| and)\s+\"[^\"]+\")*)")


def expect_none(faults: Iterator[Fault]) -> None:
    """Fails with one line a fault."""
    found = sorted(set(faults))
    if found:
        pytest.fail(f"{len(found)} found\n" + "\n".join(map(str, found)), pytrace=False)


def name(path: Path) -> str:
    """Returns a path as it is written in pages."""
    return path.relative_to(ROOT).as_posix()


def line_of(text: str, at: int) -> int:
    """Returns the number of the line at a place in a text."""
    return text.count("\n", 0, at) + 1


def blanked(text: str, pattern: re.Pattern[str]) -> str:
    """Returns a text without what a pattern finds, on the same lines."""
    return pattern.sub(lambda found: "\n" * found[0].count("\n"), text)


def headings(text: str) -> list[str]:
    """Returns the headings of a page, without numbers before them."""
    return [re.sub(r"^\d+\. ", "", found.strip()) for found in _HEADING.findall(blanked(text, _FENCED))]


def anchors(text: str) -> set[str]:
    """Returns the anchors that a page's headings make."""
    found = _HEADING.findall(blanked(text, _FENCED))
    return {re.sub(r"[^\w\- ]", "", heading.lower().strip()).replace(" ", "-") for heading in found}


def without_later(text: str) -> str:
    """Returns a page without the section that speaks of what does not exist yet."""
    return re.split(r"^## (?:\d+\. )?Later$", text, maxsplit=1, flags=re.MULTILINE)[0]


def test_links_lead_somewhere() -> None:
    """A relative link names a file or a folder that is there, and a heading of it."""
    expect_none(fault for page in PAGES for fault in dead_links(page))


def dead_links(page: Path) -> Iterator[Fault]:
    """Yields the links of a page that lead nowhere."""
    text = blanked(blanked(page.read_text("utf-8"), _FENCED), _INLINE)
    for found in _LINK.finditer(text):
        target, _, anchor = found[1].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = (page.parent / target).resolve() if target else page
        if not path.exists():
            yield Fault(name(page), line_of(text, found.start()), f"links to {found[1]}, which is not there")
        elif anchor and path.suffix == ".md" and anchor not in anchors(path.read_text("utf-8")):
            yield Fault(name(page), line_of(text, found.start()), f"links to {found[1]}, which has no such heading")


def test_files_that_pages_name_exist() -> None:
    """A path in backticks that begins with a folder of ours is in the tree."""
    expect_none(fault for page in PAGES for fault in missing_files(page))


def missing_files(page: Path) -> Iterator[Fault]:
    """Yields the paths that a page names and the tree does not have."""
    text = without_later(blanked(page.read_text("utf-8"), _FENCED))
    for found in _REPO_PATH.finditer(text):
        if not (ROOT / found[1]).exists():
            yield Fault(name(page), line_of(text, found.start()), f"names {found[1]}, which is not there")


def test_mutants_and_tests_that_the_ledger_names_exist() -> None:
    """A planted bug or a test function that docs/promises.md names is in the tree."""
    expect_none(missing_names())


def missing_names() -> Iterator[Fault]:
    """Yields the names of mutants and tests that nothing in the tree has."""
    text = (ROOT / "docs/promises.md").read_text("utf-8")
    mutants = "".join(path.read_text("utf-8") for path in sorted((ROOT / "chaos").rglob("*mutants.py")))
    tests = "".join(source.text for source in python_sources() if source.path.startswith("tests/"))
    for row in re.findall(r"^\| mutants \|.*$", text, re.MULTILINE):
        for found in re.findall(r"`(\w+)`", row):
            if f'"{found}": Mutant(' not in mutants:
                yield Fault("docs/promises.md", 1, f"names the mutant {found}, which is not there")
    for found in re.findall(r"`(test_\w+)`", text):
        if f"def {found}(" not in tests:
            yield Fault("docs/promises.md", 1, f"names {found}(), which is not there")


def test_headings_that_the_code_cites_exist() -> None:
    """Where a module says which rule it follows, the page has that heading."""
    expect_none(missing_headings())


def missing_headings() -> Iterator[Fault]:
    """Yields the citations, as in `docs/design.md, "Time"`, that no heading answers."""
    for source in python_sources():
        for found in _CITED.finditer(source.text if not source.path.startswith("tests/") else ""):
            page = ROOT / "docs" / found[1]
            known = headings(page.read_text("utf-8")) if page.exists() else []
            for cited in re.findall(r"\"([^\"]+)\"", found[2]):
                if re.sub(r"\s+", " ", cited) not in known:
                    line = line_of(source.text, found.start())
                    yield Fault(source.path, line, f"cites docs/{found[1]}, {cited!r}, which is not there")


def test_glossary_words_stand_in_the_code() -> None:
    """Each identifier in the glossary's last column is a word of the file, or of the class, that it names."""
    expect_none(unknown_words())


def unknown_words() -> Iterator[Fault]:
    """Yields the glossary's identifiers that are not where it says."""
    sources = python_sources()
    rows = [row.strip("|").split("|") for row in (ROOT / "docs/glossary.md").read_text("utf-8").splitlines()]
    checked = 0
    for word, _, where in [row for row in rows if len(row) == 3 and "`" in row[2]]:
        for found in re.finditer(r"((?:`\w+`(?:, )?)+) (in|of(?: an?)?) `([\w./]+)`", where):
            for identifier in re.findall(r"\w+", found[1]):
                checked += 1
                if found[2] == "in":
                    texts = [source.text for source in sources if source.path == found[3]]
                else:
                    texts = [source.text for source in sources if re.search(rf"^class {found[3]}\b", source.text, re.M)]
                if not any(re.search(rf"\b{identifier}\b", text) for text in texts):
                    yield Fault("docs/glossary.md", 1, f"{word.strip()}: {identifier} is not {found[2]} {found[3]}")
    assert checked > 50, "the glossary's last column was not understood"


def test_every_page_is_in_the_index() -> None:
    """docs/README.md links to every page of docs/, and ADRs are numbered without gaps."""
    index = (ROOT / "docs/README.md").read_text("utf-8")
    linked = {(ROOT / "docs" / found.partition("#")[0]).resolve() for found in _LINK.findall(index)}
    pages = {path for path in PAGES if path.is_relative_to(ROOT / "docs")} - {ROOT / "docs/README.md"}
    assert sorted(map(name, pages - linked)) == []
    records = sorted(path.name for path in (ROOT / "docs/adr").glob("*.md"))
    assert [record[:4] for record in records] == [f"{number:04d}" for number in range(1, len(records) + 1)]
