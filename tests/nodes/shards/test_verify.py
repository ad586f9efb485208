"""`verify` finds what is broken, says where, and calls nothing broken that is whole."""

import random
import shutil
import sqlite3
from pathlib import Path

import apsw
import pytest
from histories import SHARD, Command, commands, written
from hypothesis import given, settings
from stored_node import StoredNode, spoil, spoil_every

from mainspring.nodes.shards.report import OperatorError, Report, no_progress
from mainspring.nodes.shards.verify import verify
from mainspring.nodes.shards.verify_shard import verify_shard
from mainspring.nodes.storage.shard.shard_file import ShardFile

pytestmark = pytest.mark.slow

SHARD_0 = "tasks_default_shard_0.db"
LOG_1 = "log/log-00000001.db"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a node that was stopped."""
    return StoredNode(tmp_path_factory.mktemp("made") / "data", count=2).work(12).close()


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a node that was killed: WALs, and entries that the shard files do not show."""
    folder = tmp_path_factory.mktemp("killed")
    node = StoredNode(folder / "live", count=2).work(12)
    node.elapsed_ns += 10**9
    node.log.maintain()
    for shard in node.shards:
        shard.submit(5)
    left = node.killed(folder / "data")
    node.close()
    return left


@pytest.fixture
def stopped(made: Path, tmp_path: Path) -> Path:
    """A copy of the stopped node's folder, to be spoilt."""
    return Path(shutil.copytree(made, tmp_path / "data"))


def check(*paths: Path) -> Report:
    """Checks paths."""
    return verify(paths, no_progress)


def kinds(report: Report) -> set[str]:
    """The kinds of damage that were found."""
    return {finding.kind for finding in report.findings if finding.level == "damage"}


def change(folder: Path, *statements: str) -> None:
    """Changes a shard file as no node does."""
    connection = sqlite3.connect(folder / SHARD_0, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def test_a_stopped_node_is_whole(stopped: Path) -> None:
    """Everything is looked at, nothing is found, and nothing is changed or left beside the files."""
    before = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file() and path.name != "lock"}
    report = check(stopped)
    assert report.findings == []
    assert report.unchecked == []
    assert report.checked["shard files"] == 2
    assert report.checked["jobs against the log"] == 240
    after = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file() and path.name != "lock"}
    assert after == before


def test_a_killed_node_is_whole(killed: Path) -> None:
    """A kill leaves WALs, and rows that lag behind the log: no damage."""
    before = {path: path.read_bytes() for path in killed.rglob("*") if path.is_file() and path.name != "lock"}
    report = check(killed)
    assert report.findings == []
    assert report.checked["frames of WALs"] > 10
    after = {path: path.read_bytes() for path in killed.rglob("*") if path.is_file() and path.name != "lock"}
    assert after == before


def test_a_node_in_use_is_looked_at_as_far_as_may_be(tmp_path: Path) -> None:
    """Its shard files are checked, its newest segment is not, and the report says so."""
    node = StoredNode(tmp_path / "data").work(3)
    report = check(tmp_path / "data")
    node.close()
    assert report.findings == []
    assert any("the node runs" in why for why in report.unchecked)
    assert any("log-00000001.db: the node writes it" in why for why in report.unchecked)


@settings(max_examples=40)
@given(steps=commands())
def test_whatever_a_machine_can_log_is_whole(tmp_path_factory: pytest.TempPathFactory, steps: list[Command]) -> None:
    """No valid history gives rows that `verify` calls damaged."""
    path = tmp_path_factory.mktemp("any") / f"tasks_default_shard_{SHARD}.db"
    store = ShardFile(path)
    assert store.apply(list(enumerate(written(steps).entries, 1)))
    store.close()
    report = Report()
    assert verify_shard(path, SHARD, report, no_progress, alone=True) is not None
    assert [finding for finding in report.findings if finding.level == "damage"] == []


