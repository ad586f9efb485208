"""A data directory stays with the cluster that it belongs to, and a slow disk gets time."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from mainspring.chaos.memory_log import MemoryLog
from mainspring.nodes.processes import membership
from mainspring.nodes.processes.identity import Identity, cluster_of
from mainspring.nodes.processes.membership import check_membership, compare, raft_settings
from mainspring.nodes.processes.plan import CoordinatorPlan

ROWS = [[name, f"ipc://{name}", f"ipc://{name}.sock", 1] for name in "abc"]
FIRST = cluster_of(ROWS, 1, is_joining=False) or ""
OWN = "f" * 32
ALONE = CoordinatorPlan("a", "data", [])
MEMBER = replace(ALONE, members=ROWS, member_endpoint="ipc://a")
JOINING = replace(MEMBER, is_joining=True)
GROWING = replace(MEMBER, members=ROWS[:1])


def an_engine(*, jobs: bool = False, member: bool = False) -> MemoryLog:
    """A log with jobs, or with what an engine with other members has saved."""
    log = MemoryLog()
    if jobs:
        log.campaign(1)
        log.append(1, b"entry")
    if member:
        log.save_state(1, b"state")
    log.sync()
    return log


@pytest.mark.parametrize(
    ("plan", "cluster", "log"),
    [
        (ALONE, OWN, an_engine(jobs=True)),
        (MEMBER, FIRST, an_engine()),
        (MEMBER, FIRST, an_engine(jobs=True, member=True)),
        (MEMBER, OWN, an_engine(member=True)),  # it was alone once, and its settings list all members by now
        (GROWING, OWN, an_engine(jobs=True)),
        (JOINING, "", an_engine()),
        (JOINING, OWN, an_engine()),  # taken in, and ended before it heard more
        (JOINING, OWN, an_engine(jobs=True, member=True)),
    ],
)
def test_what_belongs_together_starts(plan: CoordinatorPlan, cluster: str, log: MemoryLog) -> None:
    """A node alone, first members, one that grows, one that joins; each again."""
    check_membership(plan, Identity(cluster, OWN), log)


@pytest.mark.parametrize(
    ("plan", "cluster", "log", "told"),
    [
        (ALONE, OWN, an_engine(member=True), "put the section back"),
        (ALONE, "", an_engine(), "put the section back"),
        (MEMBER, OWN, an_engine(), "belongs to another cluster"),
        (MEMBER, OWN, an_engine(jobs=True), "mainspring cluster add"),
        (MEMBER, "", an_engine(), "join = true"),
        (JOINING, OWN, an_engine(jobs=True), "starts with an empty data directory"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    plan: CoordinatorPlan, cluster: str, log: MemoryLog, told: str
) -> None:
    """The text names the folder and says what to do."""
    with pytest.raises(ValueError, match=told) as caught:
        check_membership(plan, Identity(cluster, OWN), log)
    assert str(caught.value).startswith("data ")


def test_a_slow_disk_gets_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The election timeout is four of its slowest fsyncs, if that is longer; nothing of the measuring is left."""
    plan = replace(MEMBER, data_dir=str(tmp_path))
    monkeypatch.setattr(membership, "_slowest_fsync_ns", lambda _: 2_000_000)
    settings = raft_settings(plan)
    assert (settings.heartbeat_ms, settings.election_ms, settings.check_quorum_ms) == (50, 250, 3000)
    monkeypatch.setattr(membership, "_slowest_fsync_ns", lambda _: 900_000_001)
    settings = raft_settings(plan)
    assert (settings.election_ms, settings.check_quorum_ms) == (3604, 7208)
    monkeypatch.undo()
    assert raft_settings(plan).election_ms >= 250
    assert list(tmp_path.iterdir()) == []


def test_settings_that_differ_from_what_the_members_know_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """They say where others look for this node; its own settings only say where it listens."""
    with caplog.at_level(logging.WARNING, "mainspring.coordinator"):
        compare(MEMBER, {0: ROWS, 1: ROWS})
        compare(JOINING, {0: [], 1: []})
        assert not caplog.messages
        compare(replace(MEMBER, member_endpoint="ipc://moved"), {0: ROWS, 1: ROWS})
        assert len(caplog.messages) == 1
        assert "settings=ipc://moved members=ipc://a" in caplog.messages[0]
        compare(replace(MEMBER, node="z"), {0: ROWS})
    assert "name=z members=a,b,c" in caplog.messages[1]
