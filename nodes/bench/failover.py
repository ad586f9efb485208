"""N14 to N16: how long nobody is served when a leader or an executor dies, is held or is cut off.

Decides which drills are run, how often and for how long, and which of their figures count; what a drill does, and from
when to when it is timed, stands in docs/drills.md. Each is run once, all its rounds on one cluster, as a command in a
process of its own. A drill that finds anything violated gives no figures: it is told instead.
"""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ..cli.errors import CommandError
from .sizes import Sizes

LEADER_S: Final = 2.0
"""A leader is silent for that long: several times what an election takes."""
EXECUTOR_S: Final = 4.0
"""An executor is: longer than its lease."""
LIST_S: Final = 60.0
DRILL_S: Final = 180.0
ROUND_S: Final = 15.0
END_S: Final = 20.0
PACKAGE: Final = __name__.split(".")[0]

Say = Callable[[str], None]


def measure_kill(folder: Path, sizes: Sizes, say: Say) -> dict[str, float]:
    """Returns the longest times without an acknowledgement, and without a start, around kills of the leader, in ms."""
    found = _measures("kill-leader", folder, sizes.kills, say)
    return {
        f"n14_{name}_{share}": found[f"{kind}_ms_{share}"]
        for name, kind in (("ack", "acks"), ("start", "starts"))
        for share in ("p50", "p99")
    }


def measure_silence(folder: Path, sizes: Sizes, say: Say) -> dict[str, float]:
    """Returns the longest times without an acknowledgement while a leader is held, and while it is cut off, in ms."""
    figures: dict[str, float] = {}
    absent = absent_drills()
    for name, drill in (("stop", "stop-leader"), ("cut", "isolate-leader")):
        if drill not in absent:
            found = _measures(drill, folder, sizes.silences, say, LEADER_S)
            figures |= {f"n15_{name}_{share}": found[f"acks_ms_{share}"] for share in ("p50", "p99")}
    return figures


def measure_executor(folder: Path, sizes: Sizes, say: Say) -> dict[str, float]:
    """Returns how long after an executor was killed, or cut off, its jobs begin again, in ms."""
    figures: dict[str, float] = {}
    absent = absent_drills()
    drills = (
        ("killed", "kill-executor", sizes.executor_kills),
        ("silent", "isolate-follower", sizes.executor_silences),
    )
    for name, drill, rounds in drills:
        if drill not in absent:
            found = _measures(drill, folder, rounds, say, EXECUTOR_S)
            if found["again_ms"]:
                figures |= {f"n16_{name}_{share}": found[f"again_ms_{share}"] for share in ("p50", "p99")}
    return figures


def absent_drills() -> dict[str, str]:
    """Returns the drills that cannot be run here, with what they miss."""
    rows = json.loads(_run(["list", "--json"], LIST_S)[0])
    return {row["name"]: "; ".join(row["missing"]) for row in rows if row["missing"]}


def _measures(drill: str, folder: Path, rounds: int, say: Say, seconds: float | None = None) -> dict[str, Any]:
    words = [drill, "--rounds", str(rounds), "--report", str(folder), "--json"]
    if seconds is not None:
        words += ["--seconds", str(seconds)]
    output, errors = _run(words, DRILL_S + ROUND_S * rounds, say)
    try:
        (result,) = json.loads(output)
    except ValueError:
        raise CommandError(f"the drill {drill} has failed: {errors[-500:].strip()}") from None
    if not result["verdict"]["clean"]:
        raise CommandError(f"the drill {drill} found: {'; '.join(result['verdict']['told'])}")
    return result["measures"]


def _run(words: list[str], wait_s: float, say: Say | None = None) -> tuple[str, str]:
    """Runs `mainspring drill`, and passes on what it says meanwhile; returns what it wrote to stdout and stderr."""
    command = [sys.executable, "-m", PACKAGE, "drill", *words]
    told: list[str] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True)
        is_late = threading.Event()

        def give_up() -> None:
            is_late.set()
            _end(process)

        patience = threading.Timer(wait_s, give_up)
        patience.start()
        try:
            assert process.stderr is not None
            for line in process.stderr:
                told.append(line)
                if say is not None:
                    say(line.strip())
            process.wait()
        finally:
            patience.cancel()
            _end(process)
        if is_late.is_set():
            raise CommandError(f"`mainspring drill {' '.join(words)}` has not ended after {wait_s:.0f} s")
        out.seek(0)
        return out.read(), "".join(told)


def _end(process: subprocess.Popen[str]) -> None:
    """Ends a drill that still runs; it takes down what it has made."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
