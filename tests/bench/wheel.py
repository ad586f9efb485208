"""Measures the timing wheel at a million timers: `python tests/bench/wheel.py [timers]`.

Prints one line per load: nanoseconds per add, per fired entry and per cancel, the slowest single call of each
in the thread's own time (so that a busy machine does not blur it), and the bytes that an entry costs while it
waits.
"""

import gc
import random
import sys
import tracemalloc
from collections.abc import Callable
from time import perf_counter_ns, thread_time_ns

from mainspring.actors.timing.wheel import Wheel

START_MS = 1_700_000_000_000
LIMIT = 256
Load = list[tuple[int, int]]


def horizon(count: int, draw: random.Random) -> Load:
    """Timers spread over the ten minutes that the wheel is made for."""
    return [(START_MS + draw.randrange(600_000), item) for item in range(count)]


def one_second(count: int, draw: random.Random) -> Load:
    """Timers spread over one coarse bucket, one minute ahead."""
    second = (START_MS + 60_000) // 1024 * 1024
    return [(second + draw.randrange(1000), item) for item in range(count)]


def one_instant(count: int, draw: random.Random) -> Load:
    """Timers that are all due at the same millisecond, added in any order."""
    items = list(range(count))
    draw.shuffle(items)
    return [(START_MS + 60_000, item) for item in items]


def this_second(count: int, draw: random.Random) -> Load:
    """Timers added to the bucket that is open already."""
    start = START_MS // 1024 * 1024
    return [(start + draw.randrange(1000), item) for item in range(count)]


def fill(load: Load) -> tuple[Wheel, float, int]:
    """Adds the load to a new wheel and returns it with the mean and the slowest add, in nanoseconds."""
    wheel = Wheel(START_MS // 1024 * 1024)
    started = perf_counter_ns()
    for due_ms, item in load:
        wheel.add(due_ms, item)
    mean = (perf_counter_ns() - started) / len(load)
    wheel = Wheel(START_MS // 1024 * 1024)
    worst = 0
    for due_ms, item in load:
        before = thread_time_ns()
        wheel.add(due_ms, item)
        worst = max(worst, thread_time_ns() - before)
    return wheel, mean, worst


def drain(load: Load) -> tuple[float, int, int]:
    """Empties the wheel as a loop would: ns per entry, slowest advance, slowest next_due_ms."""
    wheel = fill(load)[0]
    started = perf_counter_ns()
    while (due_ms := wheel.next_due_ms()) is not None:
        wheel.advance(due_ms, LIMIT)
    mean = (perf_counter_ns() - started) / len(load)
    wheel = fill(load)[0]
    worst = worst_next = 0
    while True:
        before = thread_time_ns()
        due_ms = wheel.next_due_ms()
        between = thread_time_ns()
        if due_ms is None:
            return mean, worst, worst_next
        wheel.advance(due_ms, LIMIT)
        worst_next = max(worst_next, between - before)
        worst = max(worst, thread_time_ns() - between)


def entry_bytes(load: Load) -> float:
    """Returns the bytes that the wheel allocates per waiting entry."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    wheel = Wheel(START_MS // 1024 * 1024)
    for due_ms, item in load:
        wheel.add(due_ms, item)
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return used / len(wheel)


def cancels(load: Load, draw: random.Random) -> tuple[float, int]:
    """Cancels a tenth of the load in random order and returns the mean and the slowest cancel."""
    wheel = fill(load)[0]
    chosen = draw.sample(load, max(1, min(len(load) // 10, 20_000)))
    worst = total = 0
    for due_ms, item in chosen:
        before = thread_time_ns()
        assert wheel.cancel(due_ms, item)
        took = thread_time_ns() - before
        worst = max(worst, took)
        total += took
    return total / len(chosen), worst


def main(count: int = 1_000_000) -> None:
    """Prints the table."""
    loads: list[Callable[[int, random.Random], Load]] = [horizon, one_second, one_instant, this_second]
    print(f"{count} timers, advance limit {LIMIT}; collector off")
    print(
        f"{'load':<12} {'add ns':>7} {'worst us':>9} {'fire ns':>8} {'worst us':>9} {'next us':>8}"
        f" {'cancel ns':>10} {'worst us':>9} {'bytes':>6}"
    )
    gc.disable()
    for make in loads:
        load = make(count, random.Random(1))
        _, add_ns, add_worst = fill(load)
        fire_ns, fire_worst, next_worst = drain(load)
        cancel_ns, cancel_worst = cancels(load, random.Random(2))
        worst_us = [worst / 1000 for worst in (add_worst, fire_worst, next_worst, cancel_worst)]
        print(
            f"{make.__name__:<12} {add_ns:>7.0f} {worst_us[0]:>9.0f} {fire_ns:>8.0f} {worst_us[1]:>9.0f}"
            f" {worst_us[2]:>8.0f} {cancel_ns:>10.0f} {worst_us[3]:>9.0f} {entry_bytes(load):>6.1f}"
        )


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]))
