"""The program's frame: what it lists, how it fails, and what it does not import."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mainspring import __version__
from mainspring.nodes.cli import app
from mainspring.nodes.cli.commands import COMMANDS, Command, find, names
from mainspring.nodes.settings.init import THREE_NODES, write_samples


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Runs the program; gives status, stdout and stderr."""
    status = app.run(words)
    return status, *capsys.readouterr()


def test_help_lists_every_command_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Without words, too, people must see what there is."""
    status, out, err = run(capsys)
    assert (status, err) == (0, "")
    assert run(capsys, "--help") == run(capsys, "help") == (0, out, "")
    for heading, group in COMMANDS.items():
        assert f"\n{heading}:\n" in out
        for name, command in group.items():
            (line,) = [line for line in out.splitlines() if line.split()[:1] == [name]]
            assert line.endswith(f"  {command.help}")
            assert len(line) <= 100


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """It must be that of the package."""
    assert run(capsys, "--version") == (0, f"mainspring {__version__}\n", "")


def test_names_are_unique() -> None:
    """No command may hide another."""
    assert len(names()) == len(set(names()))


@pytest.mark.parametrize("name", names())
def test_every_command_shows_its_usage(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Each module must load, and have a text of its own."""
    status, out, err = run(capsys, name, "--help")
    assert (status, err) == (0, "")
    assert out.startswith(f"Usage: mainspring {name}")
    assert len(out.splitlines()) > 5
    assert find(name) is not None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nod"], "there is no command 'nod': did you mean `mainspring node`?"),
        (["xyz"], "there is no command 'xyz': `mainspring --help` lists what there is"),
        (["--xyz"], "there is no option '--xyz': `mainspring --help` lists what there is"),
        (["node"], "missing argument 'FILE': `mainspring node --help` shows the usage"),
        (["node", "--xyz"], "no such option: --xyz: `mainspring node --help` shows the usage"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str], words: list[str], told: str) -> None:
    """It must say what is wrong, and where the usage is."""
    assert run(capsys, *words) == (2, "", f"mainspring: {told}\n")


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["node", "/no.toml"], 2, "/no.toml: no such file: give the path"),
        (["up", "/no.toml"], 2, "/no.toml: no such file: give the path"),
        (["up", "--tasks", "a", "/no.toml"], 2, "invalid value: --tasks and --data-dir are for a node without FILE"),
        (["up", "--tasks", "a.py"], 2, 'task modules: "a.py":'),
        (["up", "--data-dir", "/dev/null"], 1, "/dev/null: is not a directory: move it away"),
    ],
)
def test_expected_errors_are_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], status: int, told: str
) -> None:
    """No expected error may show a traceback; settings that cannot be used are wrong usage."""
    found, out, err = run(capsys, *words)
    assert (found, out) == (status, "")
    assert err.splitlines()[-1].startswith(f"mainspring: {told}")
    assert "Traceback" not in err


def test_init_writes_and_tells(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The names of the files must be printed, for programs as JSON; a second time must be refused."""
    names = ["node.toml", "tasks.py", "schedules.toml"]
    assert run(capsys, "init", str(tmp_path)) == (0, "".join(f"wrote {tmp_path}/{name}\n" for name in names), "")
    status, out, _ = run(capsys, "init", "--json", str(tmp_path / "other"))
    assert status == 0
    assert json.loads(out) == [f"{tmp_path}/other/{name}" for name in names]
    taken = ", ".join(f"{tmp_path}/{name}" for name in names)
    told = f"mainspring: {taken}: exist already, and nothing is overwritten: move them away, or name another folder\n"
    assert run(capsys, "init", str(tmp_path)) == (1, "", told)


def test_nodes_that_share_a_directory_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Nothing may start, and both files must be named."""
    files = [tmp_path / "a.toml", tmp_path / "b.toml"]
    for file in files:
        file.touch()
    status, _, err = run(capsys, "up", *map(str, files))
    assert status == 2
    assert err == (
        f"mainspring: {files[0]} and {files[1]} have the same data_dir, {tmp_path}/mainspring-data: give each its own\n"
    )


def test_init_writes_three_nodes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """All three files must be written beside the tasks that they name."""
    names = ["a.toml", "b.toml", "c.toml", "tasks.py", "schedules.toml"]
    told = "".join(f"wrote {tmp_path}/{name}\n" for name in names)
    assert run(capsys, "init", str(tmp_path), "--three-nodes") == (0, told, "")


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        ("#election_ms = 250", "election_ms = 300", "election_ms"),
        ("tcp://127.0.0.1:7422", "tcp://127.0.0.1:7522", "members"),
        ("shards = 3", "shards = 2", "shards"),
    ],
)
def test_members_that_do_not_agree_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, before: str, after: str, differs: str
) -> None:
    """Each would begin a cluster of its own, and wait for others that never come."""
    write_samples(tmp_path, THREE_NODES)
    files = [tmp_path / f"{name}.toml" for name in "abc"]
    text = files[0].read_text()
    assert before in text
    files[0].write_text(text.replace(before, after))
    status, _, err = run(capsys, "up", *map(str, files))
    assert status == 2
    told = f"{files[0]} and {files[1]} are of one cluster, and differ in {differs}: make them the same"
    assert err == f"mainspring: {told}\n"


