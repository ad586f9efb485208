"""Who may use a data directory, and where its coordinator is reached."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mainspring.nodes.supervisor.data_dir import SOCKET_PATH_BYTES_MAX, DataDir
from mainspring.nodes.supervisor.errors import NodeError


@pytest.fixture
def private_folders() -> Iterator[list[Path]]:
    """Folders to remove."""
    folders: list[Path] = []
    yield folders
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def socket_path(data_dir: DataDir) -> Path:
    """Returns the path in the endpoint of the socket."""
    return Path(data_dir.socket_endpoint().removeprefix("ipc://"))


def test_a_new_directory_is_private(tmp_path: Path) -> None:
    """It must be made with its parents, open to its owner alone."""
    data_dir = DataDir(tmp_path / "a" / "b")
    assert data_dir.path.stat().st_mode & 0o777 == 0o700
    assert data_dir.socket_endpoint() == f"ipc://{tmp_path}/a/b/coordinator.sock"
    data_dir.close()


def test_a_directory_that_was_there_is_made_private_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Before the node has used it, it must be closed; opened later on purpose, it must stay so, with a warning."""
    tmp_path.chmod(0o755)
    DataDir(tmp_path).close()
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    (tmp_path / "identity.json").touch()
    tmp_path.chmod(0o750)
    DataDir(tmp_path).close()
    assert tmp_path.stat().st_mode & 0o777 == 0o750
    assert "is open to other users" in caplog.text


def test_the_url_is_written_as_a_whole(tmp_path: Path) -> None:
    """A later address must replace the former, and leave nothing else behind."""
    data_dir = DataDir(tmp_path)
    for url in ("ipc:///a/longer/one", "ipc:///b"):
        data_dir.write_url(url)
    data_dir.close()
    assert (tmp_path / "coordinator.url").read_text() == "ipc:///b\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["coordinator.url", "supervisor.lock"]


def test_a_path_too_long_for_a_socket_gets_a_private_folder(tmp_path: Path, private_folders: list[Path]) -> None:
    """It must be short, private, the same each time, and another for another directory."""
    long = tmp_path / ("x" * SOCKET_PATH_BYTES_MAX)
    paths: list[Path] = []
    for folder in (long / "a", long / "a", long / "b"):
        data_dir = DataDir(folder)
        paths.append(socket_path(data_dir))
        assert data_dir.control_path() == paths[-1].with_name("control.sock")
        data_dir.close()
        private_folders.append(paths[-1].parent)
    assert paths[0] == paths[1] != paths[2]
    assert all(len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX for path in paths)
    assert paths[0].parent.stat().st_mode & 0o777 == 0o700


def test_the_longest_path_that_fits_is_used(tmp_path: Path) -> None:
    """One byte decides: only a path that does not fit may lead elsewhere."""
    name = "/coordinator.sock"
    fits = tmp_path / ("x" * (SOCKET_PATH_BYTES_MAX - len(name) - len(str(tmp_path)) - 1))
    data_dir = DataDir(fits)
    assert socket_path(data_dir).parent == fits
    assert len(os.fsencode(socket_path(data_dir))) == SOCKET_PATH_BYTES_MAX
    assert data_dir.control_path() == fits / "control.sock", "the shorter name goes where the longer one goes"
    data_dir.close()


def test_a_private_folder_that_is_none_is_refused(tmp_path: Path, private_folders: list[Path]) -> None:
    """What somebody else could have put there, open or a link, must not be used."""
    data_dir = DataDir(tmp_path / ("x" * SOCKET_PATH_BYTES_MAX))
    folder = socket_path(data_dir).parent
    private_folders.append(folder)
    folder.chmod(0o755)
    with pytest.raises(NodeError, match="is not a private directory of this user: remove it, or"):
        data_dir.socket_endpoint()
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(NodeError, match="is not a private directory of this user"):
        data_dir.socket_endpoint()
    folder.unlink()
    data_dir.close()


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    """Neither a file in the place of the directory nor one above it may end in a traceback."""
    (tmp_path / "file").touch()
    with pytest.raises(NodeError, match="file: is not a directory: move it away, or give another data_dir"):
        DataDir(tmp_path / "file")
    with pytest.raises(NodeError, match=r"file/x: cannot be made \(.*\): give a data_dir"):
        DataDir(tmp_path / "file" / "x")


def test_a_lock_left_by_a_process_that_is_gone_is_taken(tmp_path: Path) -> None:
    """A number in the file alone holds nothing."""
    (tmp_path / "supervisor.lock").write_text("1\n")
    data_dir = DataDir(tmp_path)
    assert (tmp_path / "supervisor.lock").read_text() == f"{os.getpid()}\n"
    data_dir.close()
