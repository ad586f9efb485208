"""The process child: one sync job at a time, in order, whatever the job does."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from runner_children import Child, a_run, wait_for_exit, wait_for_file

from mainspring.nodes.runners import frames
from mainspring.nodes.runners.handle import describe_exit

SpawnChild = Callable[..., Child]


def test_a_job_succeeds_with_its_result_and_times(spawn: SpawnChild) -> None:
    """A handler's return value comes back as JSON, with times of the wall clock."""
    child = spawn("process", "@task\ndef add(a: int, b: int) -> dict: return {'sum': a + b}\n")

    child.run(a_run(1, "jobs.add", '[[2],{"b":3}]'))

    run_id, outcome, started_ms, finished_ms, result, error, kind, *rest = child.result()
    assert (run_id, outcome, error, kind, rest) == (1, "succeeded", None, None, [None, None, None])
    assert json.loads(result) == {"sum": 5}
    assert 1_700_000_000_000 < started_ms <= finished_ms


def test_ready_announces_every_task(spawn: SpawnChild) -> None:
    """READY holds a row of TASK_COLUMNS for each task of the modules, and one of SCHEDULE_COLUMNS for each schedule."""
    source = "@task(queue='mail', retries=1, timeout=2, cron='0 3 * * *')\ndef one(): ...\n"
    child = spawn("process", source, ready=False)

    frame = child.next_frame()

    assert frame[0] == frames.READY
    assert frame[2] == [["jobs.one", "process", "mail", [1, 1000, 2000, 600000, 0], 2000, 0]]
    assert [row[:9] for row in frame[3]] == [
        ["jobs.one", "default", "mail", "jobs.one", "[[],{}]", 0, None, None, "0 3 * * *"]
    ]


def test_an_exception_fails_the_job_with_the_users_frames_alone(spawn: SpawnChild) -> None:
    """The error shows the user's traceback, names its kind, and holds no frame of ours."""
    child = spawn("process", "class Odd(ValueError): ...\n@task\ndef bad():\n    raise Odd('seven')\n")

    child.run(a_run(1, "jobs.bad"))

    row = child.result()
    assert row[1] == "failed"
    assert row[6] == "jobs.Odd"
    assert "raise Odd('seven')" in row[5]
    assert "process_child" not in row[5]


def test_system_exit_and_keyboard_interrupt_fail_the_job_only(spawn: SpawnChild) -> None:
    """What would end a program ends the job, and the child goes on."""
    source = (
        "import sys\n@task\ndef leave(): sys.exit(7)\n"
        "@task\ndef stop(): raise KeyboardInterrupt\n@task\ndef fine(): return 1\n"
    )
    child = spawn("process", source)

    child.run(a_run(1, "jobs.leave"), a_run(2, "jobs.stop"), a_run(3, "jobs.fine"))

    done = child.results(3)
    assert [done[n][1] for n in (1, 2, 3)] == ["failed", "failed", "succeeded"]
    assert [done[n][6] for n in (1, 2, 3)] == ["SystemExit", "KeyboardInterrupt", None]


def test_a_result_too_large_or_unserializable_fails_the_job(spawn: SpawnChild) -> None:
    """A result that cannot travel is a failed job with a text that says why."""
    source = "@task\ndef big(): return 'x' * 2_000_000\n@task\ndef odd(): return {1: object()}\n"
    child = spawn("process", source)

    child.run(a_run(1, "jobs.big"), a_run(2, "jobs.odd"))

    done = child.results(2)
    assert done[1][1] == done[2][1] == "failed"
    assert "2000002 bytes" in done[1][5]
    assert "the result has the key 1" in done[2][5]


def test_an_error_text_is_bounded_and_always_text(spawn: SpawnChild) -> None:
    """A huge message with half a surrogate pair arrives cut, with its head and its tail."""
    child = spawn("process", "@task\ndef bad(): raise ValueError('\\ud800' + 'y' * 100_000 + 'END')\n")

    child.run(a_run(1, "jobs.bad"))

    text = child.result()[5]
    assert len(text.encode()) <= 16 * 1024
    assert text.startswith("Traceback")
    assert text.endswith("END")


