"""The thread child: many sync jobs at once, each in a thread, and none that another one's end could hit."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runner_children import Child, a_run, wait_for_exit, wait_for_file

from mainspring.broker.tasks.exceptions import AttemptInterrupted
from mainspring.nodes.runners import frames
from mainspring.nodes.runners.thread_child import LiveRun

SpawnChild = Callable[..., Child]

LOOP = """
import pathlib, time
@task(runner='thread')
def hold(n: int = 0):
    try:
        pathlib.Path(f'holds{n}').touch()
        while True:
            time.sleep(0.001)
    except Exception:
        return 'swallowed'
    finally:
        pathlib.Path(f'cleaned{n}').touch()
@task(runner='thread')
def fine(n: int = 1) -> int: return n
@task(runner='thread')
def read(name: str) -> str:
    pathlib.Path(f'{name}-reads').touch()
    return open(name).read()
"""
"""`hold` runs Python code for ever, `read` is blocked in the kernel."""


def test_jobs_run_at_the_same_time(spawn: SpawnChild) -> None:
    """A job that waits for all the others gets an answer: each has a thread."""
    source = (
        "import threading\nall_here = threading.Barrier(50)\n"
        "@task(runner='thread')\ndef meet(n: int) -> int:\n    all_here.wait(20)\n    return n\n"
    )
    child = spawn("thread", source)

    child.run(*(a_run(n, "jobs.meet", f"[[{n}],{{}}]") for n in range(50)))

    done = child.results(50)
    assert all(row[1] == "succeeded" and row[4] == str(n) for n, row in done.items())


def test_results_come_in_the_order_in_which_jobs_end(spawn: SpawnChild, tmp_path: Path) -> None:
    """The first to be sent is the first that ended, not the first that began; nobody waits for a slow one."""
    child = spawn("thread", LOOP)
    os.mkfifo(tmp_path / "slow")
    child.run(a_run(1, "jobs.read", '[["slow"],{}]'))
    wait_for_file(tmp_path / "slow-reads")

    child.run(*(a_run(n, "jobs.fine") for n in range(2, 200)))

    assert sorted(child.results(198)) == list(range(2, 200))
    (tmp_path / "slow").write_text("ended")
    assert child.result()[:2] == [1, "succeeded"]


def test_ready_announces_thread_tasks(spawn: SpawnChild) -> None:
    """READY says which runner a task wants, and has no row of limits for a task without any."""
    frame = spawn("thread", "@task(runner='thread', labels={'disk': 'fast'})\ndef one(): ...\n", ready=False)

    ready = frame.next_frame()

    assert ready[2][0][:2] == ["jobs.one", "thread"]
    assert ready[4] == [["jobs.one", None, None, ["disk=fast"]]]


def test_each_job_has_its_context_and_variables(spawn: SpawnChild) -> None:
    """A thread that is used again remembers nothing; what the module set when it was imported, all see."""
    source = (
        "from contextvars import ContextVar\nseen = ContextVar('seen', default=0)\nbase = ContextVar('base')\n"
        "base.set(7)\n@task(runner='thread')\ndef bump(ctx: Context) -> list:\n"
        "    assert Context.current() is ctx\n    seen.set(seen.get() + 1)\n"
        "    return [ctx.job_id, seen.get(), base.get(), ctx.cancelled]\n"
    )
    child = spawn("thread", source)

    child.run(*(a_run(n, "jobs.bump") for n in range(20)))

    assert {n: json.loads(row[4]) for n, row in child.results(20).items()} == {
        n: [1000 + n, 1, 7, False] for n in range(20)
    }


def test_whatever_a_job_raises_ends_that_job_alone(spawn: SpawnChild) -> None:
    """Exceptions, SystemExit, bad results, bad payloads and unknown tasks fail one run each, with the user's frames."""
    source = LOOP + (
        "import sys\n@task(runner='thread')\ndef bad(): raise ValueError('seven')\n"
        "@task(runner='thread')\ndef leave(): sys.exit(3)\n@task(runner='thread')\ndef odd(): return object()\n"
    )
    child = spawn("thread", source)
    names = ["bad", "leave", "odd", "none", "fine"]

    child.run(*(a_run(n, f"jobs.{name}") for n, name in enumerate(names)), a_run(9, "jobs.fine", "[[1,2,3],{}]"))

    done = child.results(6)
    assert [done[n][1] for n in (0, 1, 2, 3, 9, 4)] == ["failed"] * 5 + ["succeeded"]
    assert [done[n][6].split(".")[-1] for n in (0, 1, 2, 3, 9)] == [
        "ValueError",
        "SystemExit",
        "UnserializablePayload",
        "UnknownTask",
        "InvalidPayload",
    ]
    assert "raise ValueError('seven')" in done[0][5]
    assert "thread_child" not in done[0][5]


