"""N14 to N16: how long nobody is served when a leader or an executor dies, is held or is cut off.

Decides which drills are run, how often, and which of their figures count; what a drill does, and from when to when it
is timed, stands in docs/drills.md. They are run as a command, in a process of their own. A drill that finds anything
violated gives no figures: it is told instead.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from ..cli.errors import CommandError
from .sizes import Sizes

ROUND_S: Final = 60.0
HELD_S: Final = 4.0
PACKAGE: Final = __name__.split(".")[0]


def measure_kill(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns the longest times without an acknowledgement, and without a start, around kills of the leader, in ms."""
    found = _measures("kill-leader", folder, sizes.kills)
    return {
        f"n14_{name}_{share}": found[f"{kind}_ms_{share}"]
        for name, kind in (("ack", "acks"), ("start", "starts"))
        for share in ("p50", "p99")
    }


def measure_silence(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns the longest times without an acknowledgement while a leader is held, and while it is cut off, in ms."""
    figures: dict[str, float] = {}
    for name, drill in (("stop", "stop-leader"), ("cut", "isolate-leader")):
        if drill not in absent_drills():
            found = _measures(drill, folder, sizes.silences, HELD_S)
            figures |= {f"n15_{name}_{share}": found[f"acks_ms_{share}"] for share in ("p50", "p99")}
    return figures


def measure_executor(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns how long after an executor was killed, or cut off, its jobs begin again, in ms."""
    figures: dict[str, float] = {}
    for name, drill in (("killed", "kill-executor"), ("silent", "isolate-follower")):
        if drill not in absent_drills():
            found = _measures(drill, folder, sizes.executor_kills if name == "killed" else sizes.silences, HELD_S)
            if found["again_ms"]:
                figures |= {f"n16_{name}_{share}": found[f"again_ms_{share}"] for share in ("p50", "p99")}
    return figures


def absent_drills() -> dict[str, str]:
    """Returns the drills that cannot be run here, with what they miss."""
    done = _run("list", "--json")
    return {row["name"]: "; ".join(row["missing"]) for row in json.loads(done.stdout) if row["missing"]}


def _measures(drill: str, folder: Path, rounds: int, seconds: float | None = None) -> dict[str, Any]:
    words = [drill, "--rounds", str(rounds), "--report", str(folder), "--json"]
    if seconds is not None:
        words += ["--seconds", str(seconds)]
    done = _run(*words, wait_s=ROUND_S * (rounds + 2))
    try:
        (result,) = json.loads(done.stdout)
    except ValueError:
        raise CommandError(f"the drill {drill} has failed: {done.stderr[-500:].strip()}") from None
    if not result["verdict"]["clean"]:
        raise CommandError(f"the drill {drill} found: {'; '.join(result['verdict']['told'])}")
    return result["measures"]


def _run(*words: str, wait_s: float = ROUND_S) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", PACKAGE, "drill", *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=wait_s, check=False)
    except subprocess.TimeoutExpired:
        raise CommandError(f"`mainspring drill {' '.join(words)}` has not ended after {wait_s:.0f} s") from None
