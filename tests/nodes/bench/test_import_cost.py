"""What counts as a package that no client needs."""

from mainspring.nodes.bench.import_cost import loaded_heavy


def test_heavy_packages_are_told_by_name() -> None:
    """Their submodules alone do not count, nor what merely sounds alike."""
    assert loaded_heavy(["sys", "typer", "asyncio.base", "richer", "asyncio"]) == ["asyncio", "typer"]
    assert loaded_heavy(["sys"]) == []
