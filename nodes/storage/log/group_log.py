"""One group's log in numbers: where it ends, what of it is durable, which epochs its entries have.

Decides nothing; the files say how it begins, and local_entries.py how it goes on.
"""


class GroupLog:
    """One group."""

    __slots__ = ("cut_to", "epoch", "floor", "last", "last_epoch", "lost", "owed", "runs", "synced", "synced_crc")

    def __init__(self, index: int, last_epoch: int, crc: int) -> None:
        self.last = index
        self.last_epoch = last_epoch
        self.synced = index
        self.synced_crc = crc
        self.floor = 1
        self.epoch = 0
        """The epoch that this process writes in; 0 until it campaigned."""
        self.lost = 0
        """The entry up to which it had been durable once, if the start found fewer."""
        self.owed = 0
        """The same, until the log has come that far again."""
        self.cut_to: int | None = None
        """The last durable entry that stays, if those behind it are to go with the next sync."""
        self.runs: list[tuple[int, int]] | None = None
        """(first index, epoch) of each run of entries of one epoch; None until somebody has asked."""

    def end_at(self, index: int, epoch: int) -> None:
        """Has the log end sooner."""
        self.last, self.last_epoch = index, epoch
        if self.runs is not None:
            while self.runs and self.runs[-1][0] > index:
                self.runs.pop()

    def runs_from(self, first: int) -> list[tuple[int, int]]:
        """Returns the runs without what lies before an entry."""
        runs = self.runs
        assert runs is not None, "the files have been asked"
        if self.last < first:
            return []
        while len(runs) > 1 and runs[1][0] <= first:
            del runs[0]
        if runs[0][0] < first:
            runs[0] = first, runs[0][1]
        return list(runs)
