"""How the commands that speak to a supervisor find it, and what they make of what it says."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mainspring.broker.net.discovery import URL_VARIABLE
from mainspring.nodes.cli import app
from mainspring.nodes.cli.control import ask, control_path
from mainspring.nodes.cli.errors import CommandError
from mainspring.nodes.supervisor.data_dir import SOCKET_PATH_BYTES_MAX, folder_apart


class StandIn:
    """Makes sockets in data directories, each of which takes one request and has its answer ready."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.threads: list[threading.Thread] = []
        self.heard: list[bytes] = []

    def __call__(self, *lines: object, folder: Path | None = None) -> Path:
        """Answers with these lines; gives the data directory."""
        data_dir = folder or self.folder
        data_dir.mkdir(parents=True)
        listener = socket.socket(socket.AF_UNIX)
        here = os.open(data_dir, os.O_PATH)
        listener.bind(f"/proc/self/fd/{here}/control.sock")
        os.close(here)
        listener.listen()
        data = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
        self.threads.append(threading.Thread(target=self._serve, args=(listener, data)))
        self.threads[-1].start()
        return data_dir

    def _serve(self, listener: socket.socket, data: bytes) -> None:
        with listener:
            sock, _ = listener.accept()
            with sock:
                self.heard.append(sock.recv(4096))
                sock.sendall(data)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in which no node is found."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[StandIn]:
    """Stands in for a supervisor."""
    made = StandIn(tmp_path / "mainspring-data")
    yield made
    for thread in made.threads:
        thread.join(20)
        assert not thread.is_alive(), "nobody has asked"


def cli(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Runs the program; gives status, stdout and stderr."""
    status = app.run(words)
    return status, *capsys.readouterr()


DONE: dict[str, Any] = {
    "done": True, "ok": True, "code": "reloaded", "process": None, "text": "", "restarted": ["e-1", "e-2"],
}  # fmt: skip
FAILED = {**DONE, "ok": False, "code": "failed", "process": "e-2", "text": "no module named shop", "restarted": ["e-1"]}


def test_the_node_is_found_as_by_other_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its file, by its directory, by MAINSPRING_URL, by the nearest data folder, in this order."""
    (tmp_path / "n.toml").write_text('[node]\ndata_dir = "far"\n')
    (tmp_path / "mainspring-data").mkdir()
    (tmp_path / "near").mkdir()
    assert control_path(None, None) == tmp_path / "mainspring-data" / "control.sock"
    monkeypatch.setenv(URL_VARIABLE, "ipc:///run/x/coordinator.sock, tcp://far:1")
    assert control_path(None, None) == Path("/run/x/control.sock")
    assert control_path(None, Path("near")) == tmp_path / "near" / "control.sock"
    assert control_path(Path("n.toml"), None) == tmp_path / "far" / "control.sock"


def test_a_socket_that_lies_apart_is_found(tmp_path: Path) -> None:
    """The path by which the node was started may be too long, and the one given here not."""
    data_dir = tmp_path / "mainspring-data"
    data_dir.mkdir()
    apart = folder_apart(data_dir, os.getuid())
    apart.mkdir(mode=0o700)
    try:
        (apart / "control.sock").touch()
        assert control_path(None, data_dir) == apart / "control.sock"
        (data_dir / "control.sock").touch()
        assert control_path(None, data_dir) == data_dir / "control.sock"
    finally:
        (apart / "control.sock").unlink()
        apart.rmdir()


def test_a_path_too_long_for_a_socket_is_asked_all_the_same(tmp_path: Path, supervisor: StandIn) -> None:
    """The node may have been started by a shorter path to the same folder."""
    folder = supervisor({"done": True, "ok": True}, folder=tmp_path / ("x" * SOCKET_PATH_BYTES_MAX))
    assert list(ask(control_path(None, folder), {"do": "status"})) == [{"done": True, "ok": True}]


@pytest.mark.parametrize(
    ("words", "url", "told"),
    [
        ((), None, "has mainspring-data/; give the node's folder by --data-dir"),
        ((), "tcp://far:1", "MAINSPRING_URL (tcp://far:1) does not name one node of this machine"),
        ((), "ipc:///a/b,ipc:///c/d", "does not name one node of this machine"),
        (("--data-dir", "."), None, "for there is no control.sock in it: start it, or give the FILE or --data-dir"),
        (("--data-dir", "none"), None, "none is no folder; give the data_dir of a node"),
    ],
)
def test_no_node_to_be_found(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    url: str | None,
    told: str,
) -> None:
    """Each fault must end in one text with the mend, and status 1."""
    if url is not None:
        monkeypatch.setenv(URL_VARIABLE, url)
    for command in (("reload",), ("processes",), ("log-level", "info")):
        status, out, err = cli(capsys, *command, *words)
        assert (status, out) == (1, "")
        assert told in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("none.toml",), "none.toml: no such file: "),
        (("n.toml", "--data-dir", "."), "invalid value: FILE and --data-dir both say which node is meant: leave one"),
    ],
)
def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str) -> None:
    """A file that is none, as everywhere; and two nodes at once."""
    status, out, err = cli(capsys, "reload", *words)
    assert (status, out) == (2, "")
    assert err.startswith(f"mainspring: {told}")


