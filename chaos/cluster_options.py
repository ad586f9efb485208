"""What one seed makes of a cluster: members, shards, weather between them, and what happens to their disks.

Decides every option from the seed alone, on top of those that options.py draws. Must not know how they are used.
"""

from dataclasses import replace
from typing import Any

from ..actors.draws import Draws
from .network import CALM, Weather
from .options import MS, WEATHERS, Options, drawn

MEMBER_FAULTS = (
    "crash_coordinator",
    "crash_leader",
    "crash_all",
    "split",
    "isolate",
    "strand_leader",
    "cut_one_way",
    "flap",
    "slow_disk",
    "fail_disk",
    "lose_disk",
    "put_back_disk",
    "damage_disk",
    "transfer",
    "drain_coordinator",
    "pause_leader",
    "replace_member",
)
"""Faults of worlds that have members."""

FAR = Weather(delay_min_ns=400 * MS, delay_span_ns=200 * MS)
"""A cluster across the world: nothing is lost, and everything takes half a second."""

CLUSTER_WEATHERS = {**WEATHERS, "far": FAR}


def options_of(seed: int, members: int) -> Options:
    """Returns the world of a seed: one coordinator, or a cluster."""
    return drawn(seed) if members == 1 else drawn_cluster(seed, members)


def drawn_cluster(seed: int, members: int = 3) -> Options:
    """Returns the cluster of a seed.

    Args:
        seed: 0 to 2**63 - 1.
        members: how many; an odd number.
    """
    options = drawn(seed)
    draws = Draws(seed).child("cluster").child(members)

    def pick(*choices: Any) -> Any:
        return choices[draws.below(len(choices))]

    weather_name: str = pick("calm", "calm", "slow", "lossy", "wild", "stormy", "far")
    # Another leader is on another host anyway.
    old = tuple(fault for fault in options.faults if fault != "fail_over")
    faults = tuple(fault for fault in MEMBER_FAULTS if draws.below(3) == 0)
    return replace(
        options,
        members=members,
        shards=pick(1, 2, 3),
        spares=pick(0, 1),
        weather_name=weather_name,
        weather=CLUSTER_WEATHERS[weather_name],
        weather_healed=FAR if weather_name == "far" else CALM,
        faults=tuple(dict.fromkeys(old + faults)),
        submits=pick(5, 10, 20),
        faulty_ms=pick(8_000, 15_000, 25_000),
        lease_ttl_ms=pick(3_000, 6_000) if weather_name != "far" else 10_000,
        other_ttl_ms=options.other_ttl_ms if weather_name != "far" else 0,
        commit_min_ns=100_000,
        commit_span_ns=pick(1, 1, 5, 30) * MS,
        wall_off_ms=pick(0, 50, 2_000),
        rebalance_ms=pick(0, 3_000, 60_000),
        append_bytes=pick(600, 20_000, 1 << 20),
        tail_bytes=pick(500, 1 << 23),
        retain_bytes=pick(2_000, 20_000, 1 << 26),
        retain_entries=pick(20, 200, 20_000),
    )