def test_handlers_say_what_follows(spawn: SpawnChild) -> None:
    """Retry, Snooze, NoRetry and the classes of the task stand in the row, and nothing does where nothing was said."""
    source = (
        "from mainspring import NoRetry, Retry, Snooze\n"
        "said = {'retry': Retry('busy', after=3), 'later': Snooze(60), 'never': NoRetry('gone'), 'key': KeyError()}\n"
        "@task(runner='thread', no_retry=KeyError)\ndef raises(what: str): raise said[what]\n"
        "@task(runner='thread')\ndef fine(): return 1\n"
    )
    child = spawn("thread", source)
    whats = ["retry", "later", "never", "key"]

    child.run(*(a_run(n, "jobs.raises", f'[["{what}"],{{}}]') for n, what in enumerate(whats)), a_run(9, "jobs.fine"))

    assert {n: [row[1], *row[8:]] for n, row in child.results(5).items()} == {
        0: ["failed", "retry", 3000],
        1: ["returned", "snooze", 60_000],
        2: ["failed", "no_retry", None],
        3: ["failed", "no_retry", None],
        9: ["succeeded", None, None],
    }


def test_one_of_many_is_cancelled(spawn: SpawnChild, tmp_path: Path) -> None:
    """CANCEL raises in the thread of the run that it names, past `except Exception`; `finally` runs; others go on."""
    child = spawn("thread", LOOP)
    child.run(*(a_run(n, "jobs.hold", f"[[{n}],{{}}]") for n in range(8)))
    for n in range(8):
        wait_for_file(tmp_path / f"holds{n}")

    for n, reason in ((1, "timeout"), (4, "cancelled"), (6, "lease_lost")):
        child.cancel(n, reason=reason)

    done = child.results(3)
    assert {n: row[1] for n, row in done.items()} == {1: "timed_out", 4: "cancelled", 6: "cancelled"}
    assert {n: row[6] for n, row in done.items()} == {1: "timeout", 4: "cancelled", 6: "lease_lost"}
    assert done[1][5].endswith("AttemptTimedOut: the job ran longer than its timeout")
    assert [(tmp_path / f"cleaned{n}").exists() for n in (1, 4, 6, 0)] == [True, True, True, False]
    child.run(a_run(20, "jobs.fine"))
    assert child.result()[:2] == [20, "succeeded"]


def test_a_job_may_look_for_itself(spawn: SpawnChild, tmp_path: Path) -> None:
    """`Context.cancelled` is set before anything is raised, and a job that returns then has succeeded."""
    source = LOOP + (
        "@task(runner='thread')\ndef polite(ctx: Context) -> str:\n"
        "    try:\n        pathlib.Path('polite').touch()\n        while True:\n            time.sleep(0.001)\n"
        "    except BaseException:\n        return f'stopped {ctx.cancelled}'\n"
    )
    child = spawn("thread", source)
    child.run(a_run(1, "jobs.polite"))
    wait_for_file(tmp_path / "polite")

    child.cancel(1)

    assert child.result()[4] == '"stopped True"'


def test_a_blocked_thread_holds_up_nobody_and_is_killed(spawn: SpawnChild, tmp_path: Path) -> None:
    """A job that is blocked in C hears no cancel; others are answered, PING too, and a kill ends the child."""
    os.mkfifo(tmp_path / "never")
    child = spawn("thread", LOOP)
    child.run(a_run(1, "jobs.read", '[["never"],{}]'))
    wait_for_file(tmp_path / "never-reads")

    child.cancel(1)
    child.handle.send(frames.pack([frames.PING, 5]))
    assert child.next_frame() == [frames.PONG, 5]
    child.run(a_run(2, "jobs.fine"))

    assert child.result()[:2] == [2, "succeeded"]
    child.handle.kill()
    assert child.end() == -9


def test_a_blocked_thread_that_comes_back_has_been_cancelled(spawn: SpawnChild, tmp_path: Path) -> None:
    """What was raised while the job was in C reaches it when it is in Python again, and not the thread's next job."""
    os.mkfifo(tmp_path / "late")
    child = spawn("thread", LOOP)
    child.run(a_run(1, "jobs.read", '[["late"],{}]'))
    wait_for_file(tmp_path / "late-reads")
    child.cancel(1)
    child.handle.send(frames.pack([frames.PING, 5]))
    assert child.next_frame() == [frames.PONG, 5]

    fd = os.open(tmp_path / "late", os.O_RDWR)

    assert child.result()[1] == "cancelled"
    os.close(fd)
    child.run(*(a_run(n, "jobs.fine") for n in range(2, 50)))
    assert {row[1] for row in child.results(48).values()} == {"succeeded"}


def test_a_cancel_in_the_same_breath_as_the_run_is_obeyed(spawn: SpawnChild) -> None:
    """A run that is cancelled while it is handed to its thread ends as cancelled, begun or not; each is answered."""
    child = spawn("thread", LOOP)

    for n in range(0, 60, 2):
        child.run(a_run(n, "jobs.hold", f"[[{n}],{{}}]"), a_run(n + 1, "jobs.fine"))
        child.cancel(n)

    done = child.results(60)
    assert {done[n][1] for n in range(0, 60, 2)} == {"cancelled"}
    assert {done[n][1] for n in range(1, 60, 2)} == {"succeeded"}


