"""The faults of processes and of the network: each does one round, undoes it, and notes when.

Decides what is done and for how long. Must not know how it is judged. `disks.py` has the faults of disks, `changes.py`
what operators do, `clocks.py` the clocks.
"""

import signal
import time
from typing import Final

from .cluster import CLIENTS
from .network import BOTH
from .node import CHILD, COORDINATOR, EXECUTOR
from .scene import Scene
from .weather import FAIR, Weather

HELD_S: Final = (0.1, 10.0)
CUT_S: Final = (2.0, 5.0)
WEATHER_S: Final = (6.0, 10.0)
BACK_S: Final = 10.0
DOWN_S: Final = (0.2, 1.5)
FLICKERS: Final = 12


def kill_leader(scene: Scene) -> None:
    """Kills the coordinator that leads."""
    _kill(scene, scene.cluster.wait_leader(), "leader")


def kill_follower(scene: Scene) -> None:
    """Kills the coordinator of one that follows."""
    leader = scene.cluster.wait_leader()
    _kill(scene, scene.draws.choice(scene.others(leader)), "follower")


def _kill(scene: Scene, name: str, what: str) -> None:
    node = scene.cluster.nodes[name]
    pids = node.pids(COORDINATOR)
    scene.mark(f"kill -9 of the {what}, {name}")
    node.signal_all(pids, signal.SIGKILL)


def kill_node(scene: Scene) -> None:
    """Kills all processes of the node that leads, and starts it again after a while."""
    name = scene.cluster.wait_leader()
    node = scene.cluster.nodes[name]
    scene.mark(f"power loss at the leader, {name}")
    node.kill()
    scene.hold(*DOWN_S)
    node.start()
    scene.healed()
    node.wait_ready()


def kill_all(scene: Scene) -> None:
    """Kills all processes of all nodes, and starts them again in any order."""
    nodes = [scene.cluster.nodes[name] for name in scene.cluster.members]
    scene.mark("power loss at all nodes")
    for node in nodes:
        node.kill()
    scene.draws.shuffle(nodes)
    for node in nodes:
        node.start()
        time.sleep(scene.draws.uniform(0, 0.3))
    scene.healed()
    for node in nodes:
        node.wait_ready()


def kill_executor(scene: Scene) -> None:
    """Kills one executor; its children die with it."""
    _kill_worker(scene, EXECUTOR, "an executor")


def kill_child(scene: Scene) -> None:
    """Kills one child in which handlers run."""
    _kill_worker(scene, CHILD, "a runner child")


def _kill_worker(scene: Scene, kind: str, what: str) -> None:
    name = scene.draws.choice(scene.cluster.members)
    node = scene.cluster.nodes[name]
    before = node.pids(kind)
    if not before:
        return
    children = len(node.pids(CHILD))
    victim = scene.draws.choice(before)
    scene.mark(f"kill -9 of {what} at {name}")
    node.signal_all([victim], signal.SIGKILL)
    until_s = time.monotonic() + BACK_S
    while time.monotonic() < until_s and (victim in (now := node.pids(kind)) or len(now) < len(before)):
        time.sleep(0.01)
    while time.monotonic() < until_s and len(node.pids(CHILD)) < children:
        time.sleep(0.01)


def stop_leader(scene: Scene) -> None:
    """Holds the coordinator that leads for a while, from a tenth of a second to ten, and lets it go on."""
    name = scene.cluster.wait_leader()
    node = scene.cluster.nodes[name]
    pids = node.pids(COORDINATOR)
    least, most = HELD_S
    for_s = least * (most / least) ** scene.draws.random() if scene.seconds is None else scene.seconds
    scene.mark(f"SIGSTOP of the leader, {name}, for {for_s:.1f} s")
    node.signal_all(pids, signal.SIGSTOP)
    time.sleep(for_s)
    node.signal_all(pids, signal.SIGCONT)
    scene.healed()


def partition_leader(scene: Scene) -> None:
    """Cuts the leader off from the other nodes, both ways; clients reach both sides."""
    _cut(scene, BOTH, with_clients=False, what="cut off from the other nodes")


def isolate_leader(scene: Scene) -> None:
    """Cuts the leader off from the other nodes and from clients."""
    _cut(scene, BOTH, with_clients=True, what="cut off from all")