@pytest.mark.parametrize(
    ("body", "ends"),
    [
        ("def command() -> int: return 7", (7, "")),
        ("def command() -> None: pass", (0, "")),
        ("import typer\ndef command() -> None: raise typer.Exit(5)", (5, "")),
        ("def command() -> None: raise KeyboardInterrupt", (130, "")),
        (
            "import typer\ndef command() -> None: raise typer.BadParameter('No such job.')",
            (2, "invalid value: no such"),
        ),
        (
            "from mainspring.nodes.cli.errors import CommandError\ndef command(): raise CommandError('a: b')",
            (1, "a: b"),
        ),
        ("from mainspring.broker.tasks.exceptions import InvalidTask\ndef command(): raise InvalidTask('c')", (1, "c")),
        (
            "import typer\napp = typer.Typer()\n"
            + "".join(
                f"@app.command()\ndef {name}() -> int: return {number}\n" for name, number in (("one", 3), ("two", 4))
            ),
            (4, ""),
        ),
    ],
)
def test_how_a_command_ends(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    body: str,
    ends: tuple[int, str],
) -> None:
    """What it returns or raises must become the exit status, and a text only where one is due."""
    (tmp_path / "a_command.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "a_command", raising=False)
    monkeypatch.setitem(COMMANDS, "Test", {"try": Command("a_command", "try")})
    words = ["try", "two"] if "app" in body else ["try"]
    status, out, err = run(capsys, *words)
    assert (status, out) == (ends[0], "")
    assert err.lower().startswith(f"mainspring: {ends[1]}" if ends[1] else "")
    assert bool(err) == bool(ends[1])


def test_help_imports_nothing_that_is_not_needed() -> None:
    """The list must come at once: no library that parses, validates, draws or sends."""
    code = "import sys; from mainspring.nodes.cli import app; app.run(['--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for library in ("typer", "rich", "pydantic", "zmq", "apsw", "mainspring.nodes.settings"):
        assert f"'{library}'" not in done.stdout


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """A pipe that is closed early must not show a traceback."""
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    done = subprocess.run(
        [sys.executable, "-m", "mainspring", "--help"], stdout=write_fd, stderr=subprocess.PIPE, text=True
    )
    os.close(write_fd)
    assert (done.returncode, done.stderr) == (1, "")


def test_all_commands_fit_into_one_app(capsys: pytest.CaptureFixture[str]) -> None:
    """Shell completion must know every command."""
    import typer.main

    whole = typer.main.get_command(app.assembled())
    assert set(whole.commands) == set(names())  # type: ignore[attr-defined]  # a group, as it has several


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["jobs", "--help"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_finds_no_room_is_told_in_one_line(words: list[str], unbuffered: str) -> None:
    """A full disk behind a redirection must not show a traceback, nor end in success."""
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-m", "mainspring", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            timeout=60,
            check=False,
        )
    assert found.returncode == 1
    (line,) = found.stderr.splitlines()
    assert line.startswith("mainspring: standard output takes no more (No space left on device)")


def test_closed_streams_are_opened() -> None:
    """Whoever starts the program without them must not have its files take their numbers."""
    code = f"exec {sys.executable} -m mainspring --version <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", code]).returncode == 0
