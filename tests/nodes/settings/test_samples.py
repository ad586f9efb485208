"""The samples of config/ say what the code does, and are handed out safely."""

import ast
import re
from pathlib import Path

import pytest

from mainspring.nodes.settings.errors import SettingsError
from mainspring.nodes.settings.faults import fields_by_key, sections
from mainspring.nodes.settings.init import SAMPLES, THREE_NODES, write_samples
from mainspring.nodes.settings.load import default, load
from mainspring.nodes.settings.models import NodeSettings
from mainspring.nodes.settings.wanted import sections_in

# These defaults depend on the machine, so the sample can only show an example of them.
OF_THE_MACHINE = {"name", "process_slots"}


def without_machine(settings: NodeSettings) -> dict[str, object]:
    """Returns the settings without the values that an uncommented sample fixes."""
    return settings.model_dump(exclude={"node": {"name"}, "executors": {"__all__": {"process_slots"}}})


def test_the_sample_is_the_built_in_node(tmp_path: Path) -> None:
    """As it is handed out, the sample must make the same node as no file does."""
    node, *_ = write_samples(tmp_path)
    assert load(node, {}) == default("mainspring-data", ["tasks"], tmp_path, {}).model_copy(
        update={"node": load(node, {}).node}
    )
    assert load(node, {}).node == default(tmp_path / "mainspring-data", environ={}).node


def test_the_commented_values_of_the_sample_are_the_defaults(tmp_path: Path) -> None:
    """With every # taken away, the sample must still make the same node."""
    node, *_ = write_samples(tmp_path)
    before = load(node, {})
    text, count = re.subn(r"^#(?=[a-z])", "", node.read_text(encoding="utf-8"), flags=re.MULTILINE)
    node.write_text(text, encoding="utf-8")
    assert count > 30
    assert without_machine(load(node, {})) == without_machine(before)


def test_the_sample_shows_every_key(tmp_path: Path) -> None:
    """A setting that the sample does not show is one that nobody finds."""
    node, *_ = write_samples(tmp_path)
    shown = re.findall(r"^#? ?([a-z_]+) = ", node.read_text(encoding="utf-8"), flags=re.MULTILINE)
    known = [
        key
        for _, model in sections()
        for key, field in fields_by_key(model).items()
        if sections_in(field.annotation) is None
    ]
    assert sorted(shown) == sorted(known)


def test_the_task_sample_is_valid_python(tmp_path: Path) -> None:
    """The module that the sample names must parse, and must define tasks of both kinds."""
    _, tasks, _ = write_samples(tmp_path)
    functions = {type(node) for node in ast.parse(tasks.read_text(encoding="utf-8")).body}
    assert functions >= {ast.FunctionDef, ast.AsyncFunctionDef}


def test_samples_are_written_into_a_new_folder(tmp_path: Path) -> None:
    """The folder must be made, and the files named."""
    folder = tmp_path / "a" / "b"
    assert write_samples(folder) == [folder / "node.toml", folder / "tasks.py", folder / "schedules.toml"]
    assert all(path.is_file() for path in folder.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Where one file exists, none may be written, and the error must name it."""
    (tmp_path / "tasks.py").write_text("mine", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        write_samples(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/tasks.py: exists already, and nothing is overwritten: move it away, or name another folder"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["tasks.py"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A path through a file must be refused with the reason."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"file/x: cannot write here \(Not a directory\): name a folder"):
        write_samples(tmp_path / "file" / "x")


def test_the_three_nodes_are_one_cluster(tmp_path: Path) -> None:
    """Each must load, know the same members and times, and share neither data nor name with another."""
    a, b, c = (load(path, {}) for path in write_samples(tmp_path, THREE_NODES)[:3])
    assert a.cluster == b.cluster == c.cluster
    assert a.coordinator == b.coordinator == c.coordinator
    assert [member.name for member in a.cluster.members] == [node.node.name for node in (a, b, c)] == ["a", "b", "c"]
    assert len({node.node.data_dir for node in (a, b, c)}) == 3
    assert len({name for node in (a, b, c) for section in node.executors for name in section.process_names()}) == 3
    assert all(node.member is not None for node in (a, b, c))


def test_the_commented_values_of_the_three_nodes_are_the_defaults(tmp_path: Path) -> None:
    """With every # taken away, the explained file must still make the same node."""
    node, *_ = write_samples(tmp_path, THREE_NODES)
    before = load(node, {})
    text, count = re.subn(r"^#(?=[a-z_]+ = )", "", node.read_text(encoding="utf-8"), flags=re.MULTILINE)
    node.write_text(text, encoding="utf-8")
    assert count == 4
    assert without_machine(load(node, {})) == without_machine(before)


@pytest.mark.parametrize("samples", [SAMPLES, THREE_NODES])
def test_every_sample_comes_with_the_package(samples: dict[str, str]) -> None:
    """A sample that is not there would be noticed by its user alone."""
    config = Path(__file__).parents[3] / "config"
    assert all((config / source).is_file() for source in samples.values())
