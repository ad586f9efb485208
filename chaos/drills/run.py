"""Runs one drill from the first process to its report.

Decides the order: nodes, schedule, load, a calm while, the rounds, a calm while, the end of the load; then it waits
until all jobs have ended and all files are equal, and has it judged. Must not know what a fault is. Whatever happens,
all that was made is taken down.
"""

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ...broker.net.client import Client
from ...broker.net.exceptions import RequestError
from ...broker.tasks.exceptions import MainspringError
from ...broker.tasks.schedule import Schedule
from . import checker, facts, history, measures, report, runs, tasks, tools
from .cluster import Cluster
from .drill import Drill
from .load import Load
from .node import DrillFailed
from .scene import Air, Scene
from .table import Result

CALM_S: Final = 3.0
REST_S: Final = (0.3, 0.8)
SEE_THROUGH_S: Final = 90.0
QUIET_S: Final = 60.0
EQUAL_S: Final = 10.0
"""Housekeeping goes on when all is quiet, so files are read again that differ."""
CALL_S: Final = 20.0
AHEAD_S: Final = 1
LOOK_EVERY_S: Final = 0.05

Step = Callable[[str], None]


def run(drill: Drill, rounds: int, seed: int, seconds: float | None, folder: Path, step: Step) -> Result:
    """Runs a drill and writes its report.

    Args:
        drill: which.
        rounds: how often its fault is done.
        seed: of all that is drawn.
        seconds: how long each fault lasts, None for what the drill says.
        folder: of the report; what an earlier one has left there goes.
        step: is told what happens.

    Raises:
        DrillFailed, ToolFailed: it could not even begin.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    spare = drill.spare + (rounds if drill.has_spares else 0)
    has_network = not drill.alone and not tools.missing({tools.NAMESPACES, tools.IPTABLES})
    cluster = Cluster(drill.nodes, drill.settings, has_network=has_network, spare=spare, alone=drill.alone)
    scene: Scene | None = None
    try:
        scene = Scene(cluster, Air(cluster, seed) if drill.has_weather else None, seed, seconds)
        if drill.prepare is not None:
            drill.prepare(scene)
        step("starting nodes")
        cluster.start()
        cluster.wait_whole()
        trouble, planned_ms = _driven(drill, scene, rounds, seed, step)
        step("judging")
        return _judged(drill, scene, trouble, planned_ms, folder)
    finally:
        _take_down(drill, cluster, scene, folder)


def attempt(drill: Drill, rounds: int, seed: int, seconds: float | None, folder: Path, step: Step) -> Result:
    """Runs a drill as `run` does; one that could not be run to its end is a result as well, and a violated one."""
    try:
        return run(drill, rounds, seed, seconds, folder, step)
    except (
        DrillFailed,
        tools.ToolFailed,
        MainspringError,
        OSError,
        sqlite3.Error,
        subprocess.SubprocessError,
    ) as error:
        verdict = checker.Verdict(told=[f"could not be run to its end: {' '.join(str(error).split())}"])
        nothing = measures.Measures(0.0, 0.0, 0.0)
        return Result(drill.name, drill.title, 0, verdict.as_dict(), nothing.as_dict(), [], str(folder))


def _take_down(drill: Drill, cluster: Cluster, scene: Scene | None, folder: Path) -> None:
    try:
        if scene is not None:
            for child in (scene.load, scene.air):
                if child is not None:
                    child.close()
        for node in cluster.nodes.values():
            node.kill()
        report.keep_evidence(cluster, folder)
        if scene is not None and drill.undo is not None:
            drill.undo(scene)
    finally:
        cluster.close()


def _driven(drill: Drill, scene: Scene, rounds: int, seed: int, step: Step) -> tuple[list[str], tuple[int, int] | None]:
    """Runs load and rounds; returns what went wrong beyond all verdicts, and the planned instants."""
    cluster = scene.cluster
    folder = scene.runs_folder
    folder.mkdir()
    first_ms = _begin_ticks(cluster, folder)
    options = {"seed": seed, **drill.load}
    plan = Load(cluster.url_of(), str(folder), str(scene.history_file), f"{scene.names.draw}-", **options)
    step("starting the load")
    scene.begin_load(plan)
    time.sleep(CALM_S)
    trouble: list[str] = []
    try:
        for number in range(1, rounds + 1):
            step(f"round {number} of {rounds}")
            drill.strike(scene)
            scene.settle()
            time.sleep(scene.draws.uniform(*REST_S))
        time.sleep(CALM_S)
    except DrillFailed as failure:
        trouble.append(f"not over by itself: {failure}")
    step("ending the load")
    planned_ms = None
    try:
        assert scene.load is not None
        scene.load.end_input()
        scene.load.hear("done", SEE_THROUGH_S)
        planned_ms = (first_ms, _end_ticks(cluster))
        _wait_quiet(cluster)
    except (DrillFailed, RequestError) as failure:
        trouble.append(f"not quiet in the end: {failure}")
    return trouble, planned_ms


def _begin_ticks(cluster: Cluster, folder: Path) -> int:
    """Defines the schedule of each second; returns its first instant."""
    until_s = time.monotonic() + CALL_S
    with Client(cluster.ipc_url, timeout=CALL_S) as client:
        while True:
            first_s = int(time.time()) + 1 + AHEAD_S
            each = Schedule(
                "* * * * * *", start=datetime.fromtimestamp(first_s, UTC), overlap="allow", catch_up="all", grace=0.5
            )
            try:
                client.schedules.add(facts.TICK_SCHEDULE, tasks.tick.job(str(folder)), each)
            except RequestError as error:  # its executors may not have said yet that they know the task
                if time.monotonic() > until_s:
                    raise DrillFailed(f"the schedule was not taken: {error}") from error
                time.sleep(LOOK_EVERY_S)
            else:
                return first_s * 1000


def _end_ticks(cluster: Cluster) -> int:
    """Ends the schedule; returns its last instant before that."""
    with Client(cluster.ipc_url, timeout=CALL_S) as client:
        last_s = int(time.time())
        client.schedules.pause(facts.TICK_SCHEDULE)
    return last_s * 1000


def _wait_quiet(cluster: Cluster) -> None:
    """Waits until no job lives and all files are equal.

    Raises:
        DrillFailed: it takes too long.
    """
    until_s = time.monotonic() + QUIET_S
    told = ""
    while time.monotonic() < until_s:
        leader = cluster.wait_leader()
        left = facts.live(cluster.shard_file(leader))
        told = f"{left} jobs have not ended after {QUIET_S:.0f} s"
        if not left:
            hashes = [facts.hash_or_fault(cluster.shard_file(name)) for name in cluster.members]
            if all(each == hashes[0] for each in hashes):
                return
            told = f"files differ after {QUIET_S:.0f} s"
        time.sleep(LOOK_EVERY_S)
    raise DrillFailed(told)


def _files(cluster: Cluster) -> tuple[facts.Facts, dict[str, dict[str, str]]]:
    """Reads the leader's file, and the hashes of the others' as of the same entry, if they come to that."""
    until_s = time.monotonic() + EQUAL_S
    while True:
        leader = cluster.leader() or cluster.members[0]
        own = facts.read(cluster.shard_file(leader))
        others = {name: facts.hash_or_fault(cluster.shard_file(name)) for name in cluster.members if name != leader}
        if all(each == own.hashes for each in others.values()) or time.monotonic() > until_s:
            return own, others
        time.sleep(LOOK_EVERY_S)


def _judged(drill: Drill, scene: Scene, trouble: list[str], planned_ms: tuple[int, int] | None, folder: Path) -> Result:
    cluster = scene.cluster
    own, others = _files(cluster)
    events = list(history.read(scene.history_file))
    signs = list(runs.read(scene.runs_folder))
    verdict = checker.judge(events, signs, own, others, planned_ms)
    verdict.told += trouble
    if drill.is_hitless and verdict.errors:
        verdict.told.append(f"{verdict.errors} calls of clients failed: {verdict.refusals}")
    bad_ends = [name for name in cluster.members if not cluster.nodes[name].stop()]
    if bad_ends:
        scene.notes.append(f"did not stop in good order: {', '.join(bad_ends)}")
    traces = measures.traces(events, signs)
    found = measures.measure(traces, signs, scene.marks)
    result = Result(
        drill.name, drill.title, len(scene.marks), verdict.as_dict(), found.as_dict(), scene.notes, str(folder)
    )
    report.write(folder, result, traces, scene.marks)
    return result
