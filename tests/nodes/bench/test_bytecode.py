"""What a bench run makes of a checkout before it measures."""

from importlib.util import cache_from_source
from pathlib import Path

from mainspring.nodes.bench.bytecode import FOLDERS, ROOT, renew


def test_modules_have_bytecode_afterwards(tmp_path: Path) -> None:
    """Of all folders of the package, and of nothing else."""
    for name in (*FOLDERS, "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "module.py").write_text("VALUE = 1\n", encoding="utf-8")

    renew(tmp_path)

    compiled = [name for name in (*FOLDERS, "other") if Path(cache_from_source(tmp_path / name / "module.py")).exists()]
    assert compiled == [*FOLDERS]


def test_the_folders_are_those_of_the_package() -> None:
    """One that was forgotten would be compiled again by each process."""
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == {*FOLDERS}
