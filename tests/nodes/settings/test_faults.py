"""How every class of fault in a node's file is told."""

from pathlib import Path

import pytest

from mainspring.nodes.settings.errors import SettingsError
from mainspring.nodes.settings.load import load

CASES = Path(__file__).with_name("faults.txt").read_text(encoding="utf-8").split("\n=== ")[1:]


def fault_text(folder: Path, content: str | bytes, environ: dict[str, str] | None = None) -> str:
    """Loads a faulty file; returns the error's text without the folder's path."""
    path = folder / "node.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError) as caught:
        load(path, environ or {})
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize("case", CASES, ids=[case.partition("\n")[0] for case in CASES])
def test_faults_are_told_with_line_key_value_and_mend(tmp_path: Path, case: str) -> None:
    """Each fault must give one line that says where it is, what was given, and what would be right."""
    given, _, told = case.partition("\n")[2].partition("\n=>\n")
    first, _, rest = given.partition("\n")
    environ = {"MAINSPRING_TASKS": first.removeprefix("env ")} if first.startswith("env ") else {}
    assert fault_text(tmp_path, rest if environ else given, environ) == told.strip()


def test_a_byte_order_mark_is_told(tmp_path: Path) -> None:
    """What no editor shows must be named."""
    assert fault_text(tmp_path, "\ufeff[node]") == (
        "node.toml:1:1: not TOML: invalid statement: the file begins with a byte order mark;"
        " save it as UTF-8 without one"
    )


def test_a_number_that_python_refuses_to_convert_is_told(tmp_path: Path) -> None:
    """Thousands of digits must end as a settings error, on the right line."""
    told = "node.toml:2: a number has thousands of digits: give a smaller one"
    assert fault_text(tmp_path, f"\nx = {'1' * 5000}") == told


def test_many_faults_are_cut_short(tmp_path: Path) -> None:
    """A file full of faults must not flood the terminal."""
    text = fault_text(tmp_path, "\n".join(f"k{n} = 1" for n in range(80)))
    assert text.startswith("node.toml has 80 faults:\n")
    assert text.endswith("\n  and 30 more; mend these first")
    assert text.count("\n") == 51


def test_a_file_that_is_not_utf_8_is_told_with_the_line(tmp_path: Path) -> None:
    """A byte that no UTF-8 text has must be named with its line."""
    told = "node.toml:2: byte 0xe9 is not UTF-8: save the file in that encoding"
    assert fault_text(tmp_path, b"[node]\nname = 'caf\xe9'") == told


def test_a_file_beyond_the_bound_is_refused(tmp_path: Path) -> None:
    """A file of more than a mebibyte must not be parsed."""
    told = "node.toml: has more than 1_048_576 bytes: a node's file is far smaller"
    assert fault_text(tmp_path, b"#" * (1024 * 1024 + 1)) == told


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    """Nesting that exhausts the parser must end as a settings error too."""
    told = "node.toml: lists or tables are nested too deeply: no setting has more than two levels"
    assert fault_text(tmp_path, "x = " + "[" * 50_000) == told


def test_a_path_without_a_file_is_told(tmp_path: Path) -> None:
    """A missing file, a folder, and a path that can be none must each be told with the mend."""
    for path, told in [
        (
            tmp_path / "no.toml",
            "no such file: give the path of a node's TOML file, or let `mainspring init` write one",
        ),
        (tmp_path, "is a folder: give the path of the TOML file in it"),
        ("a\0b", "cannot be read (embedded null byte): give the path of a node's TOML file"),
        (Path(__file__) / "x", "cannot be read (Not a directory): give the path of a node's TOML file"),
    ]:
        with pytest.raises(SettingsError) as caught:
            load(path, {})
        assert caught.value.faults[0].text == told
        assert caught.value.faults[0].line is None
