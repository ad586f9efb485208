"""Commands of the node's file and of files of their own reach the executors that run them."""

from pathlib import Path

import pytest

from mainspring.nodes.settings.errors import SettingsError
from mainspring.nodes.settings.load import load
from mainspring.nodes.settings.models import NodeSettings

NODE = """
[[executor]]
name = "one"
tasks = ["t"]
commands = "more/commands.toml"
[[executor]]
name = "two"
command_slots = 9
[[executor]]
name = "three"
tasks = ["t"]
command_slots = 0
[commands.backup]
argv = ["rsync", "-a"]
cwd = "data"
"""
ARGV = "give a list of one or more texts: the program, then its arguments"
MORE = """
[commands."a.b-c_1"]
argv = ["./here"]
env = { A = "1" }
stdin = "in"
timeout = "1h30m"
output_bytes_max = 9
ok_exits = [0, 24]
queue = "night"
retries = 2
priority = -3
[commands.7zip]
argv = ["7z"]
cwd = "/srv"
timeout = 0.5
"""


def loaded(folder: Path, node: str = NODE, **files: str) -> NodeSettings:
    """Loads a node's file with files of commands beside it."""
    for name, text in files.items():
        path = folder / name / "commands.toml"
        path.parent.mkdir()
        path.write_text(text)
    (folder / "node.toml").write_text(node)
    return load(folder / "node.toml", {})


def fault_text(folder: Path, node: str, **files: str) -> str:
    """Loads faulty files; returns the error's text without the folder's path."""
    with pytest.raises(SettingsError) as caught:
        loaded(folder, node, **files)
    return str(caught.value).replace(f"{folder}/", "")


def test_each_executor_has_those_of_the_node_and_its_own(tmp_path: Path) -> None:
    """An executor without slots for commands runs none; one without tasks may run commands alone."""
    one, two, three = loaded(tmp_path, more=MORE).executors
    assert sorted(one.declared) == ["7zip", "a.b-c_1", "backup"]
    assert sorted(two.declared) == ["backup"]
    assert three.declared == {}


def test_every_key_is_read(tmp_path: Path) -> None:
    """Folders are relative to the file that the command stands in, and spans are written with a unit or without."""
    declared = loaded(tmp_path, more=MORE).executors[0].declared
    assert declared["a.b-c_1"].model_dump() == {
        "argv": ("./here",),
        "env": {"A": "1"},
        "stdin": "in",
        "cwd": tmp_path / "more",
        "timeout_ms": 5_400_000,
        "output_bytes_max": 9,
        "ok_exits": (0, 24),
        "queue": "night",
        "retries": 2,
        "priority": -3,
    }
    assert (declared["7zip"].cwd, declared["7zip"].timeout_ms) == (Path("/srv"), 500)
    backup = declared["backup"]
    assert (backup.cwd, backup.timeout_ms, backup.retries, backup.ok_exits) == (tmp_path / "data", 0, 0, (0,))


def test_faults_of_both_files_are_told_at_once(tmp_path: Path) -> None:
    """Each fault has the name and the line of its own file."""
    node = f"node.insecure = 1\n{NODE}"
    assert fault_text(tmp_path, node, more="[commands.b]\nretries = -1\n[node]\n").splitlines() == [
        "node.toml has 4 faults:",
        "  node.toml:1: node.insecure = 1: give true or false",
        f"  more/commands.toml:1: commands.b.argv: is missing: {ARGV}",
        "  more/commands.toml:2: commands.b.retries = -1: give a whole number from 0 to 1_000",
        "  more/commands.toml:3: node: unknown key; allowed in the file's top level: commands",
    ]


def test_a_file_that_is_no_toml_is_told(tmp_path: Path) -> None:
    """The syntax fault names the file of commands, with line and column."""
    assert fault_text(tmp_path, NODE, more="[commands.b]\nargv = [").startswith("more/commands.toml:2:9: not TOML:")


def test_a_name_means_one_command(tmp_path: Path) -> None:
    """A second command of a name is refused, unless it is the same one: executors may share a file."""
    twice = '[[executor]]\ntasks = ["t"]\nname = "a"\ncommands = "{}/commands.toml"\n'
    command = '[commands.backup]\nargv = ["{}"]\n'
    told = 'commands = "more/commands.toml": declares a second command backup: give one of the two another name'
    assert fault_text(tmp_path, NODE, more=command.format("tar")) == f"node.toml:5: executor[0].{told}"
    node = twice.format("one") + twice.format("two").replace('"a"', '"b"')
    told = told.replace("more", "two")
    files = {"one": command.format("tar"), "two": command.format("cpio")}
    assert fault_text(tmp_path, node, **files) == f"node.toml:8: executor[1].{told}"
    shared = loaded(tmp_path, node.replace("two/", "one/")).executors
    assert shared[0].declared == shared[1].declared
