"""The demonstration takes crontabs over, paused, and says what it found."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mainspring.broker.wire.rows import SCHEDULE_COLUMNS
from mainspring.nodes.demo import crontabs
from mainspring.nodes.demo.crontabs import SOURCE, Crontabs, take
from mainspring.nodes.schedules.crontab_files import UnreadableCrontab, owner_of_node

PAUSED = SCHEDULE_COLUMNS.index("paused")


def taken(folder: Path, places: list[Path]) -> tuple[Crontabs, list[list[Any]]]:
    """Takes over what there is; returns what is told, and what the node is asked to keep."""
    asked: list[list[list[Any]]] = []

    def apply(rows: list[list[Any]], source: str, whole: bool) -> None:
        assert (source, whole) == (SOURCE, True)
        asked.append(rows)

    client: Any = SimpleNamespace(schedules=SimpleNamespace(apply=apply))
    found = take(client, folder / "data", places)
    (rows,) = asked
    return found, rows


def test_lines_of_the_nodes_user_become_paused_schedules(tmp_path: Path) -> None:
    """Lines of others are left out, with the reason; each schedule has its next time."""
    me = owner_of_node(None).name
    (tmp_path / "cron.d").mkdir()
    (tmp_path / "cron.d" / "clean").write_text(f"10 3 * * * {me} /bin/clean\n0 4 * * * somebody-else /bin/other\n")

    found, rows = taken(tmp_path, [tmp_path / "crontab", tmp_path / "cron.d"])

    assert found.schedules == len(rows) == 1
    assert rows[0][0] == "demo:clean"
    assert rows[0][PAUSED] is True
    assert found.lines[1].split()[:6] == ["clean", "10", "3", "*", "*", "*"]
    assert " next " in found.lines[1]
    assert found.lines[2].startswith("  left out: ")
    assert "somebody-else" in found.lines[2]
    assert (tmp_path / "data" / "crontabs" / "commands.toml").exists()


def test_a_machine_without_crontabs_is_told(tmp_path: Path) -> None:
    """What an earlier run has taken over must go, too."""
    found, rows = taken(tmp_path, [tmp_path / "crontab"])

    assert rows == []
    assert found == Crontabs((f"this machine has no crontabs ({tmp_path / 'crontab'})",), 0)
    assert not (tmp_path / "data").exists()


def test_crontabs_of_others_are_not_taken(tmp_path: Path) -> None:
    """The reason must be told."""
    (tmp_path / "crontab").write_text("0 4 * * * somebody-else /bin/other\n")

    found, rows = taken(tmp_path, [tmp_path / "crontab"])

    assert rows == []
    assert "no line that can be taken over" in found.lines[0]
    assert "somebody-else" in found.lines[1]


def test_a_user_without_a_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's lines can be taken over then, and the demonstration goes on."""

    def nobody(name: str | None) -> None:
        raise UnreadableCrontab("this machine has no user with the number 12345")

    monkeypatch.setattr(crontabs, "owner_of_node", nobody)
    (tmp_path / "crontab").write_text("0 4 * * * somebody-else /bin/other\n")

    found, rows = taken(tmp_path, [tmp_path / "crontab"])

    assert rows == []
    assert "12345" in found.lines[1]
