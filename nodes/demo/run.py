"""One run of the demonstration, from the first look at the tree to the exit status.

Decides the order of things, and that nothing is left behind. It must not know looks or SQL. Each run has a queue of its
own (demo-1, demo-2, …), so that runs on the same data folder are told apart.
"""

import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from ...broker.tasks.exceptions import MainspringError
from ..storage.shard.shard_file import shard_file_name
from . import beat, crontabs, load
from .live import View, view_on
from .node import INTERRUPTED_WAIT_S, DemoNode, NodeFailed
from .picture import Recorder
from .report import print_next_steps, print_summary, shown_path
from .summary import Summary, summarize
from .tree import Tree, read_tree
from .watch import LOOK_EVERY_S, Watch

if TYPE_CHECKING:
    from ...broker.net.client import Client

QUEUE_PREFIX: Final = "demo-"
PATIENCE_S: Final = 35.0
"""A run that is not over by then is summed up as it is: the whole ends within a minute."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may choose."""

    tree: Path
    data_dir: Path
    keep: bool = False
    svg: Path | None = None


def run_demo(options: Options, console: Console) -> int:
    """Runs the demonstration.

    Returns:
        The exit status: 0 if every count is what it must be, else 1.

    Raises:
        TreeError: the tree cannot be used.
        NodeFailed: the node does not start, or ends by itself.
        MainspringError: the node does not answer.
    """
    tree = read_tree(options.tree)
    skipped = f" ({tree.unreadable} that cannot be read are left out)" if tree.unreadable else ""
    _say(console, f"{len(tree.files):,} files, {tree.bytes / 1e6:,.1f} MB in {tree.root}{skipped}")
    with running_node(options.data_dir) as node:
        url = node.wait_ready()
        _say(console, f"a node runs: process {node.pid}, data in {shown_path(options.data_dir)}/")
        recorder = Recorder() if options.svg else None
        queue, summary = _driven(node, url, tree, console, recorder)
        print_summary(console, summary, options.data_dir, node.log_path)
        if recorder is not None and options.svg is not None:
            recorder.write(options.svg, summary)
        if options.keep:
            print_next_steps(console, node, queue)
            _keep(node)
        status = node.stop()
    if status:
        raise NodeFailed(f"the node has stopped with status {status}; see {shown_path(node.log_path)}")
    return 0 if summary.is_right else 1


@contextmanager
def running_node(data_dir: Path) -> Generator[DemoNode]:
    """Gives a node that does not outlive the block, however that ends."""
    node = DemoNode(data_dir)
    try:
        yield node
    finally:
        node.stop(INTERRUPTED_WAIT_S)


def _driven(node: DemoNode, url: str, tree: Tree, console: Console, recorder: Recorder | None) -> tuple[str, Summary]:
    """Submits everything, shows it until it is over, and sums it up; returns the queue and the summary."""
    from ...broker.net.client import Client

    expected = load.expected(tree)
    with Client(url) as client, tempfile.TemporaryDirectory(prefix="mainspring-demo-") as marks:
        queue = next_queue(client)
        taken = crontabs.take(client, node.data_dir)
        for line in taken.lines:
            _say(console, line)
        expected = replace(expected, beat=beat.begin(client, queue), crontab_schedules=taken.schedules)
        specials = load.submit_specials(client, queue, Path(marks))
        load.submit_rest(client, queue, tree)
        view = view_on(console)
        try:
            _follow(node, client, Watch(client, queue, expected.jobs, specials), view, recorder)
        except MainspringError:
            node.check()  # if it has ended, that is the fault to tell
            raise
        finally:
            view.close()
    return queue, summarize(node.data_dir / shard_file_name("default", 0), queue, expected)


def next_queue(client: "Client") -> str:
    """Returns the name of a queue that no earlier run has used."""
    names = (str(row["queue"]) for row in client.query("queues"))
    numbers = [name.removeprefix(QUEUE_PREFIX) for name in names if name.startswith(QUEUE_PREFIX)]
    return f"{QUEUE_PREFIX}{1 + max((int(number) for number in numbers if number.isdecimal()), default=0)}"


def _follow(node: DemoNode, client: "Client", watch: Watch, view: View, recorder: Recorder | None) -> None:
    """Shows the run until all its jobs have ended, and sends the echoes meanwhile."""
    picture = watch.look()
    echoes = load.echoes(client, picture.queue)
    is_echoing, until_s, look_s = True, time.monotonic() + PATIENCE_S, 0.0
    while picture.ended < picture.total and time.monotonic() < until_s:
        pause_s = next(echoes, None) if is_echoing else None
        is_echoing = pause_s is not None
        now_s = time.monotonic()
        if now_s >= look_s:
            node.check()
            picture = watch.look()
            view.show(picture)
            if recorder is not None:
                recorder.see(picture)
            look_s = now_s + LOOK_EVERY_S
        time.sleep(LOOK_EVERY_S if pause_s is None else pause_s)


def _keep(node: DemoNode) -> None:
    try:
        node.wait()
    except KeyboardInterrupt:
        return


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
