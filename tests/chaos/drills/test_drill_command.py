"""The drill command: its list, and what it refuses."""

import json
from pathlib import Path

import pytest

from mainspring.chaos.drills import tools
from mainspring.chaos.drills.node import Place, Settings, toml
from mainspring.chaos.drills.suite import DRILLS
from mainspring.nodes.cli.drill import command
from mainspring.nodes.cli.errors import CommandError


def test_the_list_names_all(capsys: pytest.CaptureFixture[str]) -> None:
    """Each drill with its title, and what is missing for it here."""
    assert command("list", json=True) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == list(DRILLS)


def test_the_list_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """The same as a table."""
    assert command("list") == 0
    assert "kill-leader" in capsys.readouterr().out


def test_an_unknown_drill_is_refused() -> None:
    """The text says where the names are."""
    with pytest.raises(CommandError, match="drill list"):
        command("kill-everybody")


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it, before anything is started."""
    monkeypatch.setattr(tools, "path_of", lambda program: None if program == "iptables" else program)
    monkeypatch.setattr(tools.os, "geteuid", lambda: 0)
    with pytest.raises(CommandError, match="iptables: apt-get install -y iptables"):
        command("partition-leader")


def test_without_root_the_network_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drill that needs no namespaces needs nothing."""
    monkeypatch.setattr(tools.os, "geteuid", lambda: 1000)
    assert any("as root" in text for text in tools.missing(DRILLS["partition-leader"].needs))
    assert tools.missing(DRILLS["kill-leader"].needs) == []


def test_the_file_of_a_member(tmp_path: Path) -> None:
    """It has the tables of all members; one without a cluster has none."""
    places = [Place(f"n{n}", f"tcp://10.213.1.{n}:7421", f"tcp://10.213.1.{n}:7411") for n in (1, 2, 3)]
    data = tmp_path
    text = toml(places[0], data, Settings(), places, is_joining=False)
    assert text.count("[[cluster.members]]") == 3
    assert "join = false" in text
    assert "join = true" in toml(places[2], data, Settings(), places[2:], is_joining=True)
    assert "cluster" not in toml(places[0], data, Settings(), (), is_joining=False)
