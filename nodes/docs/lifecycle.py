"""Prints docs/lifecycle.md: states, moves and outcomes, from actors/jobs/lifecycle.py.

It must not know which moves there are: the table says. What a state or an event means to people is written here by
hand, and a state or event without such a text stops the printing. The rule that reference pages are printed from code
is the design map's, section 2.
"""

from typing import Final

from ...actors.jobs import lifecycle as life
from ...actors.jobs.retry import DELAY_MIN_MS
from ...actors.limits import CRASHES_MAX
from .markdown import names, page, table

_INTRODUCTION = """\
# The life of a job

A job is in exactly one state. It begins as `ready` (due now) or `scheduled` (due later), and ends in one of six. There
it stays, unless somebody acts on it by hand. This page and its figure are printed from `actors/jobs/lifecycle.py` by
`python -m mainspring.nodes.docs`.

![The states of a job](lifecycle.svg)

A move drawn from a frame exists for each of the states inside it."""

_STATES: Final = {
    "scheduled": "Its time has not come.",
    "ready": "Its time has come. Only a free slot is missing.",
    "running": "Leased to an executor. The handler may have begun or not.",
    "retrying": "It ran and did not succeed, and it waits for the time of its next attempt.",
    "succeeded": "Its handler returned. The result is kept.",
    "dead": "It failed for good. It is kept for people to look at.",
    "cancelled": "Somebody asked for it to stop, and it did not succeed before that.",
    "expired": "It was not running when its time to start (`expires`, or its `deadline`) had passed.",
    "skipped": "Somebody has said by hand that it need not run.",
    "discarded": "It had ended badly, and somebody has put it aside by hand: a dead letter that is dealt with.",
}

_EVENTS: Final = {
    "due": "The clock has reached its due time. This follows from the time, so it is not logged, except when memory"
    " gives the job back to disk, or somebody makes it ready by hand (op READY).",
    "lease": "A slot is free, and the job is given to an executor. A job whose time has not quite come is leased a"
    " few milliseconds ahead, and is sent at its instant.",
    "cancel": "A client cancelled it while it was not running.",
    "skip": "Somebody skipped it by hand: before it ran, after it ended badly, or while it ran and it then stopped.",
    "expire": "It waits, and its time to start has passed. A job that waits for a retry can expire, too.",
    "succeed": "The attempt succeeded.",
    "retry": "The attempt did not succeed, and the job has a time for the next one.",
    "return": "The attempt ended and the job can run again at once.",
    "give_up": "The attempt failed, and no other follows: no retry (or no crash) is left, the handler has said so, or"
    " it would begin after the job's deadline.",
    "stop": "The attempt was stopped on request, or it ended without success after it had been asked to stop.",
    "revive": "Somebody retried it by hand (op REVIVE).",
    "discard": "Somebody put it aside by hand (op SETTLE).",
}

_OUTCOMES: Final = {
    "succeeded": ("The handler returned, and its result can travel as JSON.", "`succeeded`"),
    "failed": (
        "The handler raised an exception.",
        "`retrying` while retries are left, then `dead`; or as the exception says",
    ),
    "timed_out": (
        "It ran longer than its timeout, or up to its deadline. It was interrupted, and killed if it went on.",
        "as `failed`: a retry is spent; `dead` at its deadline",
    ),
    "crashed": (
        (
            "Its runner process died while the job was at it. Where an event loop dies and nobody can tell which job"
            " did it, all its jobs have crashed."
        ),
        f"`retrying` after a pause; `dead` at crash {CRASHES_MAX}",
    ),
    "cancelled": ("It stopped because it was asked to.", "`cancelled`"),
    "lost": (
        "Its executor died, or was silent until its lease ran out. Whether the handler ran is not known.",
        f"`ready` at once; `dead` at crash {CRASHES_MAX}",
    ),
    "returned": (
        (
            "It is given back: it had to wait too long for its slot, or its executor stops, or another job took the"
            " process down, or the run never reached the executor. Or its handler wants to run later (snooze)."
        ),
        "`ready` at once, or `retrying` if it snoozes; nothing is spent",
    ),
}

_OTHERS: Final = {
    "scheduled": ("scheduled", "delayed"),
    "ready": ("pending", "enqueued"),
    "running": ("active", "processing"),
    "retrying": ("retry", "delayed again"),
    "succeeded": ("completed", "processed"),
    "dead": ("archived", "dead-lettered"),
    "cancelled": ("– (deleted, or archived)", "– (a middleware's)"),
    "expired": ("archived by its deadline", "dropped by its age limit"),
    "skipped": ("– (archived by hand)", "–"),
    "discarded": ("– (deleted by hand)", "–"),
}
"""state -> the words of asynq and of dramatiq."""

