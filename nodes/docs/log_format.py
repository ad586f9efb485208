"""Prints docs/log-format.md: the ops of a log entry and their columns, from actors/entries.py.

It must not know what an op means: the vocabulary says so itself. What stands around it (files, checksums) is written
here by hand. The rule that reference pages are printed from code is the design map's, section 2.
"""

from ...actors import entries
from .markdown import flat, names, page, table
from .source_notes import notes

_INTRODUCTION = """\
# The log

The log is the truth of a shard. A shard file is its view: it can be built again from the log, as long as the log
still reaches back to what the file holds. This page says what stands in an entry and where entries lie. It is printed
from `actors/entries.py` by `python -m mainspring.nodes.docs`.

## An entry

An entry is one group commit: all that a coordinator decided in one turn. It is one msgpack array:

    [version, epoch, stamp_ms, ops]

* `version` is {version} now. A program that meets a higher one refuses the log and says so.
* `epoch` is the number of the leadership that wrote the entry. It never falls from entry to entry.
* `stamp_ms` is the leader's wall clock in UTC milliseconds. It never falls either: when the clock steps back, the
  stamp stands still.
* `ops` is a list. Each op is a flat array: its number, then its columns. They are applied in order.

Ops hold decisions, not requests: ids, fences, due times, the result of a draw. Applying them needs no clock and no
chance, so every copy of a shard gets the same rows. A number once given keeps its meaning for ever. Columns change
only under a new `version`.

The fence of a lease is (epoch, index) of the entry that holds its LEASE op.

In a cluster, the engine that replicates the log puts entries of its own between them: one when a leader begins, and one
whenever the members change. They begin with the byte `0xc1`, with which no msgpack value begins, have no stamp, and say
nothing to a shard.
"""

_WHERE = """\
## Where entries lie

One node keeps the logs of all its shards in the folder `log` of its data directory. Group 0 is kept free; the shard
*n* is group *n* + 1. The indexes of a group are 1, 2, 3 … without gaps.
"""

_FILES = (
    (
        "`log-00000001.db`, …",
        (
            "The segments, SQLite files in WAL mode. A segment that is full is followed by a new one. An old segment is"
            " deleted as a whole."
        ),
    ),
    ("`hard_state`", "The last epoch of each group, written before the epoch is used, so that none is given twice."),
    (
        "`synced`",
        (
            "How far each group was durable, and the checksum of that entry; written about ten times a second at most."
            " At a start it shows whether the log ends before what was acknowledged. A checksum of 0 is compared with"
            " nothing."
        ),
    ),
    (
        "`group-1.state`, …",
        (
            "On a member of a cluster, one a group: what its engine must not forget beside the entries (term, vote,"
            " members). Written before any entry that rests on it. A single node has none."
        ),
    ),
    ("`ballast`", "4 MiB kept aside for a full disk. Where there is no room for it, new jobs are refused."),
    ("`ballast.probe`", "There for a moment, when a full disk is looked at again."),
    ("`lock`", "Held by the process that uses the folder."),
)

_SEGMENTS = """\
The table `log` of a segment has one row an entry: `grp`, `idx`, `term` (the epoch), `version` (of the row), `crc`
and `blob` (the entry). The checksum is CRC-32 over group, index, epoch, version and blob. The table `base` says how
far each group had come when the segment was begun; so a missing segment is noticed.

On a member of a cluster, entries that were never committed may have to go again, and a copy of the shard may take the
place of entries that are gone. Rows of the newest segment are deleted then. What earlier segments hold stays there and
is void: the newest one says so in its table `start` (`grp`, `idx`, `term`, `crc`, `is_reset`). The group's log goes on
in that segment behind entry `idx`, whatever `base` says; if `is_reset` is 1, nothing that was written before counts. A
segment has this table, and `user_version` 2 instead of 1, only if it needs it.

While a node runs, nobody else can open its newest segment. Read the shard files instead.
"""


def printed() -> str:
    """Prints the page, in Markdown."""
    told = notes(entries)
    ops = sorted((number, name) for name, number in vars(entries).items() if name in told and type(number) is int)
    columns = [(name, value) for name, value in vars(entries).items() if name.endswith("_COLUMNS")]
    return page(
        _INTRODUCTION.format(version=entries.ENTRY_VERSION),
        "## The ops",
        table(
            ("number", "op", "what it says"),
            [(number, f"`{_shape(told[name])}`", _meaning(told[name])) for number, name in ops],
        ),
        "## The columns of their rows",
        table(
            ("rows", "columns", "notes"), [(f"`{name}`", names(value), told.get(name, "")) for name, value in columns]
        ),
        "The rows of TASKS have the columns of `TASK_COLUMNS` in [the protocol](protocol.md).",
        _WHERE,
        table(("file", "what it holds"), _FILES),
        _SEGMENTS,
    )


def _shape(note: str) -> str:
    return note.partition("]")[0] + "]"


def _meaning(note: str) -> str:
    text = flat(note.partition("]:")[2])
    assert text, f"an op is not explained as [NAME, columns]: meaning, but as {note!r}"
    return text[0].upper() + text[1:]
