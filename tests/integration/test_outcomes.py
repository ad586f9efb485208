"""Every way in which a job can end on a real node, and what is recorded of it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from live_node import BOUND_S, LiveNode, is_alive, wait_until

import mainspring
from mainspring.broker.net.exceptions import JobExpired, JobFailed, JobNotFound, TaskRefused
from mainspring.broker.net.handles import JobHandle

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """One node for the whole file."""
    folder = tmp_path_factory.mktemp("outcomes")
    (folder / "outcome_tasks.py").write_text((HERE / "outcome_tasks.py").read_text())
    live = LiveNode(folder, "outcome_tasks")
    live.start()
    yield live
    live.kill()


@pytest.fixture
def client(node: LiveNode) -> Iterator[mainspring.Client]:
    """A client of that node."""
    with mainspring.Client(node.url, timeout=BOUND_S) as connected:
        yield connected


def _attempts(node: LiveNode, id: int) -> list[tuple[str, str | None]]:
    """Returns (outcome, error) of each attempt, from the shard file by SQL, once the job's end is in it."""
    (path,) = node.data_dir.glob("tasks_*.db")
    rows: list[tuple[str, str | None]] = []

    def ended() -> bool:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as shard:
            # The state first: what stood there before it ended stands there still.
            (state,) = shard.execute("SELECT state FROM v_jobs WHERE id = ?", (id,)).fetchone() or ("",)
            found = shard.execute("SELECT outcome, error FROM v_executions WHERE job_id = ? ORDER BY attempt", (id,))
            rows[:] = found.fetchall()
        return state in ("succeeded", "dead", "cancelled", "expired")

    wait_until(ended, f"job {id} to be in the shard file as ended")
    return rows


def _run(client: mainspring.Client, name: str, *args: object, **options: object) -> JobHandle[object]:
    handle = client.submit(mainspring.job(f"outcome_tasks.{name}", *args), **options)  # type: ignore[arg-type]  # options by name
    handle.wait(BOUND_S)
    return handle


def test_a_return_is_a_success(node: LiveNode, client: mainspring.Client) -> None:
    """A job that returns ends as succeeded with its value."""
    handle = _run(client, "returns", 41)
    assert handle.result() == 41
    assert _attempts(node, handle.id) == [("succeeded", None)]


def test_an_exception_is_a_failure_with_its_traceback(node: LiveNode, client: mainspring.Client) -> None:
    """A job that raises and has no retries ends dead, and its traceback is kept."""
    handle = _run(client, "raises")
    with pytest.raises(JobFailed, match="this job fails on purpose"):
        handle.result()
    ((outcome, error),) = _attempts(node, handle.id)
    assert outcome == "failed"
    assert error is not None
    assert "ValueError" in error


def test_two_failures_then_success(node: LiveNode, client: mainspring.Client) -> None:
    """Retries run until one succeeds; each attempt is recorded."""
    handle = _run(client, "fails_twice")
    assert handle.result() == 3
    assert [outcome for outcome, _ in _attempts(node, handle.id)] == ["failed", "failed", "succeeded"]


def test_sys_exit_is_a_failure(node: LiveNode, client: mainspring.Client) -> None:
    """SystemExit ends the job, not the child."""
    handle = _run(client, "exits")
    ((outcome, error),) = _attempts(node, handle.id)
    assert outcome == "failed"
    assert error is not None
    assert "SystemExit" in error


DEATHS = [("hard_exits", "exited with status 9"), ("segfaults", "signal 11 (SIGSEGV)")]


@pytest.mark.parametrize(("name", "words"), DEATHS)
def test_a_dead_child_spends_the_crash_budget(node: LiveNode, client: mainspring.Client, name: str, words: str) -> None:
    """A job that kills its runner crashes, runs again apart from its retries, and ends dead with the last words."""
    handle = _run(client, name)
    attempts = _attempts(node, handle.id)
    assert [outcome for outcome, _ in attempts] == ["crashed"] * 3
    assert all(error is not None and words in error for _, error in attempts)
    with pytest.raises(JobFailed, match=r"status 9|signal 11"):
        handle.result()