def test_unknown_tasks_and_bad_payloads_fail_one_run(spawn: SpawnChild) -> None:
    """A run that does not fit is answered; the next one runs."""
    child = spawn("process", "@task\ndef add(a: int) -> int: return a\n")

    child.run(
        a_run(1, "os.system", '[["true"],{}]'),
        a_run(2, "jobs.add", "no json"),
        a_run(3, "jobs.add", "[[1,2],{}]"),
        a_run(4, "jobs.add", "[[1],{}]"),
    )

    done = child.results(4)
    assert [done[n][1] for n in (1, 2, 3, 4)] == ["failed", "failed", "failed", "succeeded"]
    assert "UnknownTask" in done[1][6]
    assert "is not JSON" in done[2][5]
    assert "too many positional arguments" in done[3][5]


def test_the_handler_gets_its_context(spawn: SpawnChild) -> None:
    """Facts of the run reach the handler, by parameter and by `Context.current()`."""
    source = (
        "@task\ndef tell(ctx: Context, word: str):\n"
        "    assert Context.current() is ctx\n"
        "    return [word, ctx.job_id, ctx.attempt, str(ctx.fence), ctx.tenant, ctx.due.isoformat(), ctx.cancelled]\n"
    )
    child = spawn("process", source)

    child.run(a_run(1, "jobs.tell", '[["hi"],{}]', attempt=4))

    told = json.loads(child.result()[4])
    due = "2023-11-14T22:13:20+00:00"
    assert told == ["hi", 1001, 4, "0000000003-0000000000000041", "acme", due, False]


def test_context_variables_do_not_leak_between_jobs(spawn: SpawnChild) -> None:
    """Each job starts with the variables of the process, not with those of the last job."""
    source = (
        "from contextvars import ContextVar\nseen = ContextVar('seen', default=0)\n"
        "@task\ndef bump() -> int:\n    seen.set(seen.get() + 1)\n    return seen.get()\n"
    )
    child = spawn("process", source)

    child.run(a_run(1, "jobs.bump"), a_run(2, "jobs.bump"))

    assert [row[4] for row in child.results(2).values()] == ["1", "1"]


def test_a_queued_run_is_cancelled_without_running(spawn: SpawnChild, tmp_path: Path) -> None:
    """CANCEL of a run behind the running one answers it as not started, and the running one goes on."""
    source = (
        "import os, pathlib\n@task\ndef hold() -> str:\n"
        "    pathlib.Path('holds').touch()\n    return open('go').read()\n"
        "@task\ndef mark(): pathlib.Path('marked').touch()\n"
    )
    os.mkfifo(tmp_path / "go")
    child = spawn("process", source)
    child.run(a_run(1, "jobs.hold"), a_run(2, "jobs.mark"))
    wait_for_file(tmp_path / "holds")

    child.cancel(2, reason="lease_lost")

    row = child.result()
    assert (row[0], row[1], row[6]) == (2, "cancelled", frames.NOT_STARTED)
    (tmp_path / "go").write_text("ended")
    assert child.result()[:2] == [1, "succeeded"]
    assert not (tmp_path / "marked").exists()


