"""The asyncio child: many jobs on one loop, each as if it had a task of its own."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from runner_children import Child, a_run, wait_for_file

from mainspring.nodes.runners import frames
from mainspring.nodes.runners.handle import describe_exit

SpawnChild = Callable[..., Child]

HOLD = """
import asyncio, pathlib
@task
async def hold(n: int = 0):
    try:
        pathlib.Path(f'holds{n}').touch()
        await asyncio.Event().wait()
    finally:
        pathlib.Path(f'cleaned{n}').touch()
@task
async def fine(n: int = 1) -> int: return n
"""


def test_jobs_succeed_at_once_and_after_waiting(spawn: SpawnChild) -> None:
    """Results come back from jobs that never suspend and from jobs that do, some of them through futures."""
    source = (
        "import asyncio\n@task\nasync def now(n: int) -> int: return n\n"
        "@task\nasync def later(n: int) -> int:\n    await asyncio.sleep(0)\n    await asyncio.sleep(0.001)\n"
        "    return await asyncio.to_thread(lambda: n)\n"
    )
    child = spawn("asyncio", source)

    child.run(*(a_run(n, f"jobs.{'later' if n % 3 else 'now'}", f"[[{n}],{{}}]") for n in range(300)))

    done = child.results(300)
    assert all(row[1] == "succeeded" and row[4] == str(n) for n, row in done.items())


def test_results_of_a_turn_travel_together(spawn: SpawnChild) -> None:
    """A batch of jobs that end in one turn of the loop is answered in one frame."""
    child = spawn("asyncio", HOLD)

    child.run(*(a_run(n, "jobs.fine") for n in range(64)))

    frame = child.next_frame()
    assert (frame[0], len(frame[1])) == (frames.DONE, 64)


def test_failures_stay_with_their_job(spawn: SpawnChild) -> None:
    """Exceptions, SystemExit, bad results and unknown tasks fail one run each; the child goes on."""
    source = HOLD + (
        "import sys\n@task\nasync def bad(): raise ValueError('seven')\n"
        "@task\nasync def late():\n    await asyncio.sleep(0)\n    raise ValueError('eight')\n"
        "@task\nasync def leave():\n    await asyncio.sleep(0)\n    sys.exit(3)\n"
        "@task\nasync def odd(): return object()\n"
        "@task\nasync def quits():\n    asyncio.create_task(leave())\n    await asyncio.sleep(0.01)\n"
    )
    child = spawn("asyncio", source)
    names = ["bad", "late", "leave", "odd", "none", "quits", "fine"]

    child.run(*(a_run(n, f"jobs.{name}") for n, name in enumerate(names)))

    done = child.results(len(names))
    kinds = {name: done[n][6] for n, name in enumerate(names)}
    assert kinds["bad"] == kinds["late"] == "ValueError"
    assert kinds["leave"] == "SystemExit"
    assert kinds["odd"].endswith("UnserializablePayload")
    assert kinds["none"].endswith("UnknownTask")
    assert kinds["quits"] is kinds["fine"] is None
    assert "raise ValueError('eight')" in done[1][5]
    assert "asyncio_child" not in done[1][5]


def test_a_job_has_its_own_task_context_and_variables(spawn: SpawnChild) -> None:
    """After its first suspension a job shares neither its task nor its variables with any other."""
    source = (
        "import asyncio\nfrom contextvars import ContextVar\nseen = ContextVar('seen', default=0)\n"
        "@task\nasync def look(ctx: Context, pause: bool) -> list:\n"
        "    before = seen.get()\n    seen.set(ctx.job_id)\n    me = asyncio.current_task()\n"
        "    if pause:\n        async with asyncio.timeout(5):\n            await asyncio.sleep(0.001)\n"
        "        async with asyncio.TaskGroup() as group:\n"
        "            inner = group.create_task(asyncio.to_thread(seen.get))\n"
        "        assert inner.result() == ctx.job_id\n"
        "    assert Context.current() is ctx and asyncio.current_task() is me\n"
        "    return [before, seen.get(), id(me) if pause else 0]\n"
    )
    child = spawn("asyncio", source)

    child.run(*(a_run(n, "jobs.look", f"[[{json.dumps(n % 2 == 0)}],{{}}]") for n in range(20)))

    done = child.results(20)
    assert all(row[1] == "succeeded" for row in done.values()), done
    told = {n: json.loads(row[4]) for n, row in done.items()}
    assert all(value[:2] == [0, 1000 + n] for n, value in told.items())
    assert len({value[2] for n, value in told.items() if n % 2 == 0}) == 10


def test_a_timeout_inside_a_job_is_its_own(spawn: SpawnChild) -> None:
    """`asyncio.timeout` entered before the first suspension ends the job's own wait and nothing else."""
    source = HOLD + (
        "@task\nasync def short() -> str:\n    try:\n        async with asyncio.timeout(0.01):\n"
        "            await asyncio.Event().wait()\n    except TimeoutError:\n        return 'timeout'\n"
    )
    child = spawn("asyncio", source)

    child.run(a_run(1, "jobs.short"), a_run(2, "jobs.fine"), a_run(3, "jobs.short"))

    assert {n: row[4] for n, row in child.results(3).items()} == {1: '"timeout"', 2: "1", 3: '"timeout"'}


