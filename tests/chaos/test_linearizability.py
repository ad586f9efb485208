"""The checker of histories says what trying every order says, and misses no stale read."""

from itertools import permutations
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mainspring.chaos.linearizability import ABSENT, CANCELLED, LIVE, Fault, History, JobModel, Operation, check

DONE = "ended:succeeded"
STATES = (ABSENT, LIVE, DONE, CANCELLED)

Call = tuple[str, str, int, int | None, str]
"""kind, argument, invoked, returned, result"""


def history_of(calls: list[Call]) -> History:
    """Makes a history of one job."""
    history = History()
    for id, (kind, argument, invoked, returned, result) in enumerate(calls):
        history.invoke(id, invoked, kind, "job", argument)
        if returned is not None:
            history.returned(id, returned, result)
    return history


def explained_by_some_order(operations: list[Operation]) -> bool:
    """Tries every order of every set that has all that were answered."""
    answered = [operation for operation in operations if operation.returned is not None]
    unknown = [operation for operation in operations if operation.returned is None]
    return any(
        _fits(order)
        for chosen in range(1 << len(unknown))
        for order in permutations([*answered, *(one for at, one in enumerate(unknown) if chosen >> at & 1)])
    )


def _fits(order: tuple[Operation, ...]) -> bool:
    for at, operation in enumerate(order):
        if any(later.returned is not None and later.returned < operation.invoked for later in order[at + 1 :]):
            return False
    states = {ABSENT}
    for operation in order:
        states = {after for state in states for after in JobModel().steps(state, operation)}
    return bool(states)


@st.composite
def calls(draw: st.DrawFn) -> list[Call]:
    """A few requests about one job, overlapping at will."""
    found: list[Call] = []
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(("submit", "status", "status", "cancel", "finish", "retry")))
        argument = draw(st.sampled_from((DONE, LIVE))) if kind == "finish" else ""
        results = {
            "status": STATES,
            "submit": ("ok",),
            "finish": ("ok", "void"),
            "cancel": ("ok", ABSENT, DONE, CANCELLED),
            "retry": ("ok", ABSENT, LIVE),
        }
        invoked = draw(st.integers(0, 12))
        took = draw(st.none() | st.integers(0, 6))
        result = draw(st.sampled_from(results[kind]))
        found.append((kind, argument, invoked, None if took is None else invoked + took, result))
    return found


@settings(max_examples=600)
@given(calls())
@example([("submit", "", 0, None, ""), ("status", "", 5, 6, LIVE), ("status", "", 7, 8, ABSENT)])
@example([("submit", "", 0, 1, "ok"), ("cancel", "", 2, None, ""), ("status", "", 5, 6, CANCELLED)])
def test_it_says_what_trying_every_order_says(made: list[Call]) -> None:
    """No order is missed, and none is invented."""
    history = history_of(made)
    assert (check(history) is None) == explained_by_some_order(history.of("job"))


@settings(max_examples=200)
@given(st.integers(1, 60), st.randoms(use_true_random=False))
def test_a_stale_read_is_found(reads: int, chance: Random) -> None:
    """Many clients read one job while it lives; one of them, asked after its end was seen, sees it live."""
    history = History()
    history.invoke("submit", 0, "submit", 7)
    history.returned("submit", 10, "ok")
    ends_at = 1000
    history.invoke("finish", ends_at - 50, "finish", 7, DONE)
    history.returned("finish", ends_at + 50, "ok")
    for number in range(reads):
        invoked = chance.randrange(11, 2000)
        history.invoke(number, invoked, "status", 7)
        returned = invoked + chance.randrange(0, 300)
        effective = chance.randint(invoked, returned)
        history.returned(number, returned, LIVE if effective < ends_at else DONE)
    assert check(history) is None
    history.invoke("stale", 2400, "status", 7)
    history.returned("stale", 2401, LIVE)
    fault = check(history)
    assert isinstance(fault, Fault)
    assert fault.key == 7
    assert "stale" not in str(fault)
    assert "status() at 2400..2401 -> live" in str(fault)


def test_many_unanswered_requests_cost_little() -> None:
    """Requests that time out are asked again and again; those that ask the same stand for each other."""
    history = History()
    for number in range(200):
        history.invoke(number, number, "submit", "job")
        history.invoke(("cancel", number), 300 + number, "cancel", "job")
    for number in range(200):
        history.invoke(("status", number), 600 + number, "status", "job")
        history.returned(("status", number), 601 + number, LIVE if number < 100 else CANCELLED)
    assert check(history) is None
    history.invoke("last", 900, "status", "job")
    history.returned("last", 901, LIVE)
    assert check(history) is not None


def test_what_was_refused_took_no_effect() -> None:
    """A definite refusal is no request, a repeated one is one, and its first answer counts."""
    history = History()
    history.invoke("a", 0, "submit", "job")
    history.invoke("a", 5, "submit", "job")
    history.invoke("b", 6, "submit", "job")
    history.refused("b")
    history.returned("a", 9, "ok")
    history.returned("a", 11, "again")
    history.invoke("c", 10, "status", "job")
    history.returned("c", 12, LIVE)
    assert [repr(operation) for operation in history.of("job")] == [
        "submit() at 0..9 -> ok",
        "status() at 10..12 -> live",
    ]
    assert list(history.all_keys()) == ["job"]
    assert check(history) is None
