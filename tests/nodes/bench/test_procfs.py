"""What the kernel says of this process."""

import os

from mainspring.nodes.bench.procfs import cpu_ns, family, pss_kib, words


def test_this_process_is_found_with_its_costs() -> None:
    """A process is the first of its own family, has run, and holds memory."""
    me = os.getpid()

    assert family(me)[0] == me
    assert me in family(os.getppid())
    assert cpu_ns([me]) > 0
    assert 1_000 < pss_kib(me) < 10_000_000
    assert "python" in words(me) or "pytest" in words(me)
    assert words(2**30) == ""
