"""What `mainspring repair --strategy auto` does, by the error kind of the last attempt.

Decides which failures another attempt may mend. `repair --help` and docs/operating-jobs.md print this table, so it
stands here alone. Rule: auto retries or leaves alone; it puts nothing aside, for only a person knows what is wanted.
"""

from typing import Final, NamedTuple

RETRY: Final = "retry"
LEAVE: Final = "leave"


class Rule(NamedTuple):
    """One row: what is done about some error kinds, and why."""

    kinds: tuple[str, ...]
    action: str
    why: str


RULES: Final[tuple[Rule, ...]] = (
    Rule(("crash", "crash_budget"), RETRY, "its process or its executor died, perhaps by no fault of its own"),
    Rule(("timeout", "killed", "not_started"), RETRY, "it ran out of time; the next attempt may be faster"),
    Rule(
        (
            "ConnectionError", "ConnectionResetError", "ConnectionRefusedError", "ConnectionAbortedError",
            "BrokenPipeError", "ConnectTimeout", "ReadTimeout", "TimeoutError", "InterruptedError", "gaierror",
            "OSError",
        ),
        RETRY,
        "something outside did not answer; it may by now",
    ),
    Rule(("memory_limit", "cpu_limit", "MemoryError"), LEAVE, "the next attempt would meet the same limit"),
    Rule(("deadline",), LEAVE, "its time is over; is it still wanted?"),
    Rule(("NoRetry",), LEAVE, "its handler says that no attempt could succeed"),
)  # fmt: skip
"""Of an exception the class's own name counts, whatever its module: `requests.exceptions.ConnectionError` is a
ConnectionError. Subclasses of other names, such as FileNotFoundError, are not meant."""

OTHERS: Final = Rule((), LEAVE, "its own error, which another attempt would most likely meet again")

RULED_OUT: Final = Rule((), LEAVE, "retries were left, but its task's no_retry ruled them out")

_BY_KIND: Final = {kind: rule for rule in RULES for kind in rule.kinds}

DEADLINE_LINES: Final = ("its deadline has passed", "its next attempt would begin after its deadline")
"""What the coordinator puts below the error of a job whose deadline has ended it."""


def is_over(error: str | None) -> bool:
    """Says whether a job's deadline has ended it, whatever its last attempt failed with."""
    return (error or "").rstrip().endswith(DEADLINE_LINES)


def rule_for(error_kind: str | None) -> Rule:
    """Returns the rule for an error kind; for none, and for an unknown one, that a person is needed."""
    return _BY_KIND.get((error_kind or "").rpartition(".")[2], OTHERS)


def in_words() -> str:
    """Returns the table as sentences, for `--help`."""
    told = [f"{', '.join(rule.kinds)}: {rule.action} ({rule.why})" for rule in RULES]
    told.append(f"all others: {OTHERS.action} ({OTHERS.why})")
    return "; ".join([*told, f"whatever the kind, what a deadline or the task's no_retry has ended: {LEAVE}"])
