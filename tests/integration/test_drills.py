"""Short drills on real nodes: what is killed, held or cut off loses nothing, and the cluster is whole again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mainspring.chaos.drills import tools
from mainspring.chaos.drills.names import is_process_alive, stale
from mainspring.chaos.drills.suite import DRILLS

BOUND_S = 120.0

pytestmark = [pytest.mark.slow, pytest.mark.integration]


def drilled(tmp_path: Path, name: str, *options: str) -> dict[str, Any]:
    """Runs a drill as people do; returns its only result, which must be clean."""
    missing = tools.missing(DRILLS[name].needs)
    if missing:
        pytest.skip(f"{name} needs {'; '.join(missing)}")
    words = [sys.executable, "-m", "mainspring", "drill", name, "--report", str(tmp_path), "--json", *options]
    done = subprocess.run(words, capture_output=True, text=True, timeout=BOUND_S, check=False)
    assert done.stdout, done.stderr
    (result,) = json.loads(done.stdout)
    assert result["verdict"]["told"] == []
    assert done.returncode == 0, done.stderr
    assert (tmp_path / name / "report.html").exists()
    return result


def test_a_node_without_a_cluster(tmp_path: Path) -> None:
    """Its coordinator is killed twice; clients notice nothing but a pause."""
    result = drilled(tmp_path, "kill-single", "--rounds", "2")
    assert result["rounds"] == 2
    assert result["verdict"]["acked"] > 100


def test_the_leader_is_killed(tmp_path: Path) -> None:
    """Three times: others lead, and each round is over."""
    result = drilled(tmp_path, "kill-leader", "--rounds", "3")
    assert len(result["measures"]["acks_ms"]) == 3


def test_the_leader_is_held(tmp_path: Path) -> None:
    """Twice for two seconds: others lead meanwhile, and what it says when it wakes up changes nothing."""
    result = drilled(tmp_path, "stop-leader", "--rounds", "2", "--seconds", "2")
    assert len(result["measures"]["acks_ms"]) == 2


def test_the_leader_is_cut_off(tmp_path: Path) -> None:
    """Once for three seconds, clients reaching both sides; nothing is left of the network afterwards."""
    drilled(tmp_path, "partition-leader", "--rounds", "1", "--seconds", "3")
    folder = Path("/run/netns")
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    assert stale(names, is_process_alive) == []
