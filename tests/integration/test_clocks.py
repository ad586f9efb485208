"""A real node whose processes are held, whose wall clock is set, and whose zone files change."""

import signal
import sqlite3
import struct
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, pairwise
from pathlib import Path

import psutil
import pytest
from live_node import BOUND_S, LiveNode, wait_until

import mainspring
from mainspring.broker.net.handles import JobHandle

HERE = Path(__file__).parent
CONFIG = """
[coordinator]
lease_ttl_ms = 1000
[schedules]
file = "schedules.toml"
[[executor]]
name = "one"
tasks = ["clock_tasks"]
process_slots = 1
kill_grace_ms = 200
[[executor]]
name = "two"
tasks = ["clock_tasks"]
process_slots = 1
kill_grace_ms = 200
"""
LEASE_S = 1.0
HOUR_S, YEAR_S = 3_600, 365 * 86_400
ZONE = "Test/Moving"
FAKETIME = next(chain(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LiveNode]:
    """A node of two executors with short leases; the test starts it."""
    (tmp_path / "clock_tasks.py").write_text((HERE / "clock_tasks.py").read_text())
    (tmp_path / "node.toml").write_text(CONFIG)
    (tmp_path / "schedules.toml").write_text("[schedules]\n")
    made = LiveNode(tmp_path, "", arguments=["node.toml"])
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


def spans(trace: Path) -> dict[int, tuple[int, int]]:
    """Returns for each attempt when it was first and last seen to run, in monotonic ns."""
    found: dict[int, tuple[int, int]] = {}
    for line in trace.read_text().splitlines() if trace.exists() else ():
        attempt, at_ns = map(int, line.split())
        found[attempt] = (found.get(attempt, (at_ns, 0))[0], at_ns)
    return found


def outcomes(node: LiveNode) -> list[str]:
    """Returns how the attempts of the only job ended, from the shard file, once it has succeeded there."""
    (path,) = node.data_dir.glob("tasks_*.db")
    found: list[str] = []

    def ended() -> bool:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as shard:
            found[:] = [outcome for (outcome,) in shard.execute("SELECT outcome FROM v_executions ORDER BY attempt")]
        return found[-1:] == ["succeeded"]

    wait_until(ended, "the success to be in the file")
    return found


def hold(processes: list[psutil.Process], for_s: float) -> None:
    """Stops processes for a while, as a freezer or a sleeping machine does."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    time.sleep(for_s)
    for process in reversed(processes):
        process.send_signal(signal.SIGCONT)


def begun(client: mainspring.Client, trace: Path, seconds: float) -> JobHandle[object]:
    """Submits a job that leaves a trace, and waits until it runs."""
    handle = client.submit(mainspring.job("clock_tasks.lives", str(trace), seconds))
    wait_until(lambda: bool(spans(trace)), "the job to run")
    return handle


def test_a_coordinator_that_is_held_longer_than_a_lease(node: LiveNode) -> None:
    """The executor ends the run before the lease is over; after the pause it runs again, never beside itself."""
    node.start()
    trace = node.folder / "trace"
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        handle = begun(client, trace, 3 * LEASE_S)
        hold(node.actors("processes.coordinator"), 2.5 * LEASE_S)
        assert handle.result() != 1
    ran = spans(trace)
    assert ran[1][1] < min(began_ns for attempt, (began_ns, _) in ran.items() if attempt > 1), "the attempts overlap"
    # What is leased before the first heartbeat is answered goes back as well; nothing of that counts.
    assert set(outcomes(node)[:-1]) == {"returned"}
    assert node.stop() == 0


def test_an_executor_that_is_held_longer_than_a_lease(node: LiveNode) -> None:
    """Another one has its job; when it goes on, what it still does is ended and nobody counts it."""
    node.start()
    trace = node.folder / "trace"
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        handle = begun(client, trace, 3 * LEASE_S)
        trees = [[one, *one.children(recursive=True)] for one in node.actors("processes.executor")]
        (held,) = [
            tree for tree in trees if any(str(trace) in (file.path for file in one.open_files()) for one in tree)
        ]
        hold(held, 2.5 * LEASE_S)
        assert handle.result() == 2
    assert outcomes(node) == ["lost", "succeeded"]
    assert node.stop() == 0


def test_a_machine_that_is_held_goes_on_with_what_it_ran(node: LiveNode) -> None:
    """All of a node stands still at once: whatever each of them notices first, no attempt runs beside another."""
    node.start()
    trace = node.folder / "trace"
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        handle = begun(client, trace, 3 * LEASE_S)
        hold([node.supervisor(), *node.below()], 2.5 * LEASE_S)
        last = handle.result()
    ran = spans(trace)
    assert last == max(ran)
    # One that was handed back before it began has left no trace.
    assert all(ran[before][1] < ran[after][0] for before, after in pairwise(sorted(ran))), ran
    assert node.stop() == 0


def write_zone(folder: Path, offset_s: int) -> None:
    """Compiles a zone that is always so far east of UTC."""
    path = folder / ZONE
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    path.write_bytes(b"TZif" + bytes(16) + counts + struct.pack(">lbb", offset_s, 0, 0) + b"TST\0")


@pytest.mark.parametrize("moved_s", [-HOUR_S, HOUR_S], ids=["west", "east"])
def test_a_zone_whose_rules_have_changed(node: LiveNode, monkeypatch: pytest.MonkeyPatch, moved_s: int) -> None:
    """From the next start on the new rules hold: no instant fires again, and the audit tells of the move."""
    zones = node.folder / "zones"
    write_zone(zones, 5 * HOUR_S)
    monkeypatch.setenv("PYTHONTZPATH", str(zones))
    instant = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=8)
    local = instant + timedelta(hours=5)
    (node.folder / "schedules.toml").write_text(
        f'[schedules.daily]\ncron = "{local:%-S %-M %-H} * * *"\ntz = "{ZONE}"\n'
        'task = "clock_tasks.returns"\nargs = [1]\ngrace = 60\n'
    )
    node.start()
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        wait_until(lambda: client.schedules.show("daily")["runs"] == 1, "the schedule to fire")
        shown = client.schedules.show("daily")
        assert shown["next_ms"] == _ms(instant + timedelta(days=1))
        write_zone(zones, 5 * HOUR_S + moved_s)  # a node that runs keeps to the rules that it has read
        assert node.stop() == 0
    node.start()
    after = instant + timedelta(seconds=-moved_s) + timedelta(days=1 if moved_s > 0 else 0)
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        wait_until(lambda: client.schedules.show("daily")["next_ms"] == _ms(after), "the next instant to move")
        assert client.schedules.show("daily")["runs"] == 1
        (tick,) = client.schedules.ticks("daily")
        assert tick["from_ms"] == _ms(instant)
        (told,) = [row for row in client.query("audit") if row["action"] == "schedule moved"]
        assert told["object"] == "default/daily"
        assert told["after"] == f"next: {after:%Y-%m-%dT%H:%M:%SZ}"
    assert node.stop() == 0


def _ms(instant: datetime) -> int:
    return int(instant.timestamp()) * 1_000


@pytest.mark.skipif(FAKETIME is None, reason="the wall clock of real processes is set by libfaketime, if it is there")
@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S, YEAR_S, -YEAR_S])
def test_a_wall_clock_that_is_set(node: LiveNode, monkeypatch: pytest.MonkeyPatch, step_s: int) -> None:
    """A run goes on, a delay stays as long as it is, and the node stops in good order; all of it after a step."""
    offset = node.folder / "offset"
    offset.write_text("+0\n")
    monkeypatch.setenv("LD_PRELOAD", str(FAKETIME))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(offset))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    node.start()
    trace = node.folder / "trace"
    with mainspring.Client(node.url, timeout=BOUND_S) as client:
        handle = begun(client, trace, 3 * LEASE_S)
        submitted_s = time.monotonic()
        delayed = client.submit(mainspring.job("clock_tasks.returns", 7), delay=2.0)
        calendar = client.submit(
            mainspring.job("clock_tasks.returns", 8), at=datetime.now(UTC) + timedelta(seconds=step_s, minutes=1)
        )
        new = offset.with_suffix(".new")
        new.write_text(f"{step_s:+d}\n")
        new.replace(offset)
        assert delayed.result() == 7
        assert time.monotonic() - submitted_s >= 2.0
        assert handle.result() == 1
        assert calendar.status() == ("scheduled" if step_s > 0 else "succeeded")
        assert client.submit(mainspring.job("clock_tasks.returns", 9)).result() == 9
    assert node.stop() == 0
