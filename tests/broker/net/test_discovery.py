"""How a client finds its node."""

from pathlib import Path

import pytest

from mainspring.broker.net.discovery import IPC_PATH_BYTES_MAX, endpoint_of, find_endpoints
from mainspring.broker.net.exceptions import NodeNotFound


@pytest.fixture(autouse=True)
def no_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests names no node."""
    monkeypatch.delenv("MAINSPRING_URL", raising=False)


def test_a_given_url_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the variable, both with several endpoints."""
    monkeypatch.setenv("MAINSPRING_URL", "tcp://there:1, ipc:///x ,tcp://there:1")
    assert find_endpoints("ipc:///here") == ("ipc:///here",)
    assert find_endpoints() == ("tcp://there:1", "ipc:///x")


@pytest.mark.parametrize("url", ["", " , ", "http://x", "/tmp/x.sock"])
def test_what_is_no_endpoint_is_named(url: str) -> None:
    """The text says what would be one."""
    with pytest.raises(ValueError, match="give ipc://PATH or tcp://HOST:PORT"):
        find_endpoints(url)


def test_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As git finds its folder."""
    deep = tmp_path / "project" / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "mainspring-data").mkdir()
    monkeypatch.chdir(deep)
    assert find_endpoints() == (f"ipc://{tmp_path}/mainspring-data/coordinator.sock",)
    (tmp_path / "project" / "mainspring-data").mkdir()
    assert find_endpoints() == (f"ipc://{tmp_path}/project/mainspring-data/coordinator.sock",)


def test_no_node_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text names where it was looked for."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NodeNotFound, match=r"no node found: .*mainspring up"):
        find_endpoints()


def test_a_folder_too_deep_for_a_socket(tmp_path: Path) -> None:
    """Its node has written down where it listens; if it has not, there is no node."""
    deep = tmp_path / ("d" * IPC_PATH_BYTES_MAX)
    deep.mkdir()
    with pytest.raises(NodeNotFound, match="mainspring up"):
        endpoint_of(deep)
    (deep / "coordinator.url").write_text("ipc:///run/short.sock\n")
    assert endpoint_of(deep) == "ipc:///run/short.sock"
    (deep / "coordinator.url").write_text("/run/short.sock")
    assert endpoint_of(deep) == "ipc:///run/short.sock"
    (deep / "coordinator.url").write_text("")
    with pytest.raises(NodeNotFound, match="is empty"):
        endpoint_of(deep)
