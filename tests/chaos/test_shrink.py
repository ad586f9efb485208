"""A failing world is made smaller, fails in the same way, and can be told and run again."""

import pytest

from mainspring.chaos.cluster_options import options_of
from mainspring.chaos.mutants import planted
from mainspring.chaos.options import Options
from mainspring.chaos.shrink import LEAST, BadChange, changed, changes, shrink, smaller, violated
from mainspring.chaos.simulate import run
from mainspring.nodes.cli.errors import CommandError
from mainspring.nodes.cli.simulate import command

SEED = 0


def size(options: Options) -> int:
    """How much there is in a world."""
    return sum(getattr(options, name) for name in LEAST) + len(options.faults)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_each_step_takes_something_away(seed: int, members: int) -> None:
    """So that it ends."""
    options = options_of(seed, members)
    for candidate in smaller(options):
        is_calmer = candidate.weather_name == "calm" != options.weather_name
        assert is_calmer or size(candidate) < size(options)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_what_was_changed_can_be_told_and_made_again(seed: int, members: int) -> None:
    """The texts are all that a replay needs besides the seed."""
    drawn = options_of(seed, members)
    for candidate in smaller(drawn):
        assert changed(drawn, changes(drawn, candidate)) == candidate
    assert changes(drawn, drawn) == []


def test_a_failing_world_grows_smaller_and_fails_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    """The printed replay line gives the same run."""
    with planted("ack_before_commit"):
        drawn = options_of(SEED, 1)
        before = run(SEED, drawn)
        report, options = shrink(before, drawn)
        assert violated(report) == violated(before) == "durable_before_visible"
        assert size(options) < size(drawn)
        assert not any(violated(run(SEED, less)) == violated(before) for less in smaller(options))
        assert command(seed=SEED, change=changes(drawn, options)) == 1
    printed = capsys.readouterr().out
    assert f"trace {report.digest}" in printed
    assert f"replay: mainspring simulate --seed {SEED} --set " in printed


def test_the_command_shrinks(capsys: pytest.CaptureFixture[str]) -> None:
    """With --shrink it tells the smallest world that it has found."""
    with planted("ack_before_commit"):
        assert command(seed=SEED, smaller=True) == 1
    assert "--set clients=1" in capsys.readouterr().out or options_of(SEED, 1).clients == 1
    assert command(seed=SEED, smaller=True) == 0, "a clean one stays as it is"


@pytest.mark.parametrize("text", ["", "nothing=1", "clients=many", "clients", "seed"])
def test_a_change_that_cannot_be_made(text: str) -> None:
    """It is refused with what could be changed."""
    with pytest.raises(BadChange, match="clients"):
        changed(options_of(SEED, 1), [text])
    with pytest.raises(CommandError, match="clients"):
        command(seed=SEED, change=[text])


def test_changes_need_a_seed() -> None:
    """There is one world to change."""
    with pytest.raises(CommandError, match="--seed"):
        command(smaller=True)
