"""`mainspring bench` on real processes: its quickest measure, as JSON and as a table."""

import json
import subprocess
import sys
from pathlib import Path


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


def test_an_unknown_measure_fails(tmp_path: Path) -> None:
    """Before anything is measured, with the names that there are."""
    done = subprocess.run(
        [sys.executable, "-m", "mainspring", "bench", "--only", "N99", "--dir", str(tmp_path)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 1
    assert "there is no measure 'N99'; there are floors, N1, " in done.stderr
