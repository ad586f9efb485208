"""How a start opens a shard file: checked first if there is doubt about it, and fetched again where others have it.

Decides whether others have it, and how much is checked without a reason. What a check finds, and what becomes of a
damaged file, nodes/storage/shard/suspicion.py decides; how a member gets its rows again, actors/raft does. Rule:
docs/storage-faults.md.
"""

import re
from pathlib import Path

from ...actors.log import EntryStore
from ..storage.shard.shard_file import ShardFile, shard_file_name
from ..storage.shard.suspicion import CHECKED_BYTES_MAX, admit, settle
from .membership import CHECKPOINT_PAGES_MAX
from .plan import CoordinatorPlan

SHARED = "default"
"""The name in the files of the shards that all tenants share."""

_KNOWN = re.compile(rf"\.?(tasks_{SHARED}_shard_[0-9]+\.db)(\.arrived|\.suspect)?", re.ASCII)


def open_shard(plan: CoordinatorPlan, number: int, entries: EntryStore) -> ShardFile:
    """Opens a shard's file; it is a new one if the old one was damaged and others have the rows.

    Raises:
        ShardFailed: it is damaged and must be mended by hand, or the disk fails it.
        ShardFileError: it is foreign, newer than this program, or cannot be locked.
        DiskFull: there is no room to begin.
    """
    path = Path(plan.data_dir) / shard_file_name(SHARED, number)
    admit(
        path,
        is_fetched_again=bool(plan.member_endpoint) and _have_others(plan, entries, number + 1),
        bytes_max=CHECKED_BYTES_MAX // plan.shards,
    )
    pages = plan.checkpoint_pages
    file = ShardFile(path, checkpoint_pages=min(pages, CHECKPOINT_PAGES_MAX) if plan.member_endpoint else pages)
    try:
        settle(path)
    except BaseException:
        file.close()
        raise
    return file


def _have_others(plan: CoordinatorPlan, entries: EntryStore, group: int) -> bool:
    """Says whether there are other voters, from whom everything can be had."""
    from ...actors.raft.hard_state import decode_state  # a node that is alone starts without them
    from ...actors.raft.members import Members

    saved = decode_state(entries.state(group))
    configs = [] if saved is None else saved.configs
    return not Members(configs or [(0, 0, plan.members)]).is_quorum({plan.node})


def count_shards(data_dir: Path) -> int:
    """Returns how many shards a folder has files of, those among them that a kill has left between two names."""
    return len({match[1] for path in data_dir.iterdir() if (match := _KNOWN.fullmatch(path.name))})
