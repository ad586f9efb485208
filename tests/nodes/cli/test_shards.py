"""`mainspring shards`: SQL over the files, and figures of them."""

import csv
import json
from pathlib import Path

import pytest
from schedule_entries import schedules_of_each
from shard_entries import START_MS, a_submit, an_entry, apply, one_of_each

from mainspring.actors.store import ReadListing
from mainspring.broker.wire.ids import job_id
from mainspring.nodes.cli import app, shard_stat
from mainspring.nodes.cli.data_folder import shard_paths
from mainspring.nodes.cli.errors import CommandError
from mainspring.nodes.cli.shard_sql import run
from mainspring.nodes.shards.layout import ShardPath
from mainspring.nodes.storage.shard.shard_file import ShardFile

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a stopped node with two shards."""
    made = tmp_path_factory.mktemp("shards")
    for shard in (0, 1):
        store = ShardFile(made / f"tasks_default_shard_{shard}.db")
        apply(store, *one_of_each(shard))
        store.close()
    return made


@pytest.fixture(scope="module")
def shards(folder: Path) -> list[ShardPath]:
    """Both files."""
    return shard_paths(folder)


def cli(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Runs the program; gives status, stdout and stderr."""
    status = app.run(["shards", *words])
    return status, *capsys.readouterr()


def test_shard_files_are_found_by_name(folder: Path, shards: list[ShardPath], tmp_path: Path) -> None:
    """Nothing else in a data folder is a shard, and their order is by number."""
    assert [place.shard for place in shards] == [0, 1]
    for name in (
        "tasks_a_b_shard_10.db",
        "tasks_x_shard_9.db",
        "tasks_x_shard_9.db-wal",
        "tasks__shard_1.db",
        "log.db",
    ):
        (tmp_path / name).touch()
    found = [(place.shard, place.path.name) for place in shard_paths(tmp_path)]
    assert found == [(9, "tasks_x_shard_9.db"), (10, "tasks_a_b_shard_10.db")]


def test_several_shards_are_one_answer(shards: list[ShardPath]) -> None:
    """The first column must say which shard a row is of; one shard needs none."""
    answer = run(shards, "SELECT job, state FROM v_jobs WHERE state = 'dead'", limit=10, timeout_s=5)
    assert answer == (["shard", "job", "state"], [(0, "7", "dead"), (1, "1-7", "dead")], False)
    assert run(shards[:1], "SELECT 1 AS one", limit=10, timeout_s=5) == (["one"], [(1,)], False)


def test_rows_are_limited(shards: list[ShardPath]) -> None:
    """The limit is that of all shards together, and what it cuts must be told."""
    for limit in (1, 8, 9, 10, 17):
        answer = run(shards, "SELECT id FROM v_jobs", limit=limit, timeout_s=5)
        assert (len(answer.rows), answer.more) == (limit, True)
    answer = run(shards, "SELECT id FROM v_jobs", limit=18, timeout_s=5)
    assert (len(answer.rows), answer.more) == (18, False)


