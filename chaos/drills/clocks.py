"""Wall clocks that step: a node's own, by libfaketime, while elapsed time goes on as it does.

Decides by how much. Must not know what depends on a clock.
"""

from typing import Final

from .scene import Scene
from .tools import faketime_library

STEPS_S: Final = (2, 600)
HELD_S: Final = (2.0, 4.0)


def give_own_clocks(scene: Scene) -> None:
    """Lets each node read its wall clock with an offset that stands in a file."""
    library = faketime_library()
    assert library is not None, "libfaketime is there"
    for node in scene.cluster.nodes.values():
        file = scene.cluster.folder / f"{node.name}.offset"
        file.write_text("+0\n")
        node.environment |= {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


def step(scene: Scene) -> None:
    """Lets the wall clock of one node, or of all, step forwards or backwards, and back again after a while."""
    cluster = scene.cluster
    leader = cluster.wait_leader()
    who = scene.draws.choice([[leader], [scene.draws.choice(scene.others(leader))], list(cluster.members)])
    by_s = scene.draws.randint(*STEPS_S) * scene.draws.choice((1, -1))
    scene.mark(f"the wall clock of {', '.join(who)} steps by {by_s:+d} s ({leader} leads)")
    _set(scene, who, by_s)
    scene.hold(*HELD_S)
    _set(scene, who, 0)
    scene.healed()


def _set(scene: Scene, names: list[str], by_s: int) -> None:
    for name in names:
        (scene.cluster.folder / f"{name}.offset").write_text(f"{by_s:+d}\n")
