"""N13: how fast a backlog of no-op jobs is run down by three nodes, each job on a majority's disks before it counts.

Decides what is compared with N1: the same jobs, the same two executors, the same clock. The three coordinators share
the machine, its disk and its cores with all else, so what is lost against N1 is the price of two more copies. It must
not know how members agree.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Final

from ...broker.net.client import Client
from . import tasks
from .drain import CHUNK_JOBS, PATIENCE_S, rate, wait_finished
from .node import BenchNode, executors_alone
from .sizes import Sizes

NAMES: Final = ("n1", "n2", "n3")

_MEMBER = """
[[cluster.members]]
name = "{name}"
member_endpoint = "ipc://{folder}/{name}.m"
client_endpoint = "ipc://{folder}/{name}.c"
"""


def measure(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns jobs a second of a drain, and of the submits before it."""
    with ExitStack() as stack:
        nodes = _three(folder, stack)
        url = ",".join(f"ipc://{folder}/{name}.c" for name in NAMES)
        with executors_alone(folder / "announcing", url), Client(url, timeout=PATIENCE_S) as client:
            client.submit(tasks.noop.job()).result(PATIENCE_S)
        with Client(url, timeout=PATIENCE_S) as client:
            before = client.submit(tasks.noop.job()).id
            for start in range(0, sizes.drain_jobs, CHUNK_JOBS):
                client.submit_many([tasks.noop.job() for _ in range(min(CHUNK_JOBS, sizes.drain_jobs - start))])
        with executors_alone(folder / "executors", url):
            for node in nodes:
                wait_finished(node.shard_file, sizes.drain_jobs + 2)
        return {"n13": rate(nodes[0].shard_file, before, sizes.drain_jobs)}


def _three(folder: Path, stack: ExitStack) -> list[BenchNode]:
    """Starts three nodes, which are stopped with the stack."""
    folder.mkdir(parents=True)
    members = "\n[cluster]\n" + "".join(_MEMBER.format(name=name, folder=folder) for name in NAMES)
    nodes = [stack.enter_context(BenchNode(folder / name, members, name=name, is_awaited=False)) for name in NAMES]
    for node in nodes:
        node.wait_ready()
    return nodes
