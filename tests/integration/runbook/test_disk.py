"""The disk is full, read-only or slow, or somebody holds a lock."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from live_node import LiveNode, wait_until
from runbook_operator import SHARD, Operator, line, logged, saw
from runbook_page import NOTHING, shows

import mainspring


@pytest.fixture
def small_disk(elsewhere: Operator) -> Iterator[Operator]:
    """An operator whose data directory is a small file system in memory."""
    data = elsewhere.folder / "mainspring-data"
    data.mkdir(mode=0o700)
    words = ["mount", "-t", "tmpfs", "-o", "size=32m,mode=700", "tmpfs", str(data)]
    if subprocess.run(words, capture_output=True).returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield elsewhere
    subprocess.run(["umount", "--lazy", str(data)], check=True)


def submit_for_ever(client: mainspring.Client) -> None:
    """Submits until it is refused; a node with a disk of 32 MiB refuses soon."""
    for number in range(2000):
        client.submit(mainspring.job("shop.add", number, 10**1000))


def test_a_disk_is_full_and_then_read_only(small_disk: Operator) -> None:
    """It is named to whoever submits and in the log, the commands run, room is noticed; read-only stops a start."""
    section = "the-disk-is-full"
    live = LiveNode(small_disk.folder, "shop")
    live.start()
    try:
        filler = live.data_dir / "filler"
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    continue
        with mainspring.Client(live.url) as client, pytest.raises(mainspring.DiskFull):
            submit_for_ever(client)
        saw(section, "has no room for new jobs", small_disk.run("mainspring submit shop.add 1 2", status=1))
        saw("submits-are-refused", "has no room for new jobs", small_disk.run("mainspring submit shop.add 1 2", 1))
        logged(live, section, "the disk is full")
        assert "tmpfs" in small_disk.do(section, "df")
        assert "filler" in small_disk.do(section, "du")
        filler.unlink()
        wait_until(lambda: shows(line(section, "room again"), live.log()), "the room to be noticed")
        assert small_disk.run("mainspring submit shop.add 1 2 --wait 20").endswith("3\n")
    finally:
        live.kill()
    remounted = subprocess.run(["mount", "-o", "remount,ro", str(live.data_dir)], capture_output=True)
    if remounted.returncode != 0:
        pytest.skip("a file system cannot be made read-only here")
    printed = small_disk.run("mainspring up --tasks shop", status=1)
    saw("the-disk-is-read-only-or-fails", "Read-only", printed)
    saw(NOTHING, "cannot be written to", printed)
    assert "no damage found" in small_disk.do("the-disk-is-read-only-or-fails", "mainspring shards verify")


def test_a_slow_disk_can_be_measured(operator: Operator, node: LiveNode) -> None:
    """The metric of the alert is there, and the bench says what an fsync costs."""
    assert "scheduler_log_sync_seconds_bucket" in operator.scrape()
    assert "fsync" in operator.do("the-disk-is-slow", "mainspring bench")


def test_rows_fall_behind_while_somebody_holds_a_lock(node: LiveNode, operator: Operator) -> None:
    """The process is named; killed, it lets the rows follow."""
    section = "rows-fall-behind"

    def figures() -> tuple[int, int]:
        (row,) = json.loads(operator.run("mainspring shards stat --json"))
        return row["applied"], row["log_index"]

    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE')"
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}; print('held', flush=True); sys.stdin.read()", str(node.data_dir / SHARD)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as shell:  # fmt: skip
        assert shell.stdout is not None
        assert shell.stdout.readline() == "held\n"
        assert operator.run("mainspring submit shop.add 1 2 --wait 20").endswith("3\n"), "jobs run on"
        logged(node, section, "held by another process")
        assert f"users={shell.pid} (" in node.log()
        applied, last = figures()
        assert applied < last
        until_s = time.monotonic() + 2.5  # the end of a shorter lock is no news to the log
        while time.monotonic() < until_s:
            assert figures()[0] == applied, "applied stands still"
        assert "applied" in operator.do(section, "mainspring shards stat")
        operator.do(section, "kill", PID=shell.pid)
    wait_until(lambda: figures()[0] == figures()[1], "the rows to follow")
    wait_until(lambda: "shard file free again after_ms=" in node.log(), "the log to say so")