def test_a_node_that_was_killed_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it left behind answers nobody."""
    (tmp_path / "mainspring-data").mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind("mainspring-data/control.sock")
    _, _, err = cli(capsys, "reload")
    assert err == f"mainspring: the node of {tmp_path}/mainspring-data does not run any more: start it again\n"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ((), "has ended before it answered: its log says why"),
        (({"event": "restarting", "process": "e-1"},), "has ended before it answered"),
        ((b"nonsense\n",), "answers what this version does not understand"),
        ((b"[1]\n",), "answers what this version does not understand"),
        (({"done": True, "ok": False, "code": "malformed", "text": "fault: mend"},), "fault: mend"),
        (({"done": True, "ok": False, "code": "overloaded", "text": "fault: mend"},), "fault: mend"),
    ],
)
def test_an_answer_that_is_none(supervisor: StandIn, lines: tuple[object, ...], told: str) -> None:
    """A supervisor that ends, or is of another version, must not end in a traceback."""
    path = supervisor(*lines) / "control.sock"
    with pytest.raises(CommandError, match=told):
        list(ask(path, {"do": "reload"}))


def test_reload_shows_each_step(supervisor: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    """A line a step, and one at the end."""
    steps = [("schedule-keeper", "reads again"), ("e-1", "restarting"), ("e-1", "ready")]
    supervisor(*({"event": what, "process": name} for name, what in steps), DONE)
    status, out, err = cli(capsys, "reload")
    *shown, last = out.splitlines()
    assert (status, err, shown) == (0, "", [f"{name}  {what}" for name, what in steps])
    assert last.startswith("reloaded 2 executors in ")
    assert supervisor.heard == [b'{"do": "reload"}\n']


def test_a_reload_that_fails(supervisor: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    """The executor, its text, what runs on and what to do; status 1."""
    supervisor(FAILED)
    status, out, err = cli(capsys, "reload")
    assert (status, out) == (1, "")
    assert err.splitlines() == [
        "mainspring: the reload ended at e-2, which did not come up: no module named shop",
        "the others go on; on new code: e-1; e-2 is tried again and again: mend the code, then reload again",
    ]


@pytest.mark.parametrize(
    ("last", "status", "out", "err"),
    [
        ({**DONE, "restarted": []}, 0, "nothing to restart: this node has no executors\n", ""),
        (
            {**FAILED, "code": "under_way", "process": None, "text": "a reload is under way, at e-1: ask again"},
            1,
            "",
            "mainspring: no reload: a reload is under way, at e-1: ask again\n",
        ),
    ],
)
def test_a_reload_that_does_nothing(
    supervisor: StandIn, capsys: pytest.CaptureFixture[str], last: object, status: int, out: str, err: str
) -> None:
    """A node without executors has nothing to restart; one that is busy says so."""
    supervisor(last)
    assert cli(capsys, "reload") == (status, out, err)


@pytest.mark.parametrize(("last", "status"), [(DONE, 0), (FAILED, 1)])
def test_reload_as_json(
    supervisor: StandIn, capsys: pytest.CaptureFixture[str], last: dict[str, object], status: int
) -> None:
    """One object at the end, and the same exit status."""
    supervisor({"event": "restarting", "process": "e-1"}, last)
    found, out, err = cli(capsys, "reload", "--json")
    told = json.loads(out)
    assert (found, err, told.pop("took_ms") >= 0) == (status, "", True)
    assert told == {key: value for key, value in last.items() if key != "done"}


def test_log_level_says_who_has_it_and_who_will(supervisor: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that run have it; one that is away has it from its next start on."""
    supervisor({"done": True, "ok": True, "level": "debug", "changed": ["supervisor", "e-1"], "later": ["e-2"]})
    status, out, _ = cli(capsys, "log-level", "debug", "--process", "e-1")
    assert (status, out) == (
        0,
        "log level debug: supervisor, e-1\nlog level debug from their next start on: e-2\n",
    )
    asked = json.loads(supervisor.heard[0])
    assert asked == {"do": "log-level", "level": "debug", "process": "e-1"}


def test_processes_as_a_table_and_as_json(
    supervisor: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table has the last line of an error; programs get the whole, and the time both ways."""
    row = {
        "process": "e-1", "kind": "executor", "pid": None, "phase": "waiting", "since_ms": 1_700_000_000_000,
        "restarts": 3, "error": "Traceback\nboom", "log_level": "info",
    }  # fmt: skip
    said = ({"event": "process", **row}, {"done": True, "ok": True})
    supervisor(*said)
    _, out, _ = cli(capsys, "processes")
    assert out.splitlines()[0].split() == [
        "process", "kind", "pid", "phase", "for", "restarts", "log", "level", "last", "error",
    ]  # fmt: skip
    assert out.splitlines()[2].split()[:4] == ["e-1", "executor", "-", "waiting"]
    assert out.splitlines()[2].split()[-1] == "boom"
    folder = supervisor(*said, folder=tmp_path / "other")
    _, out, _ = cli(capsys, "processes", "--data-dir", str(folder), "--json")
    assert json.loads(out) == [{**row, "since_at": "2023-11-14T22:13:20.000Z"}]
