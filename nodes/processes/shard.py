"""One shard of a process: its member of the turn, and its file."""

from ...actors.coordinator.shard import ShardMachine
from ...actors.turn import Member
from ..storage.shard.shard_file import ShardFile


class Shard:
    """What the loop holds of one shard."""

    __slots__ = ("file", "member")

    def __init__(self, member: Member[ShardMachine], file: ShardFile) -> None:
        self.member = member
        self.file = file
