"""A peer that speaks nonsense is counted, charged for it, and in the end not read; the others notice nothing."""

import pytest

from mainspring.broker.net.refusals import (
    CREDIT_A_WINDOW,
    CREDIT_BYTES,
    GREETINGS_A_WINDOW,
    NOTE_EVERY_MS,
    OTHER_FAULTS,
    WINDOW_MS,
    Refusals,
)
from mainspring.broker.wire.codec import FRAME_FAULTS

LOUD, QUIET = b"loud", b"quiet"
START_NS = 10**15
MS = 1_000_000


def test_a_flood_is_not_read_until_the_window_is_over() -> None:
    """So many refusals a window; then its frames are only counted, and another peer is heard all the while."""
    refusals = Refusals()
    for _ in range(CREDIT_A_WINDOW):
        assert refusals.is_heard(LOUD, START_NS)
        refusals.refused(LOUD, "unreadable", 10, START_NS)
    for _ in range(1_000):
        assert not refusals.is_heard(LOUD, START_NS + WINDOW_MS * MS - 1)
    assert refusals.is_heard(QUIET, START_NS)
    assert (refusals.counts["unreadable"], refusals.counts["unheard"]) == (CREDIT_A_WINDOW, 1_000)
    assert refusals.is_heard(LOUD, START_NS + WINDOW_MS * MS)


def test_a_large_frame_costs_more() -> None:
    """Who sends what takes long to refuse is heard less often."""
    refusals = Refusals()
    heard = 0
    while refusals.is_heard(LOUD, START_NS):
        refusals.refused(LOUD, "fields", 20 * CREDIT_BYTES, START_NS)
        heard += 1
    assert heard == -(-CREDIT_A_WINDOW // 21)


def test_hellos_are_bounded() -> None:
    """Each is answered with a list of tasks; a peer gets so many of them in a window."""
    refusals = Refusals()
    heard = sum(refusals.is_greeted(LOUD, START_NS) for _ in range(3 * GREETINGS_A_WINDOW))
    assert heard == GREETINGS_A_WINDOW
    assert refusals.counts["greetings"] == 2 * GREETINGS_A_WINDOW
    assert refusals.is_greeted(QUIET, START_NS)
    assert refusals.is_greeted(LOUD, START_NS + WINDOW_MS * MS)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many connections somebody makes."""
    monkeypatch.setattr("mainspring.broker.net.refusals._PEERS_MAX", 10)
    refusals = Refusals()
    for number in range(1_000):
        peer = b"%d" % number
        refusals.is_greeted(peer, START_NS)
        refusals.refused(peer, "empty", CREDIT_A_WINDOW * CREDIT_BYTES, START_NS)
    assert max(map(len, (refusals._spent, refusals._greetings, refusals._unheard))) <= 10
    assert refusals.counts["empty"] == 1_000


def test_the_log_hears_seldom_and_of_all() -> None:
    """A kind at most four times a minute, with what came since; no frame is left out of the sum."""
    refusals = Refusals()
    heard: list[tuple[str, int, int]] = []
    for second in range(61):
        for _ in range(50):
            refusals.refused(LOUD, "version", 10, START_NS + second * 1_000 * MS)
        heard += refusals.notes(START_NS + second * 1_000 * MS)
    assert len(heard) == 60_000 // NOTE_EVERY_MS + 1
    assert {kind for kind, _, _ in heard} == {"version"}
    assert sum(more for _, more, _ in heard) == heard[-1][2] == 61 * 50


def test_every_kind_has_a_count() -> None:
    """One of nought is shown as well, so that a chart has its line before the first fault."""
    assert Refusals().counts == dict.fromkeys((*FRAME_FAULTS, *OTHER_FAULTS), 0)
