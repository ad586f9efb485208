"""The life of a job as one table: (state, event) to state.

Decides which moves exist; docs/lifecycle.md and its figure are printed from here, and a test walks every pair. The
numbers stand in logs and shard files, so they never change. Rule: docs/design.md, "The life of a job".
"""

SCHEDULED, READY, RUNNING, RETRYING = 1, 2, 3, 4
SUCCEEDED, DEAD, CANCELLED, EXPIRED, SKIPPED, DISCARDED = 10, 11, 12, 13, 14, 15

STATES = {
    SCHEDULED: "scheduled",
    READY: "ready",
    RUNNING: "running",
    RETRYING: "retrying",
    SUCCEEDED: "succeeded",
    DEAD: "dead",
    CANCELLED: "cancelled",
    EXPIRED: "expired",
    SKIPPED: "skipped",
    DISCARDED: "discarded",
}
"""number -> name, of every state that a job can have."""

LIVE = frozenset({SCHEDULED, READY, RUNNING, RETRYING})
TERMINAL = frozenset(STATES) - LIVE

OUTCOME_SUCCEEDED, OUTCOME_FAILED, OUTCOME_TIMED_OUT, OUTCOME_CRASHED = 1, 2, 3, 4
OUTCOME_CANCELLED, OUTCOME_LOST, OUTCOME_RETURNED = 5, 6, 7

OUTCOMES = {
    OUTCOME_SUCCEEDED: "succeeded",
    OUTCOME_FAILED: "failed",
    OUTCOME_TIMED_OUT: "timed_out",
    OUTCOME_CRASHED: "crashed",
    OUTCOME_CANCELLED: "cancelled",
    OUTCOME_LOST: "lost",
    OUTCOME_RETURNED: "returned",
}
"""number -> name, of how an attempt can end."""
OUTCOME_NUMBERS = {name: number for number, name in OUTCOMES.items()}

STATUS_LABELS = {
    SUCCEEDED: "success",
    DEAD: "failure",
    CANCELLED: "cancelled",
    EXPIRED: "expired",
    SKIPPED: "skipped",
    DISCARDED: "discarded",
}
"""Terminal state -> the value of the metrics' `status` label."""

TRANSITIONS: dict[tuple[int, str], int] = {
    (SCHEDULED, "due"): READY,
    (SCHEDULED, "lease"): RUNNING,  # leased ahead of its time, released at the instant
    (SCHEDULED, "cancel"): CANCELLED,
    (SCHEDULED, "skip"): SKIPPED,
    (SCHEDULED, "expire"): EXPIRED,
    (READY, "lease"): RUNNING,
    (READY, "cancel"): CANCELLED,
    (READY, "skip"): SKIPPED,
    (READY, "expire"): EXPIRED,
    (RETRYING, "due"): READY,
    (RETRYING, "lease"): RUNNING,
    (RETRYING, "cancel"): CANCELLED,
    (RETRYING, "skip"): SKIPPED,
    (RETRYING, "expire"): EXPIRED,
    (RUNNING, "succeed"): SUCCEEDED,
    (RUNNING, "retry"): RETRYING,
    (RUNNING, "return"): READY,
    (RUNNING, "give_up"): DEAD,
    (RUNNING, "stop"): CANCELLED,
    (RUNNING, "skip"): SKIPPED,
    # By hand: what has ended lives again, or is put aside.
    (SUCCEEDED, "revive"): READY,
    (DEAD, "revive"): READY,
    (CANCELLED, "revive"): READY,
    (EXPIRED, "revive"): READY,
    (SKIPPED, "revive"): READY,
    (DISCARDED, "revive"): READY,
    (DEAD, "skip"): SKIPPED,
    (CANCELLED, "skip"): SKIPPED,
    (EXPIRED, "skip"): SKIPPED,
    (DEAD, "discard"): DISCARDED,
    (CANCELLED, "discard"): DISCARDED,
    (EXPIRED, "discard"): DISCARDED,
}
"""Every move there is; a pair that is not here is a fault in the program."""

EVENTS = tuple(dict.fromkeys(event for _, event in TRANSITIONS))


def next_state(state: int, event: str) -> int:
    """Returns the state that follows.

    Raises:
        AssertionError: the table has no such move.
    """
    assert (state, event) in TRANSITIONS, f"no move from {STATES.get(state, state)} on {event}"
    return TRANSITIONS[state, event]
