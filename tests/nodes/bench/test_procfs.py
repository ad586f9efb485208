"""What the kernel says of this process."""

import os
import time

import pytest

from mainspring.nodes.bench import procfs
from mainspring.nodes.bench.procfs import anonymous_kib, cpu_ns, family, pss_kib, started_ms, wait_calm, words
from mainspring.nodes.cli.errors import CommandError


def test_this_process_is_found_with_its_costs() -> None:
    """A process is the first of its own family, has run, and holds memory."""
    me = os.getpid()

    assert family(me)[0] == me
    assert me in family(os.getppid())
    assert cpu_ns([me]) > 0
    assert 1_000 < anonymous_kib(me) < pss_kib(me) < 10_000_000
    assert 0 < time.time() * 1000 - started_ms(me) < 86_400_000
    assert "python" in words(me) or "pytest" in words(me)
    assert words(2**30) == ""


def test_a_busy_process_is_not_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calm is several looks in a row; whoever stays busy ends the measure."""
    used = iter([0, 0, 0, 10**9, 10**9, 10**9, 10**9, 10**9, 10**9, 10**9])
    monkeypatch.setattr(procfs, "cpu_ns", lambda _: next(used))
    wait_calm(1, 0.001)
    assert list(used) == []

    monkeypatch.setattr(procfs, "PATIENCE_S", -1.0)
    busy = iter(range(0, 10**12, 10**9))
    monkeypatch.setattr(procfs, "cpu_ns", lambda _: next(busy))
    with pytest.raises(CommandError, match="still busy"):
        wait_calm(1, 0.001)
