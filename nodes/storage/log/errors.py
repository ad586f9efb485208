"""What a log engine on disk can say when it cannot go on.

Decides which faults a caller may answer and which end the process. `LogDamaged` stands with the seam in
actors.log; these are about this machine's disk, so they stand here.
"""


class LogFailed(Exception):
    """The disk failed the log: the process must end.

    What was appended and not synced may or may not be found at the next start.
    """


class DiskFull(Exception):
    """There is no room for what was appended: nothing of it was written, and all of it still waits in memory.

    The caller has the choice: make room (`release_ballast`, or delete something) and call `sync` again, which
    writes the same entries; or end the process, which forgets them, and nobody was told otherwise. This is no
    second try of a failed fsync: room runs out in the write before it, and SQLite takes that write back.
    """


class DataDirectoryInUse(Exception):
    """Another process holds the data directory."""
