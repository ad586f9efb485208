"""All drills there are.

Decides names, titles, rounds and needs. Must not know how a fault is done.
"""

from typing import Final

from . import changes, clocks, disks, faults
from .drill import Drill
from .node import Settings
from .tools import FAKETIME, IPTABLES, LOOP, MOUNT, NAMESPACES

NETWORK: Final = frozenset({NAMESPACES, IPTABLES})

SMALL: Final = "[storage]\nsegment_bytes = 4_194_304\ncheckpoint_pages = 1000\nwal_bytes_max = 16_777_216\n"
"""So that a small disk is enough."""

SLOW: Final = Settings(lease_ttl_ms=5_000)
"""A lease has to outlast a few round trips."""

LONG: Final = {"beats": 25, "slow_share": 0.05}
"""Jobs of half a second, so that some run whenever something is killed."""

DRILLS: Final = {
    drill.name: drill
    for drill in (
        Drill(
            "kill-single",
            "kill -9 of the coordinator of a node without a cluster",
            faults.kill_leader,
            10,
            nodes=1,
            alone=True,
        ),
        Drill("kill-leader", "kill -9 of the coordinator that leads", faults.kill_leader, 20),
        Drill("kill-follower", "kill -9 of a coordinator that follows", faults.kill_follower, 10),
        Drill("kill-node", "power loss at the node that leads; it starts again", faults.kill_node, 5),
        Drill("kill-all", "power loss at all nodes; they start again", faults.kill_all, 5),
        Drill("kill-executor", "kill -9 of an executor", faults.kill_executor, 10, load=LONG),
        Drill("kill-child", "kill -9 of a runner child", faults.kill_child, 10, load=LONG),
        Drill("stop-leader", "the coordinator that leads is held for 0.1 to 10 s, and goes on", faults.stop_leader, 6),
        Drill(
            "partition-leader",
            "the leader is cut off from the other nodes; clients reach both sides",
            faults.partition_leader,
            5,
            NETWORK,
        ),
        Drill("isolate-leader", "the leader is cut off from nodes and clients", faults.isolate_leader, 5, NETWORK),
        Drill(
            "isolate-follower",
            "a follower is cut off from nodes and clients, its executor with it; jobs of 4 s run meanwhile",
            faults.isolate_follower,
            5,
            NETWORK,
            load={"beats": 200, "slow_share": 0.02, "process_share": 0.0},
        ),
        Drill("deaf-leader", "the leader hears no other node, and is heard", faults.deaf_leader, 5, NETWORK),
        Drill("mute-leader", "the leader is heard by no other node, and hears them", faults.mute_leader, 5, NETWORK),
        Drill("deaf-follower", "a follower hears no other node, and is heard", faults.deaf_follower, 5, NETWORK),
        Drill(
            "one-link",
            "leader and one follower do not reach each other; the third node reaches both",
            faults.one_link,
            5,
            NETWORK,
        ),
        Drill("flicker", "the leader's links come and go", faults.flicker, 3, NETWORK),
        Drill(
            "delay",
            "messages between members take 500 ± 100 ms",
            faults.delay,
            3,
            NETWORK,
            has_weather=True,
            settings=SLOW,
        ),
        Drill("loss", "members lose 1 to 30% of their messages", faults.loss, 3, NETWORK, has_weather=True),
        Drill(
            "duplicates",
            "30% of the messages between members come twice",
            faults.duplicates,
            3,
            NETWORK,
            has_weather=True,
        ),
        Drill(
            "reorder", "30% of the messages between members are overtaken", faults.reorder, 3, NETWORK, has_weather=True
        ),
        Drill("storm", "delay, loss, duplicates and overtaking at once", faults.storm, 3, NETWORK, has_weather=True),
        Drill(
            "full-disk",
            "no room on a node's disk for a while",
            disks.full_disk,
            4,
            frozenset({MOUNT}),
            settings=Settings(more=SMALL),
            prepare=disks.mount_small,
            undo=disks.unmount,
        ),
        Drill(
            "io-errors",
            "what a node writes to new blocks fails with EIO for a while",
            disks.io_errors,
            4,
            frozenset({MOUNT, LOOP}),
            settings=Settings(more=SMALL),
            has_spares=True,
            prepare=disks.mount_thin,
            undo=disks.unmount_thin,
        ),
        Drill("flip-log", "bits flip in a follower's log while it is down", disks.flip_log, 3, has_spares=True),
        Drill(
            "flip-shard", "bits flip in a follower's shard file while it is down", disks.flip_shard, 3, has_spares=True
        ),
        Drill(
            "roll-back",
            "an old copy of a follower's data folder takes the place of the present one",
            disks.roll_back,
            3,
            has_spares=True,
        ),
        Drill(
            "clock-steps",
            "wall clocks step by up to ten minutes, and back",
            clocks.step,
            5,
            frozenset({FAKETIME}),
            prepare=clocks.give_own_clocks,
        ),
        Drill(
            "rolling-restart",
            "each node is stopped in good order and started again",
            changes.rolling_restart,
            2,
            is_hitless=True,
        ),
        Drill(
            "hand-over", "another node is told to lead, every other time while the third is down", changes.hand_over, 6
        ),
        Drill("grow", "a cluster of one node grows to three", changes.grow, 1, nodes=1, spare=2),
        Drill("replace", "a node is put in the place of another", changes.replace, 3, has_spares=True),
    )
}
"""In the order of the list."""
