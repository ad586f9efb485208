"""An executor has room for the sockets and pipes of all its children, as far as the system allows."""

import resource

import pytest

from mainspring.nodes.processes import executor
from mainspring.nodes.processes.plan import ExecutorPlan


@pytest.mark.parametrize(
    ("soft", "hard", "wanted"),
    [
        (1024, 1_000_000, 256 + 4 * 500),
        (1024, 2000, 2000),
        (1024, resource.RLIM_INFINITY, 256 + 4 * 500),
        (100_000, 100_000, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None),
    ],
)
def test_the_soft_limit_of_open_files_is_raised_where_it_is_too_low(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, wanted: int | None
) -> None:
    """500 slots need more than the usual 1024."""
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    executor.make_room(ExecutorPlan("node", "name", [], ["tasks"], [], ["*"], 1, process_slots=500))
    assert asked == ([] if wanted is None else [(wanted, hard)])
