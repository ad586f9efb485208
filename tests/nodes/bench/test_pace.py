"""The steady pace: every call once, in order, none before its time."""

import time

from mainspring.nodes.bench.pace import paced


def test_a_slow_call_does_not_move_the_others() -> None:
    """Late calls are made up for at once, so the last one comes when it should."""
    calls: list[tuple[int, float]] = []
    begun = time.perf_counter()

    def call(number: int) -> None:
        calls.append((number, time.perf_counter() - begun))
        while number == 1 and time.perf_counter() - begun < 0.02:
            pass

    paced(6, 0.005, call)

    assert [number for number, _ in calls] == [0, 1, 2, 3, 4, 5]
    assert all(at >= number * 0.005 for number, at in calls)
