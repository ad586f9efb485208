"""The command child: every way in which a command ends, and what it leaves behind, which is nothing."""

import json
import os
import select
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from runner_children import BOUND_SECONDS, Child, a_run, wait_for_exit, wait_for_file

from mainspring.nodes.runners import frames
from mainspring.nodes.runners.command import setup_text
from mainspring.nodes.runners.command_run import REFUSED
from mainspring.nodes.runners.handle import ChildHandle
from mainspring.nodes.runners.verdict import NO_RETRY

GRACE_MS = 100
SpawnCommands = Callable[..., Child]

TREE = "(trap '' TERM; echo $BASHPID > {0}.new; mv {0}.new {0}; while :; do sleep 1000; done) & {1}; wait"
"""A shell whose child ignores SIGTERM, and has a child of its own."""


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[SpawnCommands]:
    """Returns a function that starts a child whose commands are shell scripts, or lists of words."""
    children: list[Child] = []

    def start(*, grace_ms: int = GRACE_MS, ready: bool = True, **commands: Any) -> Child:
        rows = [_row(name, given, tmp_path) for name, given in commands.items()]
        child = Child(ChildHandle.spawn("command", [], cwd=tmp_path, setup=setup_text(rows, grace_ms)))
        children.append(child)
        if ready:
            assert child.next_frame() == [frames.READY, child.handle.pid, [], [], []]
        return child

    yield start
    for child in children:
        child.handle.kill()
        wait_for_exit(child.handle.pid)
        child.handle.reap()
        child.handle.close()


def _row(name: str, given: Any, folder: Path) -> list[Any]:
    fields = given if isinstance(given, dict) else {"argv": given}
    argv = fields["argv"] if isinstance(fields["argv"], list) else ["/bin/bash", "-c", fields["argv"]]
    return [
        name,
        argv,
        fields.get("env", {}),
        fields.get("stdin"),
        str(fields.get("cwd", folder)),
        fields.get("output_bytes_max", 1000),
        fields.get("ok_exits", [0]),
    ]


def run(child: Child, name: str, payload: str = "[[],{}]") -> frames.Row:
    """Runs one command and returns its DONE row."""
    child.run(a_run(1, f"command.{name}", payload))
    return child.result()


def open_process(path: Path) -> int:
    """Waits for a file with a process id, and opens that process, which is no child of the test's."""
    wait_for_file(path)
    return os.pidfd_open(int(path.read_text()))


def assert_ends(*pidfds: int) -> None:
    """Waits until processes have ended."""
    for fd in pidfds:
        ready, _, _ = select.select([fd], [], [], BOUND_SECONDS)
        os.close(fd)
        assert ready, "a process lives on"


def test_a_success_carries_exit_status_and_output(spawn: SpawnCommands) -> None:
    """Standard output and standard error are kept in the order in which they were written; stdin is the text."""
    child = spawn(both={"argv": "echo out; echo err >&2; cat; exit 24", "stdin": "in", "ok_exits": [0, 24]})

    _, outcome, started_ms, finished_ms, result, error, kind, *_ = run(child, "both")

    assert (outcome, error, kind) == ("succeeded", None, None)
    assert started_ms <= finished_ms
    told = {"exit": 24, "signal": None, "output": "out\nerr\nin", "output_bytes": 10, "truncated": False}
    assert json.loads(result) == told


