"""What operators do to a cluster under load: restart it node by node, let it grow, put a node in another one's place.

Decides the steps, by the commands that people use. Must not know how members agree.
"""

from .scene import Scene


def rolling_restart(scene: Scene) -> None:
    """Stops each node in good order and starts it again, the leader last; no call of a client may fail."""
    cluster = scene.cluster
    leader = cluster.wait_leader()
    scene.mark("rolling restart")
    for name in [*scene.others(leader), leader]:
        node = cluster.nodes[name]
        if not node.stop():
            scene.notes.append(f"{name} did not stop in good order")
        node.start()
        node.wait_ready()
        cluster.wait_whole()
    scene.healed()


def hand_over(scene: Scene) -> None:
    """Lets another node lead, by command; every other round while the third node is down."""
    cluster = scene.cluster
    leader = cluster.wait_leader()
    heir, third = scene.draws.sample(scene.others(leader), 2)
    is_down = len(scene.marks) % 2 == 1
    scene.mark(f"{leader} hands over to {heir}{f' while {third} is down' if is_down else ''}")
    if is_down:
        cluster.nodes[third].kill()
    cluster.command("cluster", "transfer", heir, "--url", cluster.url_of([leader, heir]))
    if is_down:
        cluster.nodes[third].start()
        cluster.nodes[third].wait_ready()
    scene.healed()


def grow(scene: Scene) -> None:
    """Takes two nodes into a cluster of one, one after the other."""
    cluster = scene.cluster
    scene.mark("grow from one node to three")
    for _ in range(len(cluster.nodes) - len(cluster.members)):
        _take_in(scene, cluster.spare())
    scene.healed()


def replace(scene: Scene) -> None:
    """Takes a fresh node in, and the leader or a follower out for good."""
    cluster = scene.cluster
    new = cluster.spare()
    old = scene.draws.choice(cluster.members)
    scene.mark(f"{new} in the place of {old}")
    place = cluster.places[new]
    cluster.nodes[new].start()
    endpoints = ("--member-endpoint", place.member, "--client-endpoint", place.client)
    cluster.command("cluster", "replace", old, new, *endpoints, "--url", cluster.url_of())
    cluster.members = [*scene.others(old), new]
    cluster.nodes[old].stop()
    scene.healed()


def _take_in(scene: Scene, name: str) -> None:
    cluster = scene.cluster
    place = cluster.places[name]
    cluster.nodes[name].start()
    endpoints = ("--member-endpoint", place.member, "--client-endpoint", place.client)
    cluster.command("cluster", "add", name, *endpoints, "--wait", "--url", cluster.url_of())
    cluster.members = [*cluster.members, name]
