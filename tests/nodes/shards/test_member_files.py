"""The folder of a member of a cluster: what its log has more than a single node's is understood."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import apsw
import pytest
from stored_node import StoredNode

from mainspring.actors.coordinator.takeover import keep_from
from mainspring.actors.entries import ENGINE_MARK, NOOP, SUBMIT, Entry, encode_entry
from mainspring.nodes.shards.backup import back_up
from mainspring.nodes.shards.rebuild import rebuild
from mainspring.nodes.shards.report import OperatorError, Report, no_progress
from mainspring.nodes.shards.restore import restore
from mainspring.nodes.shards.verify import verify
from mainspring.nodes.storage.log.local_log import LocalLog
from mainspring.nodes.storage.log.segment import FORMAT_WITH_STARTS
from mainspring.nodes.storage.shard.shard_file import ShardFile, shard_file_name

pytestmark = pytest.mark.slow

LATE_MS = 2**42


def nobody() -> Mapping[int, int]:
    """There is no node to be asked."""
    raise AssertionError


def check(folder: Path) -> Report:
    """Checks a folder."""
    return verify([folder], no_progress)


def uncommitted(epoch: int, number: int) -> bytes:
    """An entry that another leader's will replace: it takes jobs that the shard file will never show."""
    job = [1, "{}", 1, None, None, None, None, None, None, None, None]
    return encode_entry(Entry(epoch, LATE_MS + number, [[SUBMIT, 0, 0, 0, 10**15 + number, [job], []], [NOOP]]))


def log_of(folder: Path) -> LocalLog:
    """The log as a member's engine opens it."""
    return LocalLog(folder / "log", ballast_bytes=0, tolerate_lost=True, segment_bytes=20_000)


@pytest.fixture
def member(made: Path, tmp_path: Path) -> Path:
    """A copy of the folder, to be spoilt."""
    return Path(shutil.copytree(made, tmp_path / "data"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose group 1 has grown two ways, over segments, and whose group 2 has begun anew."""
    folder = StoredNode(tmp_path_factory.mktemp("made") / "data", count=2).work(12).close()
    log = log_of(folder)
    epoch = log.epoch(1)
    for group in (1, 2):
        log.save_state(group, b"term, vote, members")
    log.put(1, epoch + 5, ENGINE_MARK + b"leader")
    log.sync()
    last = log.last_index(1)
    for number in range(300):
        log.put(1, epoch + 5, uncommitted(epoch + 5, number))
        if number % 10 == 0:
            log.sync()
    log.cut(1, last + 1)
    for number in range(200):
        log.put(1, epoch + 7, ENGINE_MARK + b"members" + bytes(100))
        if number % 10 == 0:
            log.sync()
    store = ShardFile(folder / shard_file_name("default", 1))
    log.reset(2, keep_from(store.applied, store.floor) - 1, store.epoch)
    for _ in range(store.applied - log.last_index(2) + 3):
        log.put(2, epoch + 7, ENGINE_MARK + b"leader")
    log.sync()
    store.close()
    log.close()
    assert len(list((folder / "log").glob("log-*.db"))) > 2
    return folder


def test_a_member_is_whole(member: Path) -> None:
    """Entries that were cut off, a log that began anew and the engine's own entries are no damage."""
    report = check(member)
    assert report.findings == []
    assert report.checked["jobs against the log"] > 0


def test_entries_that_are_owed_are_a_doubt(member: Path) -> None:
    """A member that has lost entries gets them back."""
    log = log_of(member)
    synced = (member / "log" / "synced").read_bytes()
    log.cut(2, log.last_index(2))
    log.sync()
    log.close()
    (member / "log" / "synced").write_bytes(synced)
    report = check(member)
    assert [(finding.level, finding.kind) for finding in report.findings] == [("doubt", "short")]


def test_a_shard_ahead_of_its_log_is_a_doubt(member: Path) -> None:
    """So a crash leaves it between the copy's place and the log's new beginning."""
    log = log_of(member)
    log.reset(2, 2, 1)
    log.close()
    report = check(member)
    assert [(finding.level, finding.kind) for finding in report.findings] == [("doubt", "ends")]


def test_what_is_spoilt_is_found(member: Path) -> None:
    """The small files of a member are looked at, and so are entries that are void."""
    (member / "log" / "group-1.state").write_bytes(bytes(8192))
    database = apsw.Connection(str(member / "log" / "log-00000002.db"))
    database.execute("UPDATE log SET blob = x'00' WHERE rowid = (SELECT max(rowid) FROM log)")
    database.close()
    kinds = {finding.kind for finding in check(member).findings}
    assert {"small_file", "checksum"} <= kinds


def test_a_start_that_does_not_fit_is_found(member: Path) -> None:
    """A segment that goes on behind an entry which the log has not reached is another's."""
    for path in (member / "log").glob("log-*.db"):
        database = apsw.Connection(str(path))
        if database.pragma("user_version") == FORMAT_WITH_STARTS:
            database.execute("UPDATE start SET idx = idx + 100000 WHERE NOT is_reset")
        database.close()
    findings = check(member).findings
    assert "joint" in {finding.kind for finding in findings if finding.level == "damage"}
    assert any("goes on behind entry" in finding.what for finding in findings)


def test_a_member_is_not_built_again_from_its_log(member: Path) -> None:
    """Its log may end with entries that never counted."""
    with pytest.raises(OperatorError, match="mainspring cluster replace"):
        rebuild(member, [], None, no_progress)


def test_a_restore_reuses_no_epoch_and_no_vote(member: Path, tmp_path: Path) -> None:
    """The backup of a member has no state of its engine; where it is put back, its epochs are above all before."""
    back_up(member, tmp_path / "backup", nobody, no_progress)
    before = log_of(member)
    restored = restore(tmp_path / "backup", tmp_path / "new", no_progress)
    log = log_of(tmp_path / "new")
    for group in (1, 2):
        assert log.state(group) == b""
        assert log.epoch(group) == restored.epoch > before.epoch(group) + 2**16
        store = ShardFile(tmp_path / "new" / shard_file_name("default", group - 1))
        assert log.base(group) == (store.applied, store.epoch)
        assert (log.last_index(group), log.acknowledged(group)) == (store.applied, 0)
        store.close()
        log.save_state(group, b"term and vote from now on")
        log.put(group, log.epoch(group) + 1, ENGINE_MARK + b"leader")
    log.sync()
    log.close()
    before.close()
    assert not check(tmp_path / "new").is_damaged