def test_a_sync_job_that_ignores_its_timeout_is_killed(node: LiveNode, client: mainspring.Client) -> None:
    """SIGKILL ends what nothing else ends, and the slot works again."""
    handle = _run(client, "never_ends")
    assert [outcome for outcome, _ in _attempts(node, handle.id)] == ["timed_out"]
    assert _run(client, "returns", 1).result() == 1


def test_an_async_job_is_cancelled_at_its_timeout(node: LiveNode, client: mainspring.Client) -> None:
    """A coroutine is cancelled; its neighbours go on."""
    neighbour = client.submit(mainspring.job("outcome_tasks.waits", 1.0))
    handle = _run(client, "async_never_ends")
    assert [outcome for outcome, _ in _attempts(node, handle.id)] == ["timed_out"]
    assert neighbour.result(BOUND_S) == "done"
    assert [outcome for outcome, _ in _attempts(node, neighbour.id)] == ["succeeded"]


def test_a_loop_that_will_not_stop_is_replaced(node: LiveNode, client: mainspring.Client) -> None:
    """The job that blocks the loop is timed out; the others on it go back unpunished and succeed."""
    others = client.submit_many([mainspring.job("outcome_tasks.waits", 3.0) for _ in range(4)])
    ids = [each.id for each in others]
    wait_until(lambda: set(client.status(ids).values()) == {"running"}, "the neighbours to run")
    handle = _run(client, "blocks_its_loop")
    assert [outcome for outcome, _ in _attempts(node, handle.id)] == ["timed_out"]
    assert [each.result(BOUND_S) for each in others] == ["done"] * 4
    for each in others:
        outcomes = [outcome for outcome, _ in _attempts(node, each.id)]
        assert outcomes[-1] == "succeeded"
        assert set(outcomes[:-1]) <= {"returned"}, outcomes


@pytest.mark.parametrize("name", ["waits", "works"])
def test_a_running_job_is_cancelled(node: LiveNode, client: mainspring.Client, name: str) -> None:
    """A cancel of a running job stops it on either runner."""
    handle = client.submit(mainspring.job(f"outcome_tasks.{name}", 50.0))
    wait_until(lambda: handle.status() == "running", "the job to run")
    assert handle.cancel() == "asked"
    assert handle.wait(BOUND_S) == "cancelled"
    assert [outcome for outcome, _ in _attempts(node, handle.id)] == ["cancelled"]


def test_a_waiting_job_is_cancelled(node: LiveNode, client: mainspring.Client) -> None:
    """A job that is not due yet never runs."""
    handle = client.submit(mainspring.job("outcome_tasks.returns", 1), delay=3600)
    assert handle.cancel() == "cancelled"
    assert handle.wait(BOUND_S) == "cancelled"
    assert _attempts(node, handle.id) == []
    assert handle.cancel() == "finished"


def test_a_job_that_does_not_start_in_time_expires(node: LiveNode, client: mainspring.Client) -> None:
    """`expires` ends a job that is still waiting then."""
    handle = client.submit(mainspring.job("outcome_tasks.returns", 1), delay=60, expires=1)
    with pytest.raises(JobExpired):
        handle.result(BOUND_S)
    assert _attempts(node, handle.id) == []


def test_what_a_job_leaves_in_its_group_dies_with_its_child(node: LiveNode, client: mainspring.Client) -> None:
    """A grandchild lives while its runner child does, and goes with it."""
    pid = _run(client, "forks_a_child").result()
    assert isinstance(pid, int)
    grandchild = psutil.Process(pid)
    parent = grandchild.parent()
    assert parent is not None
    parent.kill()
    wait_until(lambda: not is_alive(grandchild), "the grandchild to die with the runner child")


def test_an_id_that_never_existed_says_so(client: mainspring.Client) -> None:
    """An unknown id is not_found, never pending."""
    assert client.job(999_999_999).status() == "not_found"
    with pytest.raises(JobNotFound):
        client.job(999_999_999).result(5)


def test_an_unknown_task_is_refused(client: mainspring.Client) -> None:
    """The refusal names the task and the mend."""
    with pytest.raises(TaskRefused, match=r"outcome_tasks\.typo"):
        client.submit(mainspring.job("outcome_tasks.typo"))
