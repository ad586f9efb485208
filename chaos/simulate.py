"""Runs the world of a seed: first with faults, then healed until everything has come to rest; says how it went.

Decides the two phases and what rest means. Safety is watched all along, by the invariants; liveness is what the
second phase demands: every job that was taken has ended, every request is answered, every slot is free. Rule: a run
that fails says how to run it again.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import process_time
from typing import Any

from .client_node import ClientNode
from .coordinator_node import CoordinatorNode
from .executor_node import ExecutorNode
from .faults import Faults
from .member_faults import MemberFaults
from .member_node import MemberNode
from .node import Node
from .operator_node import OperatorNode
from .options import Options, drawn
from .small_limits import small_limits
from .world import SECOND, Violation, World

REST_WITHIN_S = 800
CATCH_UP_WITHIN_S = 100
LED_WITHIN_S = 30
_BEHIND_MS = 1_500
_LOOK_EVERY_NS = SECOND // 2


@dataclass(slots=True)
class Report:
    """How a run went."""

    seed: int
    options: dict[str, Any]
    events: int = 0
    simulated_s: float = 0.0
    took_s: float = 0.0
    digest: str = ""
    counts: dict[str, int] = field(default_factory=dict[str, int])
    violation: str | None = None
    """Name and text of the invariant that was violated."""
    recent: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """The last events of the nodes involved."""
    changes: list[str] = field(default_factory=list[str])
    """What was changed of what the seed draws, as texts `name=value`."""

    def __str__(self) -> str:
        """Tells what a person needs to know; of a failing run, everything."""
        line = (
            f"seed {self.seed}: {self.events} events, {self.simulated_s:.1f} s simulated in {self.took_s:.2f} s, "
            f"trace {self.digest}"
        )
        if self.violation is None:
            return f"{line}, clean"
        parts = [
            f"{line}, violated",
            f"  {self.violation}",
            "options: " + ", ".join(f"{k}={v}" for k, v in self.options.items()),
        ]
        for name, events in self.recent.items():
            parts.extend([f"last events of {name}:", *(f"  {event}" for event in events)])
        members = self.options["members"]
        parts.append(
            f"replay: mainspring simulate --seed {self.seed}"
            + (f" --members {members}" if members > 1 else "")
            + "".join(f" --set {change}" for change in self.changes)
        )
        return "\n".join(parts)


def run(seed: int, options: Options | None = None) -> Report:
    """Runs one world to its end.

    Args:
        seed: 0 to 2**63 - 1; it decides everything.
        options: instead of those that the seed draws.
    """
    options = options or drawn(seed)
    assert options.seed == seed, "the options are of another seed"
    report = Report(seed, options.shown())
    started = process_time()
    with ExitStack() as stack:
        stack.enter_context(small_limits(limits_of(options)))
        world = build(options)
        try:
            _live(world)
        except Violation as violation:
            report.violation, report.recent = str(violation), _recent(world, violation.nodes)
        except Exception as error:  # noqa: BLE001  (a machine that raises is what we are here to find)
            report.violation = f"machines_do_not_raise: {type(error).__name__}: {error} {_where(error)}"
            report.recent = _recent(world, [])
        report.events, report.simulated_s = world.events, world.now_ns / SECOND
        report.digest, report.counts = f"{world.digest:016x}", coverage(world)
    report.took_s = process_time() - started
    return report


def limits_of(options: Options) -> dict[str, int]:
    """Returns the machines' bounds in a world: small, so that a small backlog meets them."""
    heads, horizon_ms = options.heads_max, options.horizon_ms
    return {
        "HEADS_MAX": heads,
        "REFILL_JOBS": max(2, heads // 2),
        "REFILL_BELOW": max(1, heads // 4),
        "HORIZON_MS": horizon_ms,
        "HORIZON_STEP_MS": horizon_ms // 8,
        "DUE_READ_JOBS": 7,
        "FIRE_JOBS_MAX": 12,
        "PRUNE_JOBS": 10,
        "EXPIRE_JOBS": 5,
        "LEAD_MS": options.lead_ms,
        "UNAPPLIED_BYTES_MAX": options.unapplied_max * 1_000,
        "STUCK_MS": 900,
        "TICKS_A_TURN": 12,
        "TICKS_A_SCHEDULE": 5,
        "TICK_CHARS_A_TURN": 400,
        "SETTLED_TICKS": 20,
        "VERIFIED_A_TURN": 2,
        "PRUNE_TICKS": 10,
        "SLOW_NS": 400_000_000,
    }


def build(options: Options) -> World:
    """Makes a world and starts its nodes."""
    world = World(options)
    faults = _cluster(world) if options.members > 1 else _coordinator(world)
    for number in range(options.executors):
        name = f"executor-{number}"
        queues = ["*"] if number == 0 else [["default"], ["default", "special"]][number % 2]
        executor = ExecutorNode(world, name, world.clock(name), world.draws.child(name), queues)
        faults.executors.append(executor)
        faults.executor_later(executor, number * SECOND // 20, [])
    for number in range(options.clients):
        name = f"client-{number}"
        client = ClientNode(world, name, world.clock(name), world.draws.child(name))
        faults.clients.append(client)
        faults.client_later(client, SECOND // 5)
    if options.schedules:
        faults.operator = OperatorNode(world, world.clock("operator"), world.draws.child("operator"))
        faults.operator.start()
    faults.begin()
    return world


def _coordinator(world: World) -> Faults:
    """Makes the one coordinator, and what goes wrong with it."""
    faults = world.faults = Faults(world, world.draws.child("faults"))
    faults.coordinator = CoordinatorNode(world, world.clock("coordinator"), world.draws.child("coordinator"))
    faults.coordinators.append(faults.coordinator)
    faults.coordinator.start()
    return faults


def _cluster(world: World) -> Faults:
    """Makes members and spare machines, and what goes wrong with them."""
    options = world.options
    faults = world.faults = MemberFaults(world, world.draws.child("faults"))
    for number in range(options.members + options.spares):
        name = f"member-{number}"
        node = MemberNode(world, name, world.clock(name), world.draws.child(name), is_spare=number >= options.members)
        faults.members.append(node)
        faults.coordinators.append(node)
        node.start(world.draws.below(SECOND // 10))
    return faults


def _live(world: World) -> None:
    world.run(world.options.faulty_ms * 1_000_000)
    world.faults.heal()
    world.healed = True
    _until(world, not_led, "leaders_are_elected", LED_WITHIN_S)
    if world.faults.operator is not None:
        _until(world, not_caught_up, "ticks_catch_up", CATCH_UP_WITHIN_S)
        world.faults.operator.wind_down()
    _until(world, not_at_rest, "comes_to_rest", REST_WITHIN_S)
    world.invariants.at_end()


def _until(world: World, not_yet: Callable[[World], str], name: str, within_s: int) -> None:
    """Lets time pass until nothing is waited for any more."""
    until_ns = world.now_ns + within_s * SECOND
    while waiting := not_yet(world):
        if world.now_ns >= until_ns:
            world.fail(name, f"{within_s} s after everything was mended: {waiting}", *world.all_nodes())
        world.run(world.now_ns + _LOOK_EVERY_NS)


def not_caught_up(world: World) -> str:
    """Says which schedule lags behind the clock, or waits for nothing; nothing if none does."""
    faults = world.faults
    if faults.operator is None or not faults.operator.done:
        return "the operator has requests to make, or waits for answers"
    return next((text for shard in range(world.options.shards) if (text := _shard_lags(world, shard))), "")


def _shard_lags(world: World, shard: int) -> str:
    """Says which schedule of a shard lags behind the clock, or waits for nothing; nothing if none does."""
    seat = world.leader(shard)
    if seat is None:
        return f"nobody leads shard {shard}"
    wall_ms = seat.now.wall_ms
    for schedule in seat.machine.state.image.book.by_number.values():
        if schedule.paused:
            continue
        late_ms = 0 if schedule.next_ms is None else wall_ms - schedule.next_ms - schedule.definition.jitter_ms
        if late_ms > _BEHIND_MS:
            return f"{schedule} has not come further than {schedule.cursor_ms}, {late_ms} ms behind"
        if schedule.buffered_ms is not None and not schedule.live:
            return f"{schedule} lets {schedule.buffered_ms} wait, and no job of it lives"
    return ""


def not_led(world: World) -> str:
    """Says which shard nobody leads; nothing if there is none."""
    without = [shard for shard in range(world.options.shards) if world.leader(shard) is None]
    return f"nobody leads shards {without}" if without else ""


def not_at_rest(world: World) -> str:
    """Says what the world still waits for; nothing if it has come to rest."""
    faults = world.faults
    for client in faults.clients:
        work = client.workload
        if not client.up or not work.done:
            return f"{client.name} has {work.left} submits to make and waits for {list(work.open.items())[:3]}"
    for node in world.coordinators:
        if text := node.unsettled():
            return text
    for shard in range(world.options.shards):
        if text := _shard_works(world, shard):
            return text
    for executor in faults.executors:
        if executor.machine is None:
            return f"{executor.name} is down"
        if executor.machine.state.held or executor.machine.snapshot()["unacked"]:
            return f"{executor.name} holds {list(executor.machine.state.held)[:5]}"
    return ""


def _shard_works(world: World, shard: int) -> str:
    """Says what a shard still has to do; nothing if it has nothing."""
    seat = world.leader(shard)
    if seat is None:
        return f"nobody leads shard {shard}"
    image = seat.machine.state.image
    if any(not schedule.paused for schedule in image.book.by_number.values()):
        return "schedules tick"
    live = [job.id for job in seat.store.rows.jobs.values()]
    if live:
        return f"{len(live)} jobs have not ended, the first is {live[0]}: {image.jobs.get(live[0])}"
    return ""


def coverage(world: World) -> dict[str, int]:
    """Returns how often each thing happened, for all that counts."""
    counts = dict(world.counts)
    for node in world.all_nodes():
        for name, count in (*node.old_counts.items(), *node.machine_counts().items()):
            counts[name] = counts.get(name, 0) + count
    return counts


def _recent(world: World, nodes: list[Node]) -> dict[str, list[str]]:
    chosen = nodes or world.all_nodes()
    return {node.name: [f"{at_ns / SECOND:.6f} {event!r:.400}" for at_ns, event in node.recent] for node in chosen}


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})" if trace is not None else ""
