"""What a good file, no file and the environment make of a node's settings."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from mainspring.broker.tasks import limits as task_limits
from mainspring.nodes.settings import forms
from mainspring.nodes.settings.errors import SettingsError
from mainspring.nodes.settings.load import default, load
from mainspring.nodes.settings.models import NodeSettings, host_name

FULL = """
[node]
name = "east-1"
data_dir = "data/../state"
listen = ["ipc:///run/mainspring/node.ipc", "tcp://[::1]:7411"]
insecure = true
drain_timeout_s = 2.5

[coordinator]
shards = 4
tenants = ["default", "acme"]
retention.queues.mail.finished_jobs_max = 10

[storage]
synchronous = "normal"

[[executor]]
name = "mail"
tasks = ["shop.mail"]
queues = ["mail"]
import_paths = ["src", "/opt/shop"]

[[executor]]
name = "rest"
count = 2
process_slots = 0
"""


def load_text(folder: Path, text: str, environ: dict[str, str] | None = None) -> NodeSettings:
    """Loads a text as a node's file, with an empty environment unless one is given."""
    path = folder / "node.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, environ or {})


def test_a_full_file_is_read(tmp_path: Path) -> None:
    """Given values must arrive, with relative paths resolved against the file's folder."""
    settings = load_text(tmp_path, FULL, {"MAINSPRING_TASKS": "shop.other"})
    assert settings.node.name == "east-1"
    assert settings.node.data_dir == tmp_path / "state"
    assert settings.node.listen == ("ipc:///run/mainspring/node.ipc", "tcp://[::1]:7411")
    assert settings.node.drain_timeout_s == 2.5
    assert settings.coordinator.tenants == ("default", "acme")
    assert settings.storage.synchronous == "normal"
    mail, rest = settings.executors
    assert mail.import_paths == (tmp_path / "src", Path("/opt/shop"))
    assert mail.process_names() == ("mail",)
    assert rest.process_names() == ("rest-1", "rest-2")


def test_the_environment_gives_tasks_only_where_the_file_gives_none(tmp_path: Path) -> None:
    """MAINSPRING_TASKS must reach the executor without tasks, and leave the other alone."""
    settings = load_text(tmp_path, FULL, {"MAINSPRING_TASKS": " a.b , c,, a.b"})
    assert [executor.tasks for executor in settings.executors] == [("shop.mail",), ("a.b", "c")]


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    """A file that says nothing must make a coordinator with default settings and no executor."""
    settings = load_text(tmp_path, "")
    assert settings == default(tmp_path / "mainspring-data", environ={})
    assert settings.node.name == host_name()
    assert settings.executors == ()


def test_the_built_in_node_has_two_executor_processes(tmp_path: Path) -> None:
    """With tasks from either source, the built-in node must run two executors that share the CPUs."""
    given = default(tmp_path, tasks=["shop.tasks", "shop.tasks"], folder=tmp_path, environ={})
    assert given == default(tmp_path, folder=tmp_path, environ={"MAINSPRING_TASKS": "shop.tasks"})
    (executor,) = given.executors
    assert executor.process_names() == ("executor-1", "executor-2")
    assert executor.tasks == ("shop.tasks",)
    assert executor.import_paths == (tmp_path,)
    assert executor.process_slots == max(1, len(os.sched_getaffinity(0)) // 2)


def test_the_built_in_node_without_tasks_has_no_executor(tmp_path: Path) -> None:
    """An executor that could run nothing must not be started."""
    assert default(tmp_path, environ={}).executors == ()


def test_the_built_in_node_refuses_a_file_as_a_task_module() -> None:
    """A faulty module name must be told with the name that was meant."""
    with pytest.raises(SettingsError, match=r'task modules: "shop/tasks.py": .* write "shop.tasks"'):
        default("data", tasks=["shop/tasks.py"], environ={})


def test_paths_relative_to_the_working_directory_become_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a relative file name nor a relative data folder may leave a relative path behind."""
    monkeypatch.chdir(tmp_path)
    Path("node.toml").write_text("", encoding="utf-8")
    assert load("node.toml", {}).node.data_dir == tmp_path / "mainspring-data"
    assert default("here", environ={}).node.data_dir == tmp_path / "here"


def test_a_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data folder that begins with ~ must lie in the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert load_text(tmp_path, '[node]\ndata_dir = "~/jobs"').node.data_dir == tmp_path / "home" / "jobs"


def test_retention_of_a_queue_falls_back_key_by_key(tmp_path: Path) -> None:
    """A queue's own limit must win, and each that it lacks must come from the common table."""
    text = "[coordinator.retention]\nfinished_age_s = 60\nqueues.mail.finished_jobs_max = 7"
    retention = load_text(tmp_path, text).coordinator.retention
    assert retention.of_queue("mail") == (7, 60)
    assert retention.of_queue("other") == (1_000_000, 60)


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    """Settings must stay as they were read."""
    settings = default(tmp_path, environ={})
    with pytest.raises(ValidationError):
        settings.node.insecure = True  # type: ignore[misc]  # the very thing that must fail


def test_queue_names_have_the_bound_of_the_tasks() -> None:
    """A queue that a task can declare must be one that an executor can name."""
    assert forms.LABEL_CHARS_MAX == task_limits.LABEL_CHARS_MAX
