"""`mainspring bench` on real processes: its quickest measure, as JSON and as a table."""

import json
import subprocess
import sys
from pathlib import Path

from mainspring.nodes.bench.figures import COMMANDS


def test_the_quickest_measure_gives_figures(tmp_path: Path) -> None:
    """A table on stdout, everything in the JSON file, nothing left behind."""
    out = tmp_path / "figures.json"
    words = ["--quick", "--only", "N18,floors", "--dir", str(tmp_path / "data"), "--json", str(out)]

    done = subprocess.run(
        [sys.executable, "-m", "mainspring", "bench", *words], capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr
    assert "a client's import, whole process" in done.stdout
    found = json.loads(out.read_text("utf-8"))
    values = {figure["key"]: figure["value"] for figure in found["figures"]}
    assert values["n18"] > values["n18_bare"] > 0
    assert values["n18_heavy"] == 0
    assert values["echo_in_turn"] > 0
    assert found["quick"] is True
    assert found["skipped"] == {}
    assert not list((tmp_path / "data").iterdir())


LARGE = {
    "N6": ("n6_p50", "n6_p99", "n6_load"),
    "N10": ("n10_beyond", "n10_within", "n10_within_at"),
    "N11": ("n11", "n11_coordinator", "n11_files"),
    "growth": ("growth_enqueue_10k", "growth_drain_10k", "growth_restart_10k", "growth_listing_10k", "growth_pss_10k"),
    "queries": ("queries_load", "queries_pss", *(f"queries_{command}_max" for command in COMMANDS)),
}
"""The measures of a loaded node, and figures that each must give even in its smallest run."""


def test_a_loaded_node_is_measured(tmp_path: Path) -> None:
    """Load, backlog, memory and restarts: each measure gives its lines, with goals, and ends what it has started."""
    out = tmp_path / "figures.json"
    words = ["--quick", "--only", ",".join(LARGE), "--dir", str(tmp_path / "d"), "--json", str(out)]

    done = subprocess.run(
        [sys.executable, "-m", "mainspring", "bench", *words], capture_output=True, text=True, timeout=240
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text("utf-8"))
    assert found["skipped"] == {}
    values = {figure["key"]: figure["value"] for figure in found["figures"]}
    assert values.keys() >= {key for keys in LARGE.values() for key in keys}
    assert all(value > 0 for key, value in values.items() if not key.startswith("n10_"))
    assert "killed with a million pending" in done.stdout
    assert "≤ 200 ms" in done.stdout
    assert not list((tmp_path / "d").iterdir())


def test_an_unknown_measure_fails(tmp_path: Path) -> None:
    """Before anything is measured, with the names that there are."""
    done = subprocess.run(
        [sys.executable, "-m", "mainspring", "bench", "--only", "N99", "--dir", str(tmp_path)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 1
    assert "there is no measure 'N99'; there are floors, N1, " in done.stderr