@pytest.mark.parametrize(
    ("statement", "kind", "where"),
    [
        ("UPDATE lanes SET ready = ready + 1", "count", "lanes, row 1"),
        ("UPDATE meta SET finished = finished + 1", "count", "meta"),
        ("UPDATE meta SET executions = 0", "count", "meta"),
        ("UPDATE jobs SET state = 77 WHERE id = (SELECT min(id) FROM jobs)", "job_state", "jobs, row "),
        ("UPDATE finished SET state = 1 WHERE id = 1", "job_state", "finished, row 1"),
        ("UPDATE finished SET lane = 9 WHERE id = 1", "lane", "finished, row 1"),
        ("UPDATE executions SET outcome = 0 WHERE job_id = 1", "outcome", "executions, row 1.1"),
        ("UPDATE meta SET next_sequence = 5", "job_id", "finished, row "),
        ("UPDATE finished SET id = 7 << 40 | 1 WHERE id = 1", "shard", "finished, row 7696581394433"),
        ("INSERT INTO leases VALUES (1, 1, 1, 1, 1, 1, 1)", "lease", "leases, row 1"),
        ("DELETE FROM finished WHERE id = 1", "execution", "executions, row 1.1"),
        ("UPDATE finished SET finished_ms = 9e12 WHERE id = 1", "stamp", "finished, row 1"),
        ("UPDATE tasks SET retry = '[1,'", "json", "tasks, row echo"),
        ("INSERT INTO tick_jobs VALUES (1, 1)", "tick_job", "tick_jobs, row 1"),
        ("INSERT INTO ticks VALUES (1, 1, 1, 1, 1, NULL, 1)", "tick", "ticks, row 1.1"),
        ("UPDATE finished SET payload = '[[7],{}]' WHERE id = 3", "job", "job 3"),
        ("UPDATE finished SET result = '8' WHERE id = 3", "job", "job 3"),
        ("DELETE FROM jobs", "job", "job "),
        ("UPDATE meta SET applied = applied + 1", "ends", "meta"),
        ("DROP TABLE executions", "schema", SHARD_0),
        ("PRAGMA application_id = 5", "identity", SHARD_0),
        ("PRAGMA user_version = 99", "identity", SHARD_0),
    ],
)
def test_a_broken_relation_is_found(stopped: Path, statement: str, kind: str, where: str) -> None:
    """Each is told with its place, its meaning and a mend."""
    change(stopped, statement)
    report = check(stopped)
    assert kind in kinds(report)
    told = [finding for finding in report.findings if finding.kind == kind]
    assert any(where in finding.where for finding in told), told
    assert all(finding.what and finding.means and finding.mend for finding in report.findings)


def test_a_payload_that_is_no_json_is_a_doubt(stopped: Path) -> None:
    """A client that is none of ours may have sent it, so no exit status rests on it; the log tells the rest."""
    change(stopped, "UPDATE schedules SET payload = 'x'", "UPDATE finished SET payload = 'no json' WHERE id = 1")
    found = [finding for finding in check(stopped / SHARD_0).findings if finding.kind == "json"]
    assert [finding.level for finding in found] == ["doubt"]
    assert kinds(check(stopped / SHARD_0)) == set()
    assert kinds(check(stopped)) == {"job"}


def test_many_rows_of_one_fault_are_counted(stopped: Path) -> None:
    """One broken page must not hide the rest of the report."""
    change(stopped, "UPDATE finished SET lane = 9")
    report = check(stopped / SHARD_0)
    assert len([finding for finding in report.findings if finding.kind == "lane"]) <= 10
    assert report.more > 0


def dump(path: Path) -> list[str]:
    """Returns all that a file holds, as SQL; what is no text in a comment of the schema, too."""
    connection = sqlite3.connect(path)
    connection.text_factory = lambda data: data.decode(errors="replace")
    found = list(connection.iterdump())
    connection.close()
    return found


def test_flips_in_a_shard_file(made: Path, tmp_path: Path) -> None:
    """Most flips that change a row are found. A time or a number that nothing contradicts may pass: see the docs."""
    draw = random.Random(5)
    size = (made / SHARD_0).stat().st_size
    rows = dump(made / SHARD_0)
    outcomes = {"found": 0, "harmless": 0, "silent": 0}
    for number in range(60):
        folder = Path(shutil.copytree(made, tmp_path / str(number)))
        spoil(folder / SHARD_0, draw.randrange(size), draw.randrange(8))
        if check(folder).is_damaged:
            outcomes["found"] += 1
            continue
        outcomes["harmless" if dump(folder / SHARD_0) == rows else "silent"] += 1
    assert outcomes["found"] > outcomes["silent"], outcomes
    assert outcomes["found"] > 5, outcomes  # most of the rest hits room that is free


@pytest.mark.parametrize("name", [LOG_1 + "-wal", SHARD_0 + "-wal"])
def test_flips_in_the_files_of_a_killed_node(killed: Path, tmp_path: Path, name: str) -> None:
    """A bit that flips in a WAL is found, wherever it lies, the last frame aside: a kill may have cut that short."""
    draw = random.Random(name)
    found = 0
    image = (killed / name).read_bytes()
    for number in range(25):
        folder = Path(shutil.copytree(killed, tmp_path / str(number)))
        spoil(folder / name, draw.randrange(len(image)), draw.randrange(8))
        found += any(finding.kind != "small_file" for finding in check(folder).findings)
    assert found >= 20


def test_a_hole_in_the_wal_of_a_shard(killed: Path, tmp_path: Path) -> None:
    """What no checkpoint has copied, the log brings back; pages that one has copied do not fit with older ones."""
    folder = Path(shutil.copytree(killed, tmp_path / "data"))
    spoil(folder / f"{SHARD_0}-wal", 32 + 20 * (4096 + 24) + 500)
    report = check(folder)
    assert [(finding.kind, finding.level) for finding in report.findings] == [("wal", "doubt")]
    shutil.copytree(killed, folder, dirs_exist_ok=True)
    connection = apsw.Connection(str(folder / SHARD_0))
    connection.execute("SELECT * FROM meta").fetchall()
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    left = tmp_path / "left"
    shutil.copytree(folder, left)
    connection.close()
    spoil(left / f"{SHARD_0}-wal", 32 + 20 * (4096 + 24) + 500)
    assert "wal" in kinds(check(left))


