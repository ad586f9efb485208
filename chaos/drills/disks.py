"""The faults of disks: one that runs full, one that fails, bits that flip and files that go back in time.

Decides what is done to the files of one node. Must not know how a node finds out. Only files in folders of the drill
are touched.
"""

import contextlib
import shutil
import time
from pathlib import Path
from typing import Final

from .node import COORDINATOR, DrillFailed, Node
from .scene import Scene
from .tools import ToolFailed, call

SMALL_MIB: Final = 128
THIN_MIB: Final = 96
FULL_S: Final = (2.0, 4.0)
DOWN_S: Final = (0.5, 1.5)
RUN_ON_S: Final = 2.0
READY_S: Final = 15.0
FLIPS: Final = 3
FILLER: Final = "filler"
CHUNK_BYTES: Final = 1024 * 1024


def mount_small(scene: Scene) -> None:
    """Lets the data of each node stand on a small file system in memory."""
    for node in scene.cluster.nodes.values():
        call(
            ["mount", "-t", "tmpfs", "-o", f"size={SMALL_MIB}m,mode=700", scene.names.of(node.name), str(node.data_dir)]
        )


def unmount(scene: Scene) -> None:
    """Takes the file systems away."""
    for node in scene.cluster.nodes.values():
        with contextlib.suppress(ToolFailed):
            call(["umount", "--lazy", str(node.data_dir)])


def full_disk(scene: Scene) -> None:
    """Takes all the room on the disk of a node, the leader's every other time, and gives it back after a while."""
    cluster = scene.cluster
    leader = cluster.wait_leader()
    name = leader if len(scene.marks) % 2 == 0 else scene.draws.choice(scene.others(leader))
    node = cluster.nodes[name]
    scene.mark(f"no room on the disk of {name}{', the leader' if name == leader else ''}")
    filler = node.data_dir / FILLER
    fill(filler)
    try:
        scene.hold(*FULL_S)
    finally:
        filler.unlink()
    scene.healed()


def fill(path: Path) -> None:
    """Takes all the room that there is."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        size = CHUNK_BYTES
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2


def mount_thin(scene: Scene) -> None:
    """Lets the data of each node stand on an ext4 on a loop device, whose file stands on a small file system.

    The file has holes, so when the small file system is full, what ext4 writes to new blocks fails with EIO.
    """
    backing: dict[str, Path] = {}
    for node in scene.cluster.nodes.values():
        under = scene.cluster.folder / f"{node.name}.disk"
        under.mkdir()
        call(["mount", "-t", "tmpfs", "-o", f"size={THIN_MIB}m", scene.names.of(f"{node.name}u"), str(under)])
        image = under / "image"
        with image.open("wb") as file:
            file.truncate(8 * THIN_MIB * CHUNK_BYTES)
        call(["mkfs.ext4", "-q", "-E", "lazy_itable_init=1,nodiscard", "-O", "^has_journal", str(image)])
        call(["mount", "-o", "loop", str(image), str(node.data_dir)])
        node.data_dir.chmod(0o700)
        backing[node.name] = under
    scene.kept["backing"] = backing


def unmount_thin(scene: Scene) -> None:
    """Takes the file systems away, the upper ones first."""
    unmount(scene)
    for under in scene.kept.get("backing", {}).values():
        with contextlib.suppress(ToolFailed):
            call(["umount", "--lazy", str(under)])


def io_errors(scene: Scene) -> None:
    """Lets what a node writes to new blocks fail with EIO for a while; then it is started again.

    What the kernel could not write is gone, also where nobody waited for it. What of that its start does not find, its
    operator may; then another one takes its place.
    """
    cluster = scene.cluster
    leader = cluster.wait_leader()
    name = leader if len(scene.marks) % 2 == 0 else scene.draws.choice(scene.others(leader))
    node = cluster.nodes[name]
    filler = scene.kept["backing"][name] / FILLER
    pids = node.pids(COORDINATOR)
    scene.mark(f"I/O errors on the disk of {name}{', the leader' if name == leader else ''}")
    fill(filler)
    try:
        scene.hold(*FULL_S)
    finally:
        filler.unlink()
    has_died = pids != node.pids(COORDINATOR)
    scene.notes.append(f"round {len(scene.marks)}: the coordinator of {name} {'ended' if has_died else 'went on'}")
    node.kill()
    members, kept = list(cluster.members), _kept(node)
    _start_or_mend(scene, node)
    if cluster.members == members:
        _look_into(scene, node, kept, is_trusted=True)


def flip_log(scene: Scene) -> None:
    """Flips bits in the newest log segment of a follower, and in its WAL, while it is down."""
    node = _downed(scene, "log")
    newest = sorted((node.data_dir / "log").glob("*.db"))[-1]
    for path in (newest, newest.with_name(f"{newest.name}-wal")):
        if path.exists():
            flip(path, [scene.draws.random() for _ in range(FLIPS)])
    _start_or_mend(scene, node)


def flip_shard(scene: Scene) -> None:
    """Flips bits in the shard file of a follower while it is down.

    Where SQLite sees that, the member fetches the file again by itself; else its operator replaces it.
    """
    node = _downed(scene, "shard file")
    flip(scene.cluster.shard_file(node.name), [scene.draws.random() for _ in range(FLIPS)])
    members, kept = list(scene.cluster.members), _kept(node)
    _start_or_mend(scene, node)
    if scene.cluster.members == members:
        _look_into(scene, node, kept, is_trusted=False)


def _downed(scene: Scene, what: str) -> Node:
    name = scene.draws.choice(scene.others(scene.cluster.wait_leader()))
    node = scene.cluster.nodes[name]
    scene.mark(f"bits flip in the {what} of {name}, a follower, while it is down")
    node.kill()
    return node


def _kept(node: Node) -> set[str]:
    """Returns the names of damaged shard files that a node has put aside."""
    return {path.name for path in node.data_dir.glob("*.damaged-*")}


def _look_into(scene: Scene, node: Node, kept: set[str], *, is_trusted: bool) -> None:
    """Checks the files of a node that runs again; if they are damaged, another one takes its place.

    So it does where nothing is found and the files are not trusted all the same, unless the node has fetched them anew:
    put more aside than was `kept` before.
    """
    time.sleep(RUN_ON_S)
    has_fetched = not _kept(node) <= kept
    is_sound, told = _verified(scene, node)
    fetched = ", has fetched its shard file again" if has_fetched else ""
    scene.notes.append(f"round {len(scene.marks)}: {node.name} runs{fetched}; `shards verify` says: {told}")
    if not is_sound or not (is_trusted or has_fetched):
        node.kill()
        _replace(scene, node)
        scene.healed()


def _verified(scene: Scene, node: Node) -> tuple[bool, str]:
    """Returns whether a check of a node's files finds no damage, and the first words of what it says."""
    is_sound = True
    try:
        told = scene.cluster.command("shards", "verify", str(node.data_dir))
    except DrillFailed as failure:
        is_sound, told = False, str(failure).partition("failed: ")[2]
    return is_sound, " ".join(told.split())[:200]