def test_a_cancel_that_crosses_the_end_hits_nothing_else(spawn: SpawnChild) -> None:
    """Runs that end just when they are cancelled are answered once each, as one or the other; the child lives on."""
    child = spawn("thread", LOOP)

    for n in range(300):
        child.run(a_run(n, "jobs.fine"))
        child.handle.send(frames.pack([frames.CANCEL, [n], "cancelled"]))

    done = child.results(300)
    assert {row[1] for row in done.values()} <= {"succeeded", "cancelled"}
    child.run(*(a_run(n, "jobs.fine") for n in range(1000, 1100)))
    assert {row[1] for row in child.results(100).values()} == {"succeeded"}


def test_stop_lets_running_jobs_end(spawn: SpawnChild, tmp_path: Path) -> None:
    """After STOP what runs is finished and answered, what comes later is not started, exit handlers run: status 0."""
    source = LOOP + "import atexit\natexit.register(lambda: pathlib.Path('left').touch())\n"
    os.mkfifo(tmp_path / "go")
    child = spawn("thread", source)
    child.run(a_run(1, "jobs.read", '[["go"],{}]'), a_run(2, "jobs.fine"))
    wait_for_file(tmp_path / "go-reads")
    assert child.result()[:2] == [2, "succeeded"]

    child.handle.send(frames.pack([frames.STOP]))
    child.handle.send(frames.pack([frames.PING, 1]))
    assert child.next_frame() == [frames.PONG, 1]
    (tmp_path / "go").write_text("ended")

    assert child.result()[:2] == [1, "succeeded"]
    assert child.end() == 0
    assert (tmp_path / "left").exists()


def test_a_run_that_comes_after_stop_is_not_started(spawn: SpawnChild, tmp_path: Path) -> None:
    """RUN and STOP in one breath: what is still waiting is answered as not started."""
    child = spawn("thread", LOOP)

    rows = frames.pack_rows(frames.RUN, [a_run(1, "jobs.fine")])
    child.handle.send(b"".join(rows) + frames.pack([frames.STOP]))

    assert child.result()[1:7:5] == ["cancelled", frames.NOT_STARTED]
    assert child.end() == 0


def test_a_child_without_a_parent_ends_at_once(spawn: SpawnChild, tmp_path: Path) -> None:
    """A closed socket ends the child although threads are at work, and one that is blocked."""
    os.mkfifo(tmp_path / "never")
    child = spawn("thread", LOOP)
    child.run(a_run(1, "jobs.read", '[["never"],{}]'), a_run(2, "jobs.hold", "[[2],{}]"))
    wait_for_file(tmp_path / "never-reads")
    wait_for_file(tmp_path / "holds2")

    child.handle.close()

    wait_for_exit(child.handle.pid)
    assert child.handle.reap() == frames.EXIT_ORPHAN


def test_output_of_a_killed_child_is_not_lost(spawn: SpawnChild, tmp_path: Path) -> None:
    """Lines are written as they are printed: what a job has said is there although its process is killed."""
    source = (
        "import os, pathlib, time\n@task(runner='thread')\ndef say():\n"
        "    os.dup2(os.open('said', os.O_WRONLY | os.O_CREAT), 1)\n    print('last words')\n"
        "    pathlib.Path('done').touch()\n    time.sleep(600)\n"
    )
    child = spawn("thread", source)
    child.run(a_run(1, "jobs.say"))
    wait_for_file(tmp_path / "done")

    child.handle.kill()

    assert child.end() == -9
    assert (tmp_path / "said").read_text() == "last words\n"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=20))
def test_nothing_is_raised_once_a_run_is_disarmed(steps: list[int]) -> None:
    """However a stop meets the end of a run, the code behind `disarm` is never interrupted, and the reason is known."""
    hits: list[BaseException] = []

    def work(live: LiveRun, count: int, begun: threading.Event) -> None:
        try:
            try:
                live.thread_id = threading.get_ident()
                live.armed = True
                begun.set()
                for _ in range(count):
                    pass
            finally:
                live.disarm()
        except AttemptInterrupted:
            live.disarm()
        try:
            for _ in range(2000):
                pass
        except AttemptInterrupted as fault:
            hits.append(fault)

    for count in steps:
        live, begun = LiveRun(a_run(1, "jobs.fine")), threading.Event()
        thread = threading.Thread(target=work, args=(live, count, begun))
        thread.start()
        begun.wait()
        live.stop("timeout")
        thread.join()
        assert live.context.cancelled

    assert not hits


@pytest.mark.parametrize("reason", ["timeout", "cancelled", "lease_lost"])
def test_a_stop_before_the_start_raises_nothing(reason: str) -> None:
    """A run that is not in the user's code yet is only told why."""
    live = LiveRun(a_run(1, "jobs.fine"))

    live.stop(reason)
    live.stop("other")

    assert (live.reason, live.context.cancelled) == (reason, True)