_OUTCOME_NOTES = f"""\
* Each attempt has a number, from 1, and ends with one outcome. Every outcome uses up its number.
* `failed` and `timed_out` count against the retries. `crashed` and `lost` count against a budget of their own: the
  job ends dead at crash {CRASHES_MAX}, however many retries it has. `returned` counts against nothing.
* A handler may say itself what follows its failure. "retry" counts as one, and waits as long as the handler says.
  "no retry": the job is dead at once. "no count": it is tried again, however often, and no retry is spent. To snooze is
  no failure at all. No wait is shorter than {DELAY_MIN_MS} ms.
* A job with a deadline has no attempt that begins after it. An attempt that ends and has no other before the deadline
  ends the job dead at once, with its own error. One that runs into the deadline is interrupted as at a timeout.
* A job that was asked to stop and ends in any way but `succeeded` is `cancelled`, or `skipped` if that was asked for
  first. If it succeeds all the same, it has `succeeded`.
* A job that was leased ahead of its time and comes back before it waits for its time again, as `retrying`. If it had
  not been sent yet, it has run nowhere, and is `returned` whoever died."""

_BY_HAND = """\
## By hand

| act | waits | runs | succeeded | dead, cancelled, expired | skipped, discarded |
|---|---|---|---|---|---|
| cancel | `cancelled` | asked to stop | – | – | – |
| retry | `ready` at once, if it waits for its time | – | `ready`, with force | `ready` | `ready` |
| skip | `skipped` | asked to stop, with force | – | `skipped` | – |
| discard | – | – | – | `discarded` | – |

To ask twice changes nothing more. One that is leased ahead of its time and not sent yet can be cancelled and skipped as
if it waited. Who asked a running job to stop first has decided how it ends.

A job that lives again is the same job, with its id, arguments, priority and key. Its attempts count on. Its failures
and crashes count from zero; its `expires` and `deadline` are over and hold no more. A queue that is full takes none
back. A job that a schedule has made is, when it lives again, no business of the schedule's overlap rule. Its key is
held as long as it was given for, however the job ends or lives again.

Each act is an audit row: who, what, from which state to which, and why. A cancel has none."""

_STORED = """\
## Where a state is stored

The row of a live job in the shard file says `scheduled`, `ready` or `retrying`. That it runs is said by a lease: in
the log, and after about a second in the table `leases`. That a `scheduled` job has become ready follows from its due
time; its row does not change. The view `v_jobs` puts these together. A job leased less than a second or so ago may
still be shown as it was before.

The numbers stand in logs and shard files and never change.

## In the words of others

dramatiq keeps no state for a message; its column names where the message is. The last column is the value of a metric's
`status` label."""


def printed() -> str:
    """Prints the page, in Markdown."""
    assert set(_STATES) == set(_OTHERS) == set(life.STATES.values()), "a state is not explained"
    assert set(_EVENTS) == set(life.EVENTS), "an event is not explained"
    assert set(_OUTCOMES) == set(life.OUTCOMES.values()), "an outcome is not explained"
    return page(
        _INTRODUCTION,
        "## States",
        table(
            ("number", "state", "kind", "meaning"),
            [
                (number, f"`{name}`", "live" if number in life.LIVE else "ended", _STATES[name])
                for number, name in life.STATES.items()
            ],
        ),
        "## Moves",
        "A pair of state and event that is not here does not happen; the program asserts it.",
        table(
            ("event", "from", "to", "what happened"),
            [(f"`{event}`", _sources(event), _targets(event), _EVENTS[event]) for event in life.EVENTS],
        ),
        "## Outcomes of an attempt",
        table(
            ("number", "outcome", "what happened", "the job then"),
            [(number, f"`{name}`", *_OUTCOMES[name]) for number, name in life.OUTCOMES.items()],
        ),
        _OUTCOME_NOTES,
        _BY_HAND,
        _STORED,
        table(
            ("state", "asynq", "dramatiq", "`status`"),
            [
                (f"`{name}`", *_OTHERS[name], f"`{label}`" if (label := life.STATUS_LABELS.get(number)) else "–")
                for number, name in life.STATES.items()
            ],
        ),
    )


def _sources(event: str) -> str:
    return names(life.STATES[state] for state, found in life.TRANSITIONS if found == event)


def _targets(event: str) -> str:
    return names(dict.fromkeys(life.STATES[to] for (_, found), to in life.TRANSITIONS.items() if found == event))