def test_a_job_that_cancels_its_own_task_spoils_no_other(spawn: SpawnChild) -> None:
    """A cancellation that a job leaves behind does not reach the next job."""
    source = HOLD + (
        "@task\nasync def spoil(): asyncio.current_task().cancel()\n"
        "@task\nasync def waits() -> int:\n    await asyncio.sleep(0.001)\n    return 5\n"
    )
    child = spawn("asyncio", source)

    child.run(a_run(1, "jobs.spoil"), a_run(2, "jobs.waits"), a_run(3, "jobs.fine"))

    done = child.results(3)
    assert [done[n][1] for n in (1, 2, 3)] == ["succeeded"] * 3


def test_running_jobs_are_cancelled_with_their_reason(spawn: SpawnChild, tmp_path: Path) -> None:
    """CANCEL cancels the coroutine, whose `finally` runs; the outcome follows the reason; others go on."""
    child = spawn("asyncio", HOLD)
    child.run(*(a_run(n, "jobs.hold", f"[[{n}],{{}}]") for n in range(4)))
    wait_for_file(tmp_path / "holds3")

    for n, reason in enumerate(["timeout", "cancelled", "lease_lost"]):
        child.cancel(n, reason=reason)

    done = child.results(3)
    assert [done[n][1] for n in range(3)] == ["timed_out", "cancelled", "cancelled"]
    assert [done[n][6] for n in range(3)] == ["timeout", "cancelled", "lease_lost"]
    assert (tmp_path / "cleaned2").exists()
    assert not (tmp_path / "cleaned3").exists()


def test_a_cancel_in_the_same_breath_as_the_run_is_obeyed(spawn: SpawnChild) -> None:
    """A run that is cancelled before its handler was called is answered as not started."""
    child = spawn("asyncio", HOLD)

    child.run(a_run(1, "jobs.fine"), a_run(2, "jobs.hold"))
    child.cancel(2)

    done = child.results(2)
    assert done[1][1] == "succeeded"
    assert done[2][1] == "cancelled"


def test_a_blocked_loop_is_reported_with_the_run_and_its_stack(spawn: SpawnChild, tmp_path: Path) -> None:
    """STUCK names the run that holds the loop, even through a task that it started, and the line it is at."""
    source = HOLD + (
        "@task\nasync def block():\n    await asyncio.gather(inner())\n"
        "async def inner():\n    await asyncio.sleep(0)\n    open('go').read()\n"
    )
    os.mkfifo(tmp_path / "go")
    child = spawn("asyncio", source)
    child.run(a_run(7, "jobs.hold"), a_run(8, "jobs.block"))

    kind, run_id, stack = child.next_frame()

    assert (kind, run_id) == (frames.STUCK, 8)
    assert "open('go').read()" in stack
    assert "runpy" not in stack  # the frames below the handler's are no business of its author
    (tmp_path / "go").write_text("")
    assert child.result()[:2] == [8, "succeeded"]