def isolate_follower(scene: Scene) -> None:
    """Cuts a follower off from all: its executor ends what it runs, and others run it again."""
    name = scene.draws.choice(scene.others(scene.cluster.wait_leader()))
    _cut_one(scene, name, [*scene.others(name), CLIENTS], BOTH, f"{name}, a follower, cut off from all")


def deaf_leader(scene: Scene) -> None:
    """Nothing from the other nodes reaches the leader; what it sends arrives."""
    _cut(scene, ("in",), with_clients=False, what="hears no other node")


def mute_leader(scene: Scene) -> None:
    """Nothing that the leader sends reaches the other nodes; it hears them."""
    _cut(scene, ("out",), with_clients=False, what="is heard by no other node")


def deaf_follower(scene: Scene) -> None:
    """Nothing reaches a follower: it must not disturb the others."""
    leader = scene.cluster.wait_leader()
    name = scene.draws.choice(scene.others(leader))
    _cut_one(scene, name, scene.others(name), ("in",), f"{name}, a follower, hears no other node")


def one_link(scene: Scene) -> None:
    """Cuts the link between the leader and one follower; the third node reaches both."""
    leader = scene.cluster.wait_leader()
    other = scene.draws.choice(scene.others(leader))
    _cut_one(scene, leader, [other], BOTH, f"{leader}, the leader, and {other} do not reach each other")


def _cut(scene: Scene, ways: tuple[str, ...], *, with_clients: bool, what: str) -> None:
    name = scene.cluster.wait_leader()
    others = [*scene.others(name), *([CLIENTS] if with_clients else [])]
    _cut_one(scene, name, others, ways, f"{name}, the leader, {what}")


def _cut_one(scene: Scene, name: str, others: list[str], ways: tuple[str, ...], text: str) -> None:
    network = scene.cluster.network
    assert network is not None, "a cut needs namespaces"
    scene.mark(text)
    network.cut(name, others, ways)
    try:
        scene.hold(*CUT_S)
    finally:
        network.heal(name)
    scene.healed()


def flicker(scene: Scene) -> None:
    """The leader's links come and go, every few hundred milliseconds."""
    network = scene.cluster.network
    assert network is not None, "a cut needs namespaces"
    name = scene.cluster.wait_leader()
    scene.mark(f"links of {name}, the leader, come and go")
    for _ in range(FLICKERS):
        network.cut(name, scene.others(name))
        time.sleep(scene.draws.uniform(0.05, 0.6))
        network.heal(name)
        time.sleep(scene.draws.uniform(0.05, 0.6))
    scene.healed()


def _weather(scene: Scene, weather: Weather, text: str) -> None:
    assert scene.air is not None, "weather needs a proxy"
    before = scene.air.set(weather)
    scene.mark(text)
    scene.hold(*WEATHER_S)
    after = scene.air.set(FAIR)
    scene.healed()
    scene.notes.append(f"{text}: " + ", ".join(f"{after[name] - before[name]} {name}" for name in after))


def delay(scene: Scene) -> None:
    """All messages between members take 500 ms, 100 ms more or less."""
    _weather(scene, Weather(delay_ms=500, jitter_ms=100), "500 ± 100 ms between members")


def loss(scene: Scene) -> None:
    """Members lose some of each other's messages, up to three in ten."""
    share = scene.draws.uniform(0.01, 0.3)
    _weather(scene, Weather(loss=share), f"{share:.0%} of messages between members lost")


def duplicates(scene: Scene) -> None:
    """A third of the messages between members arrive twice."""
    _weather(scene, Weather(delay_ms=2, jitter_ms=2, duplicate=0.3), "30% of messages between members come twice")


def reorder(scene: Scene) -> None:
    """A third of the messages between members are overtaken by later ones."""
    _weather(scene, Weather(delay_ms=2, jitter_ms=2, reorder=0.3), "30% of messages between members overtaken")


def storm(scene: Scene) -> None:
    """Delay, loss, duplicates and overtaking at once."""
    weather = Weather(delay_ms=40, jitter_ms=40, loss=0.1, duplicate=0.1, reorder=0.1)
    _weather(scene, weather, "delay, loss, duplicates, overtaking between members")