def test_columns_of_one_name_are_told_apart(shards: list[ShardPath]) -> None:
    """A row must fit into an object."""
    answer = run(shards, "SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS shard", limit=1, timeout_s=5)
    assert answer.columns == ["shard", "a", "a_2", "a_2_2", "shard_2"]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM jobs", "INSERT INTO jobs (id) VALUES (1)", "UPDATE meta SET applied = 0", "DROP TABLE jobs",
        "CREATE TABLE x (a)", "CREATE TEMP TABLE x (a)", "ATTACH 'x.db' AS x", "VACUUM", "VACUUM INTO 'x.db'",
        "REINDEX", "ANALYZE", "BEGIN", "PRAGMA query_only = OFF", "PRAGMA user_version = 7", "PRAGMA wal_checkpoint",
        "PRAGMA writable_schema = ON", "SELECT load_extension('x')", "WITH x AS (SELECT 1) DELETE FROM jobs",
        "UPDATE sqlite_master SET sql = 'x'", "CREATE TABLE json_each (x)",
    ],
)  # fmt: skip
def test_only_reading_is_allowed(
    shards: list[ShardPath], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    """Whatever would change something must be refused in words, and no file may appear."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match="this command only reads, and the statement would change something"):
        run(shards, sql, limit=10, timeout_s=5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "sql",
    [
        "PRAGMA table_info(v_jobs)", "PRAGMA user_version", "EXPLAIN QUERY PLAN SELECT * FROM v_jobs", "VALUES (1)",
        "SELECT value FROM v_jobs, json_each(payload)", "SELECT * FROM pragma_table_info('v_jobs')",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 9) SELECT sum(x) FROM c",
    ],
)  # fmt: skip
def test_whatever_reads_is_allowed(shards: list[ShardPath], sql: str) -> None:
    """People look at plans, columns and arguments, too."""
    assert run(shards[:1], sql, limit=100, timeout_s=5).rows


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (" \n", "there is no statement; give one"),
        ("SELECT 1; SELECT 2", "there is more than one statement; give one"),
        ("SELEC", 'tasks_default_shard_0.db: near "SELEC": syntax error'),
        ("SELECT * FROM emails", "no such table: emails; the tables to ask are the views"),
        ("SELECT mail FROM v_jobs", "no such column: mail"),
    ],
)
def test_faults_are_told(shards: list[ShardPath], sql: str, told: str) -> None:
    """A statement that is none must be an error of one line."""
    with pytest.raises(CommandError, match=told):
        run(shards, sql, limit=10, timeout_s=5)


def test_a_runaway_query_is_stopped(shards: list[ShardPath]) -> None:
    """The time is that of all shards together."""
    with pytest.raises(CommandError, match=r"ran longer than 0\.05 s and was stopped"):
        run(shards, ENDLESS, limit=10, timeout_s=0.05)


def test_a_file_that_is_no_shard_is_told(tmp_path: Path) -> None:
    """The text must name the file."""
    (tmp_path / "tasks_default_shard_0.db").write_text("no database at all, but long enough" * 10)
    with pytest.raises(CommandError, match=r"tasks_default_shard_0\.db is no SQLite file"):
        run(shard_paths(tmp_path), "SELECT 1", limit=10, timeout_s=5)


def test_query_prints_tables_lines_and_csv(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """The same rows in three forms; bytes and what is no number must not break JSON."""
    sql = "SELECT job, error, x'00ff' AS bytes, 9e999 AS big FROM v_jobs WHERE state = 'dead'"
    status, out, err = cli(capsys, "query", sql, "--data", str(folder), "--json")
    assert (status, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["shard"], line["job"], line["bytes"], line["big"]) for line in lines] == [
        (0, "7", "00ff", None),
        (1, "1-7", "00ff", None),
    ]
    status, out, _ = cli(capsys, "query", sql, "--data", str(folder), "--csv")
    rows = list(csv.reader(out.splitlines(keepends=True)))
    assert rows[0] == ["shard", "job", "error", "bytes", "big"]
    assert rows[2] == ["1", "1-7", "no such host\nTraceback ...", "00ff", ""]
    status, out, _ = cli(capsys, "query", sql, "--data", str(folder))
    assert out.split()[:5] == ["shard", "job", "error", "bytes", "big"]
    assert cli(capsys, "query", "SELECT 1 WHERE 0", "--data", str(folder))[1] == "no rows\n"


def test_a_cut_answer_is_told_on_stderr(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Whoever reads stdout must not find a note there."""
    status, out, err = cli(capsys, "query", "SELECT id FROM v_jobs", "--data", str(folder), "--limit", "2", "--csv")
    assert (status, len(out.splitlines())) == (0, 3)
    assert err == "only the first 2 rows are shown; --limit N gives more\n"


def test_the_nearest_data_folder_is_read(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As git finds its folder: here, or above; the folder that holds it will do for --data."""
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "mainspring-data").symlink_to(folder)
    monkeypatch.chdir(below)
    for words in ((), ("--data", str(tmp_path)), ("--data", str(folder))):
        status, out, _ = cli(capsys, "query", "SELECT count(*) AS n FROM v_jobs", "--json", *words)
        assert (status, out) == (0, '{"shard": 0, "n": 9}\n{"shard": 1, "n": 9}\n')


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["query", "SELECT 1", "--data", "nix"], 1, "nix is no folder; give the data_dir of a node"),
        (["query", "SELECT 1", "--data", "."], 1, ". has no shard files; give a node's data folder"),
        (["query", "SELECT 1"], 1, "neither "),
        (["query", "SELECT 1", "--csv", "--json"], 2, "invalid value: --csv and --json are both given"),
        (["query", "SELECT 1", "--limit", "0"], 2, "invalid value for '--limit'"),
        (["stat", "--data", "nix", "--url", "ipc://x"], 2, "invalid value: --url asks a node and --data reads files"),
        (["stat", "--data", "."], 1, ". has no shard files"),
        ([], 2, "missing command"),
    ],
)
def test_faults_of_the_command_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    status: int,
    told: str,
) -> None:
    """Status 2 for what was typed, 1 for what was not found."""
    monkeypatch.chdir(tmp_path)
    found, out, err = cli(capsys, *words)
    assert (found, out) == (status, "")
    assert err.startswith(f"mainspring: {told}")


def test_figures_from_files_and_from_a_node_agree(tmp_path: Path) -> None:
    """Both sources must give the same figures of the same shards under the same names."""
    listed: list[dict[str, object]] = []
    for shard in (1, 0):
        store = ShardFile(tmp_path / f"tasks_default_shard_{shard}.db")
        apply(
            store,
            *one_of_each(shard),
            an_entry(a_submit(job_id(shard, 10), 1, sequence=2), stamp_ms=START_MS + 3000),
            *schedules_of_each(shard, 11),
        )
        rows = store.read(ReadListing("stat", {}))[1]
        listed += [
            {"name": name, "value": value} for name, value in [*rows, ["shard", shard], ["index", 7], ["leases", 1]]
        ]
        store.checkpoint()
        store.close()
    online = shard_stat.online(listed)
    offline = shard_stat.offline(tmp_path, shard_paths(tmp_path))
    for asked, read in zip(online, offline, strict=True):
        assert asked.pop("memory") == {"leases": 1}
        assert (asked.pop("log_index"), read.pop("log_index")) == (7, None)
        for name in ("bytes", "wal_bytes"):
            assert (asked["file"].pop(name) >= 0, read["file"].pop(name) >= 0) == (True, True)
        assert asked == read
    assert [row["shard"] for row in online] == [0, 1]
    assert offline[0]["rows"] == {
        "jobs": 8, "finished": 5, "executions": 3, "lanes": 2, "executors": 1, "tasks": 1, "leases": 1,
        "sessions": 2, "keys": 1, "schedules": 4, "ticks": 6, "audit": 1, "tick_jobs": 2,
    }  # fmt: skip


def test_stat_of_files(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A stopped node's figures must be a table for people and an array for programs."""
    status, out, _ = cli(capsys, "stat", "--data", str(folder), "--json")
    rows = json.loads(out)
    assert status == 0
    assert [(row["shard"], row["epoch"], row["applied"], row["log"]) for row in rows] == [
        (0, 1, 6, None),
        (1, 1, 6, None),
    ]
    status, out, _ = cli(capsys, "stat", "--data", str(folder))
    assert out.split()[:3] == ["shard", "epoch", "log"]


def test_reading_leaves_the_files_alone(folder: Path, shards: list[ShardPath]) -> None:
    """A query must not change a byte of a stopped node's files."""
    before = [place.path.read_bytes() for place in shards]
    run(shards, "SELECT * FROM v_jobs", limit=100, timeout_s=5)
    shard_stat.offline(folder, shards)
    assert [place.path.read_bytes() for place in shards] == before