def test_stop_lets_running_jobs_end(spawn: SpawnChild, tmp_path: Path) -> None:
    """After STOP what runs is finished and answered, and the status is 0."""
    source = "import asyncio\n@task\nasync def slow() -> int:\n    await asyncio.sleep(0.05)\n    return 1\n"
    child = spawn("asyncio", source)
    child.run(a_run(1, "jobs.slow"))
    child.handle.send(frames.pack([frames.PING, 1]))
    assert child.next_frame() == [frames.PONG, 1]

    child.handle.send(frames.pack([frames.STOP]))

    assert child.result()[:2] == [1, "succeeded"]
    assert child.end() == 0


def test_large_results_pass_in_bounded_frames(spawn: SpawnChild) -> None:
    """Results beyond one frame's bound arrive in several, none lost, while the parent is slow to read."""
    child = spawn("asyncio", "@task\nasync def big(n: int) -> str: return 'x' * 900_000\n")

    child.run(*(a_run(n, "jobs.big", f"[[{n}],{{}}]") for n in range(40)))

    done = child.results(40)
    assert all(row[1] == "succeeded" and len(row[4]) == 900_002 for row in done.values())


def test_a_crash_takes_the_child_along(spawn: SpawnChild) -> None:
    """A segfault ends the child, and the handle says so."""
    source = "import ctypes\n@task\nasync def crash(): ctypes.string_at(0)\n"
    child = spawn("asyncio", source)

    child.run(a_run(1, "jobs.crash"))

    assert describe_exit(child.end()) == "killed by signal 11 (SIGSEGV)"


def test_async_handlers_say_what_follows(spawn: SpawnChild) -> None:
    """Retry, Snooze and NoRetry work before and after the first suspension, in a TaskGroup, and by class."""
    source = HOLD + (
        "from mainspring import NoRetry, Retry, Snooze\n"
        "@task\nasync def now(): raise Retry('busy', after=3)\n"
        "@task\nasync def later():\n    await asyncio.sleep(0)\n    raise Snooze(60)\n"
        "@task\nasync def grouped():\n    async with asyncio.TaskGroup() as group:\n"
        "        group.create_task(never())\nasync def never(): raise NoRetry('no such account')\n"
        "@task(no_retry=KeyError, no_count=ConnectionError)\nasync def named(fault: str):\n"
        "    await asyncio.sleep(0)\n    raise {'k': KeyError, 'c': ConnectionResetError, 'r': RuntimeError}[fault]()\n"
    )
    child = spawn("asyncio", source)
    named = [a_run(n, "jobs.named", f'[["{fault}"],{{}}]') for n, fault in ((4, "k"), (5, "c"), (6, "r"))]

    child.run(a_run(1, "jobs.now"), a_run(2, "jobs.later"), a_run(3, "jobs.grouped"), *named)

    said = {n: [row[1], *row[8:]] for n, row in child.results(6).items()}
    assert said == {
        1: ["failed", "retry", 3000],
        2: ["returned", "snooze", 60_000],
        3: ["failed", "no_retry", None],
        4: ["failed", "no_retry", None],
        5: ["failed", "no_count", None],
        6: ["failed", None, None],
    }


def test_a_handler_that_swallows_its_cancellation_knows_of_it(spawn: SpawnChild, tmp_path: Path) -> None:
    """`Context.cancelled` stays true; one that returns then has succeeded, one that goes on is the parent's to end."""
    source = HOLD + (
        "@task\nasync def stubborn(ctx: Context, goes_on: bool) -> bool:\n"
        "    pathlib.Path(f'stubborn{goes_on}').touch()\n    try:\n        await asyncio.Event().wait()\n"
        "    except asyncio.CancelledError:\n        if goes_on:\n            pathlib.Path('ignored').touch()\n"
        "            await asyncio.Event().wait()\n    return ctx.cancelled\n"
    )
    child = spawn("asyncio", source)
    child.run(a_run(1, "jobs.stubborn", "[[false],{}]"), a_run(2, "jobs.stubborn", "[[true],{}]"))
    wait_for_file(tmp_path / "stubbornFalse")
    wait_for_file(tmp_path / "stubbornTrue")

    child.cancel(1, 2)

    row = child.result()
    assert (row[0], row[1], row[4]) == (1, "succeeded", "true")
    wait_for_file(tmp_path / "ignored")
    child.run(a_run(3, "jobs.fine"))
    assert child.result()[:2] == [3, "succeeded"]
