"""Why an instant of a schedule has a job, or has none.

Decides the codes that TICK ops and the `ticks` table hold; a number once given is never used for anything else. What a
reader is told of each stands here, too; docs/schedules.md prints it.
"""

from typing import Final, NamedTuple


class Reason(NamedTuple):
    """One reason: its stable name, whether a job was made, and what it means."""

    name: str
    fired: bool
    meaning: str


ON_TIME, CAUGHT_UP, MANUAL, REBOOT, AFTER_OTHER = 1, 2, 3, 4, 5
MISSED, SUPERSEDED, TOO_OLD, OVERLAP, BUFFERED, BUFFER_FULL, PAUSED, QUEUE_FULL, REMOVED, CUT_SHORT = (
    10,
    11,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
)

REASONS: Final[dict[int, Reason]] = {
    ON_TIME: Reason("on_time", True, "the job was made at its time, or within the grace"),
    CAUGHT_UP: Reason("caught_up", True, "nobody was there at its time; catch_up made the job later"),
    MANUAL: Reason("manual", True, "somebody asked for a run now"),
    REBOOT: Reason("reboot", True, "the host of the node was started"),
    AFTER_OTHER: Reason("after_other", True, "it had waited for the job of an earlier instant to end"),
    MISSED: Reason("missed", False, "nobody was there at its time, and catch_up is skip"),
    SUPERSEDED: Reason("superseded", False, "nobody was there at its time; catch_up is latest, and a later one ran"),
    TOO_OLD: Reason("too_old", False, "nobody was there at its time, nor within the window of catch_up"),
    OVERLAP: Reason("overlap", False, "the job of an earlier instant had not ended, and overlap is skip"),
    BUFFERED: Reason("buffered", False, "it waits for the job of an earlier instant to end; overlap is buffer_one"),
    BUFFER_FULL: Reason("buffer_full", False, "another instant waited already; overlap is buffer_one"),
    PAUSED: Reason("paused", False, "the schedule was paused"),
    QUEUE_FULL: Reason("queue_full", False, "the queue's backlog was at its limit"),
    REMOVED: Reason("removed", False, "the schedule was removed while the instant waited"),
    CUT_SHORT: Reason("cut_short", False, "the schedule was changed while thousands of instants were to be caught up"),
}

assert len({reason.name for reason in REASONS.values()}) == len(REASONS)