def test_the_environment_is_small_and_names_the_attempt(spawn: SpawnCommands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four variables of the node, those of the table, and the numbers of the attempt; nothing else."""
    monkeypatch.setenv("SECRET", "of the node")
    monkeypatch.setenv("USER", "node")
    monkeypatch.setenv("LANG", "C")
    child = spawn(env={"argv": ["/usr/bin/env"], "env": {"LANG": "C.UTF-8", "EXTRA": "a=b"}})

    output = json.loads(run(child, "env")[4])["output"]

    told = dict(line.split("=", 1) for line in output.splitlines())
    assert told == {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "USER": "node",
        "LANG": "C.UTF-8",
        "EXTRA": "a=b",
        "MAINSPRING_JOB_ID": "1001",
        "MAINSPRING_ATTEMPT": "1",
        "MAINSPRING_TASK": "command.env",
        "MAINSPRING_SCHEDULED_AT": "2023-11-14T22:13:20.000Z",
        "MAINSPRING_FENCE": "0000000003-0000000000000041",
    }


def test_a_command_holds_nothing_of_the_runner(spawn: SpawnCommands) -> None:
    """It leads its session, has three descriptors and its own folder, and can be interrupted like any program."""
    script = "ls /proc/$$/fd; cut -d' ' -f6 /proc/$$/stat; echo $$; pwd"
    # A shell blocks signals for moments, so another program looks at its own.
    signals = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]
    child = spawn(look={"argv": ["/bin/sh", "-c", script], "cwd": "/"}, signals=signals)

    *fds, session, pid, folder = json.loads(run(child, "look")[4])["output"].split()
    masks = json.loads(run(child, "signals")[4])["output"].split()[1::2]

    assert (fds, folder) == (["0", "1", "2"], "/")
    assert session == pid
    ours = sum(1 << (number - 1) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGPIPE))
    assert [int(mask, 16) & ours for mask in masks] == [0, 0]


def test_a_failure_tells_status_and_last_lines(spawn: SpawnCommands) -> None:
    """Another exit status than those that are a success fails the attempt, with the end of the output."""
    child = spawn(bad="seq 100; echo 'no space' >&2; exit 3", silent="exit 1")

    _, outcome, _, _, result, error, kind, output, *verdict = run(child, "bad")

    assert (outcome, result, kind, verdict) == ("failed", None, "exit 3", [None, None])
    assert output == error.split("ends:\n")[1]
    assert error.startswith("the command bad exited with status 3; its output ends:\n62\n")
    assert error.endswith("\n100\nno space")
    assert run(child, "silent")[5] == "the command silent exited with status 1; it has written nothing"


def test_death_by_a_signal_fails_the_attempt_and_not_the_child(spawn: SpawnCommands) -> None:
    """A segfault is the command's failure; the child goes on."""
    child = spawn(crash="kill -SEGV $$", fine="true")

    _, outcome, _, _, _, error, kind, *_ = run(child, "crash")

    assert (outcome, kind) == ("failed", "SIGSEGV")
    assert error.startswith("the command crash was killed by signal 11 (SIGSEGV)")
    assert run(child, "fine")[1] == "succeeded"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"argv": ["no-such-program"]}, r"there is no program 'no-such-program', or not the interpreter"),
        ({"argv": ["/"]}, r"'/' may not be executed; set its mode"),
        (
            {"argv": ["./text"]},
            r"'./text' is no program for this machine; begin a script with a line such as #!/bin/sh",
        ),
        ({"argv": ["true"], "cwd": "/no/such"}, r"its folder '/no/such' cannot be entered (No such file or directory)"),
        ({"argv": ["true", "x" * 200_000]}, r"'true' cannot be executed (Argument list too long)"),
    ],
)
def test_what_cannot_start_is_not_tried_again(
    spawn: SpawnCommands, tmp_path: Path, given: dict[str, Any], text: str
) -> None:
    """A fault of the table or of the machine fails the attempt for good, with the mend."""
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    child = spawn(faulty=given, fine="echo here")

    _, outcome, _, _, _, error, kind, _, verdict, _ = run(child, "faulty")

    assert (outcome, kind, verdict) == ("failed", REFUSED, NO_RETRY)
    assert text in error
    assert run(child, "fine")[1] == "succeeded"


