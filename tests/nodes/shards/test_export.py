"""Rows leave as they are, all of them, and cost no memory; a condition can do nothing but choose."""

import csv
import io
import json
import tracemalloc
from pathlib import Path

import pytest
from stored_node import START, StoredNode, spoil

from mainspring.nodes.cli import app
from mainspring.nodes.cli.data_folder import shard_paths
from mainspring.nodes.shards.export import TIMES, VIEWS, Export
from mainspring.nodes.shards.report import OperatorError
from mainspring.nodes.storage.shard.offline import open_offline

AWKWARD = '[["a,b","say \\"yes\\"","line\\nbreak","Zürich ☃"],{}]'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a stopped node with two shards, with awkward texts."""
    node = StoredNode(tmp_path_factory.mktemp("export") / "data", count=2).work(5, jobs=2)
    node.elapsed_ns += 9 * 10**9
    for shard in node.shards:
        shard.submit(1, payload=AWKWARD)
    return node.close()


def shards(folder: Path) -> list[tuple[int, Path]]:
    """The files."""
    return [(place.shard, place.path) for place in shard_paths(folder)]


def cli(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Runs the program; gives status, stdout and stderr."""
    status = app.run(["shards", "export", *words])
    return status, *capsys.readouterr()


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_in_every_form(capsys: pytest.CaptureFixture[str], folder: Path, view: str) -> None:
    """CSV, JSON and NDJSON hold the same rows under the same names, the shard in front."""
    words = ("--data", str(folder), "--view", view)
    status, text, _ = cli(capsys, *words)
    assert status == 0
    table = list(csv.reader(io.StringIO(text, newline="")))
    listed = json.loads(cli(capsys, *words, "--format", "json")[1])
    lines = [json.loads(line) for line in cli(capsys, *words, "--format", "ndjson")[1].splitlines()]
    assert lines == listed
    assert [list(row) for row in listed] == [table[0]] * len(listed)
    assert [["" if value is None else str(value) for value in row.values()] for row in listed] == table[1:]
    assert table[0][0] == "shard"
    connection = open_offline(folder / "tasks_default_shard_0.db")
    assert table[0][1:] == [column[0] for column in connection.execute(f"SELECT * FROM {view}").description]
    connection.close()


def test_csv_is_that_of_the_standard(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """RFC 4180: CRLF, quotes doubled, commas and line breaks inside quotes; NULL is empty; UTF-8."""
    _, text, _ = cli(capsys, "--data", str(folder), "--where", "id = 11")
    assert text.count("\r\n") == 2
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["payload"] == AWKWARD
    assert row["error"] == ""
    assert "☃" in text


def test_rows_are_chosen(folder: Path) -> None:
    """By a condition, and by the time of the view; both count."""
    late_ms = START.wall_ms + 9000
    assert {row["job"] for row in Export(shards(folder), "v_jobs", "id & 7 = 5", None).rows()} == {"5", "1-5"}
    assert len(list(Export(shards(folder), "v_jobs", None, late_ms).rows())) == 2
    assert not list(Export(shards(folder), "v_jobs", "state = 'dead' OR 1 -- all", late_ms * 2).rows())
    assert set(TIMES) <= set(VIEWS)
    with pytest.raises(OperatorError, match="v_queues has no time; --since goes with v_jobs"):
        Export(shards(folder), "v_queues", None, 1)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("nix = 1", "no such column: nix; correct the condition"),
        ("1) UNION SELECT 1 --", "correct the condition"),
        ("1; DELETE FROM jobs", "correct the condition"),
        ("load_extension('x')", "an export only reads"),
        ("1) ; ATTACH 'x' AS y; --", "correct the condition"),
    ],
)
def test_a_condition_is_only_a_condition(folder: Path, where: str, told: str) -> None:
    """What is wrong, or would do more than choose, is refused in words."""
    with pytest.raises(OperatorError, match=told):
        list(Export(shards(folder), "v_jobs", where, None).rows())


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Ten times the rows take the same room, while they are read one by one."""
    peaks: list[int] = []
    node = StoredNode(tmp_path / "data")
    shard = node.shards[0]
    for count in (1_000, 10_000):
        for _ in range(count // 200):
            shard.submit(200)
        shard.apply()
        export = Export([(0, shard.path)], "v_jobs", None, None)
        assert sum(1 for _ in export.rows()) >= count
        tracemalloc.start()
        assert sum(1 for _ in export.rows()) >= count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    node.close()
    assert peaks[1] < peaks[0] + 100_000, peaks


def test_files_of_a_killed_node(tmp_path: Path) -> None:
    """Rows that stand in a WAL alone are exported as well."""
    node = StoredNode(tmp_path / "live").work(5)
    left = node.killed(tmp_path / "left")
    node.close()
    rows = list(Export(shards(left), "v_jobs", None, None).rows())
    assert len(rows) == 50
    assert "shard" not in rows[0]
    assert len(list(Export(shards(left), "v_executions", "outcome = 'failed'", None).rows())) == 10


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    """An export that broke off says where, and what to do."""
    folder = StoredNode(tmp_path / "data").work(10).close()
    path = folder / "tasks_default_shard_0.db"
    for offset in range(8 * 4096, path.stat().st_size, 4096):
        spoil(path, offset, 7)
    with pytest.raises(OperatorError, match=r"is damaged .* `mainspring shards verify`"):
        list(Export(shards(folder), "v_jobs", None, None).rows())


def test_a_file_appears_whole_or_not_at_all(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    """A wrong condition leaves nothing, what is there stays, and --json says what was written."""
    target = tmp_path / "jobs.csv"
    words = ("--data", str(folder), "--output", str(target))
    assert cli(capsys, *words, "--where", "nix = 1")[0] == 1
    assert list(tmp_path.iterdir()) == []
    status, out, _ = cli(capsys, *words, "--json", "--format", "csv")
    assert (status, json.loads(out)["rows"]) == (0, 22)
    assert len(target.read_bytes().splitlines()) == 23
    status, _, err = cli(capsys, *words)
    assert (status, "overwrites nothing" in err) == (1, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--format", "xls"], "there are csv, json, ndjson"),
        (["--view", "jobs"], "there is no view 'jobs'; there are v_jobs"),
        (["--since", "soon"], "is no moment since 1970; write such as"),
    ],
)
def test_wrong_words(capsys: pytest.CaptureFixture[str], folder: Path, words: list[str], told: str) -> None:
    """Each is wrong usage, status 2, and names what there is."""
    status, _, err = cli(capsys, "--data", str(folder), *words)
    assert status == 2
    assert told in err
