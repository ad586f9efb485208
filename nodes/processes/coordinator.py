"""The coordinator process: opens log and shard files, takes the shards over, and runs the loop.

Started by the supervisor as `python -m mainspring.nodes.processes.coordinator` with a CoordinatorPlan on standard
input. Exit status 0 after a stop in good order, 3 if it cannot start (the reason is on the status descriptor), 4 if
its disk let it down; anything else is a crash. It is started again after each but the first.
"""

import gc
import logging
import resource
import secrets
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import apsw
import zmq

from ...actors.cluster.directory import Directory
from ...actors.cluster.leadership import Leadership
from ...actors.coordinator.settings import Retention, ShardSettings
from ...actors.coordinator.shard import ShardMachine
from ...actors.coordinator.takeover import lead, take_over
from ...actors.draws import Draws
from ...actors.log import LogDamaged, ReplicatedLog
from ...actors.machine import Now
from ...actors.turn import Member
from ...broker.net.clock import read_clocks
from ...broker.net.router import Router
from ...broker.wire.limits import FRAME_BYTES_MAX
from ..log import configure_log
from ..storage.log.errors import DataDirectoryInUse, DiskFull, LogFailed
from ..storage.log.local_log import LocalLog
from ..storage.shard.errors import ShardFailed
from ..storage.shard.migration import ShardFileError
from ..storage.shard.suspicion import leave_mark
from .cluster_desk import ClusterDesk, view_alone
from .coordinator_loop import CoordinatorLoop
from .death import die_with_parent
from .disk_guard import DiskGuard
from .figures import Figures
from .guests import Guests
from .identity import cluster_of, keep_name, load_identity
from .membership import check_membership, engine_of, listen
from .orders import follow_orders
from .plan import CoordinatorPlan
from .punctual import wake_punctually
from .roles import Roles
from .shard import Shard
from .shard_opening import count_shards, open_shard
from .signals import StopSignal
from .status import EXIT_FAILED, report_failed, report_ready

log = logging.getLogger("mainspring.coordinator")

EXIT_DISK = 4
"""Exit status of a process whose disk has no room left, or has failed."""


class _Opened(NamedTuple):
    """What a start has opened."""

    loop: CoordinatorLoop
    entries: LocalLog
    router: Router
    context: zmq.Context[zmq.Socket[bytes]]
    end_copies: Callable[[], None]
    """Ends the copies of shards that are under way for other members."""


def _nothing() -> None:
    pass


def main() -> int:
    """Runs the process; returns its exit status."""
    die_with_parent()
    wake_punctually()
    plan = CoordinatorPlan.from_json(sys.stdin.readline())
    configure_log(plan.log_level, plan.log_format, "coordinator", plan.node, names_node=plan.log_names_node)
    follow_orders(plan.orders_fd)
    _allow_files()
    gc.disable()  # what a start reads stays: to look through it again and again costs more than to read it
    try:
        loop, entries, router, context, end_copies = _open(plan)
    except (
        OSError,
        ValueError,
        apsw.Error,
        sqlite3.Error,
        DataDirectoryInUse,
        DiskFull,
        LogFailed,
        LogDamaged,
        ShardFailed,
        ShardFileError,
    ) as error:
        if isinstance(error, ShardFailed):
            leave_mark(error.suspect)
        report_failed(plan.status_fd, str(error))
        log.error("coordinator cannot start error=%s", error)
        return EXIT_FAILED
    # What lives now lives for good; a collection need not look at it again, and garbage here is rare.
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 20, 50)
    log.info("coordinator serves endpoints=%s shards=%d", ",".join(plan.endpoints), plan.shards)
    if loop.roles is not None:
        log.info("waits for a quorum of members, or for who leads them")
    report_ready(plan.status_fd)
    try:
        loop.run()
    except (DiskFull, LogDamaged, LogFailed, ShardFailed) as error:
        _leave_marks(error, loop)
        log.error("coordinator ends, to be started again error=%s", error)
        return EXIT_DISK  # without a tidy end: the log's files are as they must be, and memory is ahead of them
    router.close()
    if loop.roles is not None:
        loop.roles.members.close()
    context.term()
    end_copies()
    for shard in loop.shards.values():
        shard.file.close()
    loop.engine.close()
    entries.close()
    log.info("coordinator stopped")
    return 0


def _leave_marks(error: Exception, loop: CoordinatorLoop) -> None:
    """Has the next start check what the disk may have spoilt: when it fails the log, it may have failed all on it."""
    if isinstance(error, ShardFailed):
        leave_mark(error.suspect)
    elif isinstance(error, LogFailed):
        for shard in loop.shards.values():
            leave_mark(shard.file.path)