@pytest.mark.parametrize("payload", ['[["; rm -rf /"],{}]', '[[],{"a":1}]', "nonsense", '{"a": "\\u0000"}'])
def test_arguments_are_refused(spawn: SpawnCommands, tmp_path: Path, payload: str) -> None:
    """Nothing that a client sends gets near a command: whatever stands in the payload, it does not run."""
    child = spawn(touch="touch ran")

    _, outcome, _, _, _, error, kind, _, verdict, _ = run(child, "touch", payload)

    assert (outcome, kind, verdict) == ("failed", REFUSED, NO_RETRY)
    assert error == "command.touch takes no arguments; what it gets stands in [commands.touch] of the node's file"
    assert not (tmp_path / "ran").exists()


def test_an_undeclared_command_is_refused(spawn: SpawnCommands) -> None:
    """A name that the node's file does not have runs nothing."""
    assert run(spawn(fine="true"), "other")[5:] == [
        "no command is named 'other' here; declare it in the node's file",
        REFUSED,
        None,
        NO_RETRY,
        None,
    ]


def test_large_output_is_cut_in_the_middle(spawn: SpawnCommands) -> None:
    """Beginning and end are kept, and how much there was; the command is not held up."""
    child = spawn(big="echo begin; head -c 20000000 /dev/zero; echo; echo end")

    told = json.loads(run(child, "big")[4])

    assert told["output_bytes"] == 20_000_011
    assert told["truncated"]
    assert told["output"].startswith("begin\n\0")
    assert told["output"].endswith("\0\nend\n")
    assert "[… 19999011 bytes left out …]" in told["output"]


def test_commands_run_side_by_side(spawn: SpawnCommands, tmp_path: Path) -> None:
    """Two commands that wait for each other both end, while the child answers."""
    os.mkfifo(tmp_path / "meet")
    child = spawn(one="echo met > meet", two="read word < meet; echo $word")
    child.run(a_run(2, "command.two"))
    child.handle.send(frames.pack([frames.PING, 7]))
    assert child.next_frame() == [frames.PONG, 7]

    child.run(a_run(1, "command.one"))

    done = child.results(2)
    assert json.loads(done[2][4])["output"] == "met\n"


@pytest.mark.parametrize(("reason", "outcome"), [("timeout", "timed_out"), ("cancelled", "cancelled")])
def test_all_of_its_processes_end_with_a_command(
    spawn: SpawnCommands, tmp_path: Path, reason: str, outcome: str
) -> None:
    """SIGTERM first, and after the grace SIGKILL, to each process of the session, also in groups of its own."""
    child = spawn(plain=TREE.format("plain", "true"), control=f"set -m; {TREE.format('control', 'true')}")
    child.run(a_run(1, "command.plain"), a_run(2, "command.control"))
    stubborn = [open_process(tmp_path / "plain"), open_process(tmp_path / "control")]

    child.cancel(1, 2, reason=reason)

    done = child.results(2)
    assert [done[n][1] for n in (1, 2)] == [outcome] * 2
    assert [done[n][6] for n in (1, 2)] == [reason] * 2
    assert "it was told to end" in done[1][5]
    assert_ends(*stubborn)


def test_a_command_that_ignores_the_signal_is_killed(spawn: SpawnCommands, tmp_path: Path) -> None:
    """After the grace it is gone, and the error says that it did not stop."""
    child = spawn(deaf="trap '' TERM; echo last; touch deaf; while :; do sleep 1000; done")
    child.run(a_run(1, "command.deaf"))
    wait_for_file(tmp_path / "deaf")

    child.cancel(1, reason="lease_lost")

    _, outcome, _, _, _, error, *_ = child.result()
    assert outcome == "cancelled"
    told = "it was told to end and did not within its grace, because the lease of the job was lost"
    assert error == f"the command deaf was killed by signal 9 (SIGKILL): {told}; its output ends:\nlast"


