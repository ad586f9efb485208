"""What a run uses is what its child and those below it have gained since it began."""

from mainspring.nodes.processes.child_watch import SIZE_EVERY_NS, ChildWatch, Watched
from mainspring.nodes.runners.process_table import Process

MIB = 1024 * 1024


def a_process(pid: int, *, cpu_ms: float = 0, rss_bytes: int = 0, started_ms: float = 0) -> Process:
    """A process with plain values for what the test does not care about."""
    return Process(pid, 1, 10, 10, False, cpu_ms, rss_bytes, started_ms)


def test_what_a_child_used_before_is_not_the_runs() -> None:
    """Neither its CPU time nor its memory."""
    watched = Watched(1, a_process(10, cpu_ms=5_000, rss_bytes=100 * MIB), started_ms=1_000)
    now = [a_process(10, cpu_ms=5_300, rss_bytes=130 * MIB)]
    assert watched.cpu_ms(now) == 300
    assert watched.memory_bytes(now) == 30 * MIB
    assert watched.memory_bytes([a_process(10, rss_bytes=90 * MIB)]) == 0


def test_what_a_run_has_started_counts_from_its_start() -> None:
    """What an earlier run has left counts from when it was first seen."""
    watched = Watched(1, a_process(10), started_ms=1_000)
    new, old = a_process(11, cpu_ms=400, started_ms=1_500), a_process(12, cpu_ms=9_000, started_ms=500)
    assert watched.cpu_ms([a_process(10, cpu_ms=100), new, old]) == 500
    later = [a_process(10, cpu_ms=100), a_process(11, cpu_ms=600), a_process(12, cpu_ms=9_050)]
    assert watched.cpu_ms(later) == 750


def test_nothing_is_looked_at_while_nothing_is_watched() -> None:
    """Nor after a child is gone."""
    watch = ChildWatch({})
    watch.watch(1, 5, 0)
    assert watch.watched == {}
    assert watch.uses(10 * SIZE_EVERY_NS) == []
    assert watch.sizes(7, 3) == ([], 3)
    assert watch.look_ns == 7 + SIZE_EVERY_NS
    assert watch.sizes(8, 3) is None