def _open(plan: CoordinatorPlan) -> _Opened:
    """Opens everything; alone, it takes the shards over as well."""
    data_dir = Path(plan.data_dir)
    figures = Figures(data_dir)
    entries = LocalLog(
        data_dir / "log",
        segment_bytes=plan.segment_bytes,
        synchronous="full" if plan.synchronous == "full" else "normal",
        fsync_observer=figures.synced,
        tolerate_lost=bool(plan.member_endpoint),  # the others have it, and until then this node gives no vote
    )
    identity = load_identity(data_dir, cluster_of(plan.members, plan.shards, is_joining=plan.is_joining), plan.node)
    check_membership(plan, identity, entries)
    is_member = bool(identity.cluster) and any(entries.state(group) for group in range(1, plan.shards + 1))
    keep_name(data_dir, identity, plan.node, is_member=is_member)
    _check_shard_count(data_dir, plan.shards, entries)
    settings = shard_settings(plan, identity.cluster)
    shards: dict[int, Shard] = {}
    for number in range(plan.shards):
        try:
            shards[number] = _shard(plan, number, entries, settings)
        except DiskFull:
            if not entries.release_ballast():
                raise
            shards[number] = _shard(plan, number, entries, settings)  # rows may go into what the ballast held
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    for endpoint in plan.endpoints:
        if endpoint.startswith("ipc://"):
            Path(endpoint.removeprefix("ipc://")).unlink(
                missing_ok=True
            )  # left by a process that was killed; the log's lock says that we are alone
    router = Router(context, plan.endpoints, FRAME_BYTES_MAX)
    numbered = {number: shard.member for number, shard in shards.items()}
    guests = Guests(router, list(numbered.values()))
    roles: Roles | None = None
    engine: ReplicatedLog = entries
    end_copies: Callable[[], None] = _nothing
    if plan.member_endpoint:
        others, life = listen(plan, identity, context)
        raft, snapshots = engine_of(plan, entries, shards)
        engine, end_copies = raft, snapshots.close
        disk = DiskGuard(guests.members, raft, data_dir, entries)

        def lead_shard(member: Member[ShardMachine], epoch: int, now: Now) -> None:
            of_now = replace(settings, cluster=others.cluster)  # which a node that has joined did not know at its start
            lead(member, epoch, raft, of_now, Draws(secrets.randbits(63)), now)
            disk.greet(member)

        directory = Directory(plan.node, lambda: others.cluster, numbered, raft)
        roles = Roles(Leadership(directory, numbered, raft, lead_shard, guests.tell), others)
        desk = ClusterDesk(plan.node, lambda: others.cluster, life, numbered, raft.view, raft)
    else:
        disk = DiskGuard(guests.members, entries, data_dir)
        view = view_alone(plan.node, entries, entries.epoch, read_clocks().wall_ms)
        desk = ClusterDesk(plan.node, lambda: identity.cluster, 0, numbered, view)
    loop = CoordinatorLoop(
        shards, engine, disk, router, StopSignal(), figures,
        truncate_every_ms=plan.truncate_every_ms, wal_bytes_max=plan.wal_bytes_max,
        guests=guests, desk=desk, roles=roles,
    )  # fmt: skip
    figures.outbox_bytes = lambda: router.waiting_bytes
    figures.frames_refused, figures.connections = loop.intake.refusals.counts, loop.intake.figures
    figures.follow(shards, roles)
    loop.intake.shard_figures = figures.elsewhere
    return _Opened(loop, entries, router, context, end_copies)


def _shard(plan: CoordinatorPlan, number: int, engine: LocalLog, settings: ShardSettings) -> Shard:
    """Opens a shard's file, and takes the shard over unless there are others who may lead it.

    Raises:
        DiskFull: there is no room for its rows; they are in the log.
    """
    file = open_shard(plan, number, engine)
    if plan.member_endpoint:
        return Shard(Member(number + 1, None, file), file)
    try:
        return Shard(take_over(number, engine, file, settings, Draws(secrets.randbits(63)), read_clocks()), file)
    except apsw.FullError as error:
        file.close()
        raise DiskFull(f"no room for the rows of {file.path}; free some space there and start again") from error


def _allow_files() -> None:
    """Takes as many descriptors as the system gives: ZeroMQ ends the process when it cannot accept for lack of one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _check_shard_count(data_dir: Path, shards: int, engine: LocalLog) -> None:
    """Refuses another number of shards than the data has: jobs and keys would be looked for in the wrong one.

    Raises:
        ValueError: the numbers differ; the text says what to do.
    """
    found = count_shards(data_dir)
    begun = engine.last_index(1) > 0
    if found > shards or (begun and found != shards):
        raise ValueError(
            f"{data_dir} holds {found} shards, the settings say shards = {shards}; set [coordinator] shards = {found}, "
            "or start with an empty data directory"
        )


def shard_settings(plan: CoordinatorPlan, cluster: str) -> ShardSettings:
    """Returns what the shards need of the plan."""
    return ShardSettings(
        cluster=cluster,
        shards=plan.shards,
        tenants=frozenset(plan.tenants),
        lease_ttl_ms=plan.lease_ttl_ms,
        dedup_window=plan.dedup_window,
        session_ttl_ms=plan.session_ttl_ms,
        key_ttl_ms=plan.key_ttl_ms,
        payload_bytes_max=plan.payload_bytes_max,
        batch_jobs_max=plan.batch_jobs_max,
        backlog_jobs_max=plan.backlog_jobs_max,
        retention=Retention(plan.finished_jobs_max, plan.finished_age_ms),
        node=plan.node,
        boot=_boot_id(),
        queue_retention=tuple((queue, Retention(jobs_max, age_ms)) for queue, jobs_max, age_ms in plan.queue_retention),
    )


def _boot_id() -> str:
    """Returns what names this life of the host: another at each of its starts; empty where the kernel does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