def flip(path: Path, places: list[float]) -> int:
    """Flips a bit at each of these places of a file, from 0 to 1 of its length; returns how many."""
    data = bytearray(path.read_bytes())
    for place in places:
        at = int(place * len(data))
        data[at] ^= 1 << (at % 8)
    with path.open("r+b") as file:
        file.write(data)
    return len(places) if data else 0


def roll_back(scene: Scene) -> None:
    """Puts an old copy of a follower's data folder in the place of the present one."""
    cluster = scene.cluster
    name = scene.draws.choice(scene.others(cluster.wait_leader()))
    node = cluster.nodes[name]
    copy = cluster.folder / f"{name}.old"
    scene.mark(f"the data folder of {name}, a follower, goes back by {RUN_ON_S:.0f} s")
    node.kill()
    shutil.copytree(node.data_dir, copy, ignore=_no_sockets)
    node.start()
    node.wait_ready()
    time.sleep(RUN_ON_S)
    node.kill()
    shutil.rmtree(node.data_dir)
    copy.rename(node.data_dir)
    _start_or_mend(scene, node)


def _no_sockets(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith(".sock")]


def _start_or_mend(scene: Scene, node: Node) -> None:
    """Starts a node on files that are not right; if it refuses, as it may, does what an operator would.

    A member whose files are lost comes back under another name; here its spare does.
    """
    node.start()
    try:
        node.wait_ready(READY_S)
    except DrillFailed:
        scene.notes.append(f"round {len(scene.marks)}: {node.name} refuses its files: {node.log_tail()[-300:]}")
        node.kill()
        _replace(scene, node)
    scene.healed()


def _replace(scene: Scene, node: Node) -> None:
    cluster = scene.cluster
    spare = cluster.spare()
    place = cluster.places[spare]
    cluster.nodes[spare].start()
    endpoints = ("--member-endpoint", place.member, "--client-endpoint", place.client)
    others = scene.others(node.name)
    cluster.command("cluster", "replace", node.name, spare, *endpoints, "--url", cluster.url_of(others))
    cluster.members = [*others, spare]
