"""Interrupts of a process child: whom they end, whom they leave alone, and what they never cut in half."""

import os
from collections.abc import Callable
from pathlib import Path

from runner_children import Child, a_run, wait_for_exit, wait_for_file

from mainspring.nodes.runners import frames
from mainspring.nodes.runners.handle import describe_exit

SpawnChild = Callable[..., Child]


def test_a_running_job_is_interrupted_and_may_clean_up(spawn: SpawnChild, tmp_path: Path) -> None:
    """CANCEL and SIGUSR1 raise in the job past `except Exception`; `finally` runs; the next job runs."""
    source = (
        "import pathlib, time\n@task\ndef hold():\n"
        "    try:\n        pathlib.Path('holds').touch()\n        time.sleep(600)\n"
        "    except Exception:\n        return 'swallowed'\n"
        "    finally:\n        pathlib.Path('cleaned').touch()\n"
        "@task\ndef fine(): return 1\n"
    )
    child = spawn("process", source)
    child.run(a_run(1, "jobs.hold"), a_run(2, "jobs.fine"))
    wait_for_file(tmp_path / "holds")

    child.cancel(1, reason="timeout")

    done = child.results(2)
    assert (done[1][1], done[1][6], done[2][1]) == ("timed_out", "timeout", "succeeded")
    assert "time.sleep(600)" in done[1][5]
    assert "process_child" not in done[1][5]
    assert (tmp_path / "cleaned").exists()


def test_a_signal_without_a_cancel_hits_nobody(spawn: SpawnChild, tmp_path: Path) -> None:
    """SIGUSR1 names no run: one that comes late, for a run that has ended, leaves the next one alone."""
    source = (
        "import pathlib\n@task\ndef hold() -> str:\n    pathlib.Path('holds').touch()\n    return open('go').read()\n"
    )
    os.mkfifo(tmp_path / "go")
    child = spawn("process", source)
    child.handle.interrupt()
    child.run(a_run(1, "jobs.hold"))
    wait_for_file(tmp_path / "holds")

    child.cancel(99)
    (tmp_path / "go").write_text("ended")

    assert child.result()[:2] == [1, "succeeded"]


def test_nothing_comes_between_what_is_read_and_what_is_made_of_it(spawn: SpawnChild, tmp_path: Path) -> None:
    """While an interrupt reads frames, another one waits, CPU time raises nothing, and memory is not the job's."""
    source = """
import signal, time
from mainspring.nodes.runners.inbox import Inbox
whole, depths = Inbox.receive, [0]
def receive(self, *, wait=False):
    depths.append(depths[-1] + 1)
    if len(depths) == 2:
        signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGPROF)
    frames = whole(self, wait=wait)
    bytearray(64 * 2**20)
    depths.append(depths[-1] - 1)
    return frames
@task(memory='32MiB')
def waits(path: str) -> None:
    Inbox.receive = receive
    open(path, 'w').close()
    while True: time.sleep(0.01)
@task
def deepest() -> int: return max(depths)
"""
    child = spawn("process", source)
    path = tmp_path / "waits"
    child.run(a_run(1, "jobs.waits", f'[["{path}"],{{}}]'))
    wait_for_file(path)

    child.run(a_run(2, "jobs.deepest"))
    child.cancel(1)

    done = child.results(2)
    assert done[1][1] == "cancelled", done[1]
    assert done[2][4] == "1"


def test_an_interrupt_in_the_instant_before_a_run_is_heard(spawn: SpawnChild, tmp_path: Path) -> None:
    """It comes when the run has been taken up and its handler was not called yet."""
    source = """
import os, signal, time
from mainspring.broker.tasks.context import Context
from mainspring.nodes.runners import process_child
def made(*columns):
    open('made', 'w').close()
    os.read(os.open('go', os.O_RDONLY), 1)
    signal.raise_signal(signal.SIGUSR1)
    return Context(*columns)
process_child.Context = made
@task
def holds() -> None: time.sleep(600)
"""
    os.mkfifo(tmp_path / "go")
    child = spawn("process", source)
    child.run(a_run(1, "jobs.holds"))
    wait_for_file(tmp_path / "made")
    assert child.handle.send(frames.pack([frames.CANCEL, [1], "cancelled"]))
    (tmp_path / "go").write_text("x")

    assert child.result()[1] == "cancelled"


def test_a_job_that_swallows_the_interrupt_can_only_be_killed(spawn: SpawnChild, tmp_path: Path) -> None:
    """The handle's kill ends the child and what it started; its status says by which signal."""
    source = (
        "import pathlib, subprocess, time\n@task\ndef hold():\n"
        "    other = subprocess.Popen(['sleep', '600'])\n"
        "    while True:\n        try:\n"
        "            pathlib.Path('pid.new').write_text(str(other.pid))\n"
        "            pathlib.Path('pid.new').rename('pid')\n"
        "            time.sleep(600)\n        except BaseException:\n            pathlib.Path('ignored').touch()\n"
    )
    child = spawn("process", source)
    child.run(a_run(1, "jobs.hold"))
    wait_for_file(tmp_path / "pid")
    grandchild = int((tmp_path / "pid").read_text())
    child.cancel(1, reason="timeout")
    wait_for_file(tmp_path / "ignored")

    child.handle.kill()

    assert describe_exit(child.end()) == "killed by signal 9 (SIGKILL)"
    wait_for_exit(grandchild)