def test_a_log_that_is_shortened_meanwhile(tmp_path: Path) -> None:
    """The node that runs drops segments while they are read, and goes on behind what was read: no damage."""
    node = StoredNode(tmp_path / "data", log_options={"segment_bytes": 20_000}).work(30)
    shard = node.shards[0]
    firsts: list[tuple[int, int]] = []
    """The last entry that the file showed, and the first one of the shortened log."""

    def go_on(what: str, done: int, _total: int) -> None:
        if done or ("pages" not in what and not (what.startswith("log-") and "entries" in what)):
            return
        before = shard.file.applied
        if not firsts:
            node.work(60)
        if len(firsts) < 2:
            shard.file.make_durable()
            node.log.truncate(1, shard.file.applied - 2 if firsts else before + 60)
        firsts.append((before, node.log.first_index(1)))

    report = verify([tmp_path / "data"], go_on)
    node.close()
    assert firsts[0][1] > firsts[0][0] + 1  # what the file was read to has left the log
    assert firsts[1][1] > firsts[0][1]  # and a segment that was to be read
    assert report.findings == []


@pytest.mark.parametrize(
    ("place", "kind"),
    [("middle", "checksum"), ("header", "unreadable"), ("schema", "unreadable"), ("cut", "structure")],
)
def test_damage_of_a_segment(stopped: Path, place: str, kind: str) -> None:
    """Header, list of tables, an entry, and a file cut short each have a finding that names the file."""
    path = stopped / LOG_1
    if place == "middle":
        spoil_every(path, b"x" * 40)
    elif place == "header":
        spoil(path, 3)
    elif place == "schema":
        spoil(path, 100)
    else:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - 4096)
    report = check(stopped)
    assert kinds(report) & {kind, "unreadable", "short"}
    assert any(str(path) in finding.where for finding in report.findings)


def test_a_spoilt_entry_is_named(stopped: Path) -> None:
    """The entry's number and group are what an operator and a bug report need."""
    path = stopped / LOG_1
    spoil_every(path, b"x" * 40)
    told = [finding.where for finding in check(stopped).findings if finding.kind == "checksum"]
    assert any(where.startswith(f"{path}: entry 2 of group 1") for where in told), told


def test_small_files_of_the_log(stopped: Path) -> None:
    """One bad slot is a doubt, two are damage; a missing file and an old epoch are damage."""
    spoil(stopped / "log/hard_state", 18)
    assert kinds(check(stopped)) <= {"epoch"}
    assert any(finding.level == "doubt" and finding.kind == "small_file" for finding in check(stopped).findings)
    spoil(stopped / "log/hard_state", 4096 + 18)
    assert "small_file" in kinds(check(stopped))
    (stopped / "log/synced").unlink()
    assert "small_file" in kinds(check(stopped))


def test_a_log_that_lost_its_end(stopped: Path, tmp_path: Path) -> None:
    """Fewer entries than were on the disk once: the side file tells, and the shard file does."""
    connection = sqlite3.connect(stopped / LOG_1)
    connection.execute("DELETE FROM log WHERE grp = 1 AND idx > 20")
    connection.commit()
    connection.close()
    assert {"short", "ends"} <= kinds(check(stopped))


def test_a_missing_segment_and_a_gap(tmp_path: Path) -> None:
    """Segments go on from each other; the shard files are told to need what is gone."""
    folder = StoredNode(tmp_path / "data", log_options={"segment_bytes": 20_000}).work(60).close()
    assert len(list((folder / "log").glob("log-*.db"))) > 3
    assert check(folder).findings == []
    (folder / "log/log-00000002.db").unlink()
    report = check(folder)
    assert "segment" in kinds(report)
    assert any("log-00000002.db" in finding.where for finding in report.findings)


def test_a_shard_file_older_than_the_log_reaches(tmp_path: Path) -> None:
    """A file put back from last week beside a log that was shortened since cannot go on, and is told."""
    node = StoredNode(tmp_path / "data", log_options={"segment_bytes": 20_000}).work(3)
    old = node.killed(tmp_path / "old")
    node.work(12)
    shard = node.shards[0]
    shard.end_runs()
    shard.apply()
    durable = shard.file.make_durable()
    node.log.truncate(1, durable)
    assert node.log.first_index(1) > 10
    folder = node.close()
    shutil.copy(old / SHARD_0, folder / SHARD_0)
    shutil.copy(old / f"{SHARD_0}-wal", folder / f"{SHARD_0}-wal")
    assert "ends" in kinds(check(folder))


def test_missing_files(stopped: Path, tmp_path: Path) -> None:
    """A folder without its log or its identity is damaged; a path that is nothing is refused."""
    (stopped / "identity.json").unlink()
    assert kinds(check(stopped)) == {"identity"}
    shutil.rmtree(stopped / "log")
    assert kinds(check(stopped)) == {"identity", "log"}
    with pytest.raises(OperatorError, match="give a node's data folder"):
        check(tmp_path)
    with pytest.raises(OperatorError, match="there is no"):
        check(tmp_path / "nix")