def test_os_exit_segfault_and_kill_end_the_child_visibly(spawn: SpawnChild) -> None:
    """However a job takes its process along, the handle sees the end of the stream and the status."""
    source = (
        "import ctypes, os, signal\n@task\ndef leave(): os._exit(9)\n@task\ndef crash(): ctypes.string_at(0)\n"
        "@task\ndef kill(): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ends = {}
    for name in ("leave", "crash", "kill"):
        child = spawn("process", source)
        child.run(a_run(1, f"jobs.{name}"))
        ends[name] = describe_exit(child.end())

    assert ends == {
        "leave": "exited with status 9",
        "crash": "killed by signal 11 (SIGSEGV)",
        "kill": "killed by signal 9 (SIGKILL)",
    }


def test_leftovers_of_a_child_that_exits_are_killed(spawn: SpawnChild, tmp_path: Path) -> None:
    """Reaping a child kills what it left behind in its process group."""
    source = (
        "import os, pathlib, subprocess\n@task\ndef leave():\n"
        "    other = subprocess.Popen(['sleep', '600'])\n"
        "    pathlib.Path('pid').write_text(str(other.pid))\n    os._exit(0)\n"
    )
    child = spawn("process", source)
    child.run(a_run(1, "jobs.leave"))

    assert child.end() == 0

    wait_for_exit(int((tmp_path / "pid").read_text()))


def test_a_forked_grandchild_does_not_hide_the_end(spawn: SpawnChild, tmp_path: Path) -> None:
    """A fork that outlives the child does not keep the socket open."""
    source = (
        "import os, pathlib, signal\n@task\ndef leave():\n"
        "    if os.fork() == 0:\n        signal.pause()\n        os._exit(0)\n    os._exit(5)\n"
    )
    child = spawn("process", source)
    child.run(a_run(1, "jobs.leave"))

    assert child.end() == 5


def test_what_a_job_starts_can_be_terminated(spawn: SpawnChild) -> None:
    """The child does not mind SIGTERM and SIGINT, but its jobs' own processes do."""
    source = (
        "import multiprocessing, os, signal, subprocess, time\n@task\ndef start() -> list:\n"
        "    other = subprocess.Popen(['sleep', '600'])\n    other.terminate()\n"
        "    mine = multiprocessing.get_context('fork').Process(target=signal.pause)\n    mine.start()\n"
        "    mine.terminate()\n    mine.join()\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "    return [other.wait(), mine.exitcode]\n"
    )
    child = spawn("process", source)

    child.run(a_run(1, "jobs.start"))

    assert child.result()[4] == f"[{-signal.SIGTERM},{-signal.SIGTERM}]"


def test_stop_finishes_the_running_job_and_answers_the_queued_ones(spawn: SpawnChild, tmp_path: Path) -> None:
    """STOP during a job: that one is finished and answered, the queued one is not started, the status is 0."""
    source = (
        "import pathlib\n@task\ndef hold() -> str:\n    pathlib.Path('holds').touch()\n    return open('go').read()\n"
    )
    os.mkfifo(tmp_path / "go")
    child = spawn("process", source)
    child.run(a_run(1, "jobs.hold"), a_run(2, "jobs.hold"))
    wait_for_file(tmp_path / "holds")

    child.handle.send(frames.pack([frames.STOP]))
    (tmp_path / "go").write_text("ended")

    done = child.results(2)
    assert (done[1][1], done[2][1], done[2][6]) == ("succeeded", "cancelled", frames.NOT_STARTED)
    assert child.end() == 0


def test_ping_is_answered_between_jobs(spawn: SpawnChild) -> None:
    """PING n comes back as PONG n."""
    child = spawn("process", "@task\ndef fine(): return 1\n")

    child.handle.send(frames.pack([frames.PING, 17]))

    assert child.next_frame() == [frames.PONG, 17]


def test_a_closed_socket_or_nonsense_ends_an_idle_child(spawn: SpawnChild) -> None:
    """A child without a parent, or with one that talks nonsense, ends itself at once."""
    orphan, puzzled = spawn("process", ""), spawn("process", "")

    orphan.handle.close()
    puzzled.handle.send(b"\xff\xff\xff\xff")

    wait_for_exit(orphan.handle.pid)
    assert orphan.handle.reap() == frames.EXIT_ORPHAN
    assert puzzled.end() == frames.EXIT_PROTOCOL


def test_handlers_say_what_follows(spawn: SpawnChild) -> None:
    """Retry, Snooze, NoRetry and the classes of the task stand in the row, and nothing does where nothing was said."""
    source = (
        "from mainspring import NoRetry, Retry, Snooze\n"
        "said = {'retry': Retry('busy', after=3), 'later': Snooze(60), 'never': NoRetry('gone'), 'key': KeyError()}\n"
        "@task(no_retry=KeyError)\ndef raises(what: str): raise said[what]\n"
        "@task\ndef fine(): return 1\n"
    )
    child = spawn("process", source)
    whats = ["retry", "later", "never", "key"]

    child.run(*(a_run(n, "jobs.raises", f'[["{what}"],{{}}]') for n, what in enumerate(whats)), a_run(9, "jobs.fine"))

    assert {n: [row[1], *row[8:]] for n, row in child.results(5).items()} == {
        0: ["failed", "retry", 3000],
        1: ["returned", "snooze", 60_000],
        2: ["failed", "no_retry", None],
        3: ["failed", "no_retry", None],
        9: ["succeeded", None, None],
    }