def test_a_command_may_use_its_grace(spawn: SpawnCommands, tmp_path: Path) -> None:
    """What it does when it is told to end is seen, and does not make the attempt a success."""
    child = spawn(
        grace_ms=60_000, tidy="trap 'echo tidied; exit 0' TERM; touch tidy; while :; do read -t 1000 < fifo; done"
    )
    os.mkfifo(tmp_path / "fifo")
    child.run(a_run(1, "command.tidy"))
    wait_for_file(tmp_path / "tidy")

    child.cancel(1)

    _, outcome, _, _, _, error, *_ = child.result()
    assert outcome == "cancelled"
    assert "exited with status 0: it was told to end, because the job was cancelled" in error
    assert error.endswith("\ntidied")


def test_what_it_leaves_in_the_background_is_killed(spawn: SpawnCommands, tmp_path: Path) -> None:
    """A process that keeps the output open holds the slot for a moment only; it dies with the command."""
    child = spawn(leaves="sleep 1000 & echo $! > left.new; mv left.new left; echo done", quiet="sleep 1000 >&- 2>&- &")
    child.run(a_run(1, "command.leaves"))
    left = open_process(tmp_path / "left")

    assert json.loads(child.result()[4])["output"] == "done\n"

    assert_ends(left)
    assert run(child, "quiet")[1] == "succeeded"


def test_a_daemon_does_not_hold_the_slot(spawn: SpawnCommands, tmp_path: Path) -> None:
    """A process with a session of its own escapes, but not with the output: nobody waits for it."""
    child = spawn(
        starts="setsid sh -c 'echo $$ > pid.new; mv pid.new pid; exec sleep 1000' & while [ ! -e pid ]; do :; done"
    )

    row = run(child, "starts")

    daemon = int((tmp_path / "pid").read_text())
    os.kill(daemon, signal.SIGKILL)  # it was there
    assert row[1] == "succeeded"


def test_a_command_may_close_its_output(spawn: SpawnCommands) -> None:
    """Closed descriptors are no end: its exit status counts."""
    assert run(spawn(closes="exec <&- >&- 2>&-; exit 5"), "closes")[6] == "exit 5"


def test_nothing_survives_the_child(spawn: SpawnCommands, tmp_path: Path) -> None:
    """Kill -9 of the child ends its commands with all their processes, and then the keeper."""
    child = spawn(one=TREE.format("one", "true"), two=f"set -m; {TREE.format('two', 'true')}", past="true")
    assert run(child, "past")[1] == "succeeded"
    child.run(a_run(2, "command.one"), a_run(3, "command.two"))
    below = [open_process(tmp_path / "one"), open_process(tmp_path / "two")]
    below += [os.pidfd_open(pid) for pid in children_of(child.handle.pid)]

    child.handle.kill()

    assert len(below) == 5
    assert_ends(*below)


def test_a_child_without_its_keeper_ends_itself(spawn: SpawnCommands, tmp_path: Path) -> None:
    """Nobody would clean up after it any more, so it goes while it still can, and takes its commands along."""
    child = spawn(one=TREE.format("one", "true"))
    (keeper,) = children_of(child.handle.pid)
    child.run(a_run(1, "command.one"))
    below = open_process(tmp_path / "one")

    os.kill(keeper, signal.SIGKILL)

    assert child.end() == frames.EXIT_KEEPER
    assert_ends(below)


def test_stop_lets_commands_end(spawn: SpawnCommands, tmp_path: Path) -> None:
    """After STOP what runs is finished and answered, what comes is not begun, and the status is 0."""
    os.mkfifo(tmp_path / "go")
    child = spawn(waits="read word < go; echo $word")
    child.run(a_run(1, "command.waits"))
    child.handle.send(frames.pack([frames.STOP]))
    child.run(a_run(2, "command.waits"))
    assert child.result()[6] == frames.NOT_STARTED

    (tmp_path / "go").write_text("on\n")

    assert json.loads(child.result()[4])["output"] == "on\n"
    assert child.end() == 0


def children_of(pid: int) -> list[int]:
    """Lists the processes that a process with one thread has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
