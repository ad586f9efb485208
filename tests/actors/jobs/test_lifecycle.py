"""The life of a job as a table: every pair of state and event, and what the table says of the end."""

from itertools import product

import pytest

from mainspring.actors.jobs import lifecycle as life
from mainspring.actors.jobs.job import Job
from mainspring.actors.jobs.lifecycle import EVENTS, LIVE, STATES, STATUS_LABELS, TERMINAL, TRANSITIONS, next_state

MOVES = {
    "due": {"scheduled": "ready", "retrying": "ready"},
    "lease": {"scheduled": "running", "ready": "running", "retrying": "running"},
    "cancel": {"scheduled": "cancelled", "ready": "cancelled", "retrying": "cancelled"},
    "expire": {"scheduled": "expired", "ready": "expired", "retrying": "expired"},
    "succeed": {"running": "succeeded"},
    "retry": {"running": "retrying"},
    "return": {"running": "ready"},
    "give_up": {"running": "dead"},
    "stop": {"running": "cancelled"},
    "skip": dict.fromkeys(("scheduled", "ready", "retrying", "running", "dead", "cancelled", "expired"), "skipped"),
    "discard": dict.fromkeys(("dead", "cancelled", "expired"), "discarded"),
    "revive": dict.fromkeys(("succeeded", "dead", "cancelled", "expired", "skipped", "discarded"), "ready"),
}
"""What docs/lifecycle.md says, once more."""


@pytest.mark.parametrize(("state", "event"), list(product(STATES, EVENTS)))
def test_every_pair_moves_as_documented(state: int, event: str) -> None:
    """A pair has the documented move, or none, and then it is a fault that names both."""
    wanted = MOVES[event].get(STATES[state])
    if wanted is not None:
        assert STATES[next_state(state, event)] == wanted
    else:
        with pytest.raises(AssertionError, match=f"no move from {STATES[state]} on {event}"):
            next_state(state, event)


def test_the_table_has_nothing_else() -> None:
    """Events and states of the table are those that are known."""
    assert set(EVENTS) == MOVES.keys()
    assert sum(map(len, MOVES.values())) == len(TRANSITIONS)
    assert {state for state, _ in TRANSITIONS} | set(TRANSITIONS.values()) == STATES.keys()


@pytest.mark.parametrize("state", [*STATES, 0, 99])
def test_an_event_that_does_not_exist_moves_nothing(state: int) -> None:
    """A word that is no event is a fault in every state."""
    with pytest.raises(AssertionError, match="no move from"):
        next_state(state, "explode")


def test_nothing_leaves_an_end_but_by_hand() -> None:
    """A job that has ended stays as it ended, unless somebody retries, skips or discards it."""
    assert {event for state, event in TRANSITIONS if state in TERMINAL} == {"revive", "skip", "discard"}
    assert {state for state, event in TRANSITIONS if event == "revive"} == TERMINAL
    put_aside = {(before, after) for (before, event), after in TRANSITIONS.items() if event in ("skip", "discard")}
    assert not {(before, after) for before, after in put_aside if before in (life.SUCCEEDED, after)}


def test_live_and_terminal_split_the_states() -> None:
    """Each state is one or the other, and the numbers tell which."""
    assert set(STATES) == LIVE | TERMINAL
    assert not LIVE & TERMINAL
    for state in STATES:
        job = Job(1, 1, "{}", 0, None, state)
        assert job.terminal == (state in TERMINAL)


def test_every_state_can_be_reached_and_left() -> None:
    """From a submitted job every state is reached, and from every live state an end."""
    reached = {life.SCHEDULED, life.READY}
    for _ in STATES:
        reached |= {after for (state, _), after in TRANSITIONS.items() if state in reached}
    assert reached == STATES.keys()
    for state in LIVE:
        assert {after for (before, _), after in TRANSITIONS.items() if before == state} - {state}


def test_every_end_has_a_label() -> None:
    """The `status` of metrics covers each way to end, with words of its own."""
    assert STATUS_LABELS.keys() == TERMINAL
    assert len(set(STATUS_LABELS.values())) == len(TERMINAL)


def test_numbers_never_change() -> None:
    """They stand in logs and shard files."""
    assert STATES == {
        1: "scheduled", 2: "ready", 3: "running", 4: "retrying", 10: "succeeded", 11: "dead", 12: "cancelled",
        13: "expired", 14: "skipped", 15: "discarded",
    }  # fmt: skip
    assert life.OUTCOMES == {
        1: "succeeded", 2: "failed", 3: "timed_out", 4: "crashed", 5: "cancelled", 6: "lost", 7: "returned",
    }  # fmt: skip
    assert {name: number for number, name in life.OUTCOMES.items()} == life.OUTCOME_NUMBERS
