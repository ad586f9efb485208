"""Draws: the same for ever, even, and apart from each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.actors.draws import Draws

SEEDS = st.integers(0, 2**64 - 1)
BELOW_FROM_7 = [487, 804, 346, 203, 674, 305]
FRACTIONS_FROM_7 = [0.46795300422287345, 0.3280767391525029, 0.13425829880844864]
CHILD_NODE_1_FROM_7 = 1628904693595370065
CHILD_1_FROM_7 = 16983192712017121291


def test_the_stream_follows_the_published_vector() -> None:
    """SplitMix64 from seed 1234567 must give its well-known first five numbers."""
    draws = Draws(1234567)
    assert [draws.next_u64() for _ in range(5)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_fractions_choices_and_children_stay_as_they_are() -> None:
    """A replayed log must meet the same draws in every version."""
    draws = Draws(7)
    assert [draws.below(1000) for _ in range(6)] == BELOW_FROM_7
    assert [draws.fraction() for _ in range(3)] == FRACTIONS_FROM_7
    assert draws.child("node-1").next_u64() == CHILD_NODE_1_FROM_7
    assert draws.child(1).next_u64() == CHILD_1_FROM_7


@given(SEEDS, st.integers(1, 2**64))
def test_draws_stay_within_their_bounds(seed: int, bound: int) -> None:
    """A fraction must lie in [0, 1), a choice below its bound."""
    draws = Draws(seed)
    assert 0.0 <= draws.fraction() < 1.0
    assert 0 <= draws.below(bound) < bound


@given(SEEDS, st.one_of(st.text(max_size=8), st.integers()), st.integers(0, 5))
def test_a_child_does_not_shift(seed: int, name: str | int, drawn: int) -> None:
    """A child must rest on seed and name alone, however much its parent has drawn."""
    parent = Draws(seed)
    for _ in range(drawn):
        parent.next_u64()
    parent.child("another").next_u64()
    assert parent.child(name).next_u64() == Draws(seed).child(name).next_u64()


def test_children_differ_from_each_other_and_from_their_parent() -> None:
    """Ten thousand children, numbers and texts, must start ten thousand different streams."""
    parent = Draws(0)
    first = {parent.child(name).next_u64() for index in range(5000) for name in (index, str(index))}
    assert len(first) == 10_000
    assert Draws(0).next_u64() not in first
    assert Draws(0).child("a").child("b").next_u64() != Draws(0).child("b").child("a").next_u64()


@pytest.mark.parametrize("name", ["", "node-1", 4])
def test_draws_are_roughly_even(name: str | int) -> None:
    """Twenty thousand draws over twenty cells must stay below the 99.99 % point of chi-squared."""
    draws = Draws(42).child(name)
    count, cells = 20_000, 20
    by_choice, by_fraction = [0] * cells, [0] * cells
    for _ in range(count):
        by_choice[draws.below(cells)] += 1
        by_fraction[int(draws.fraction() * cells)] += 1
    for seen in (by_choice, by_fraction):
        assert sum((cell - count / cells) ** 2 / (count / cells) for cell in seen) < 53


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_out_of_bounds_is_refused(seed: int) -> None:
    """Two seeds must never share a stream by being cut to 64 bits."""
    with pytest.raises(ValueError, match=r"give one from 0 to 2\*\*64 - 1"):
        Draws(seed)


@pytest.mark.parametrize("bound", [0, -3, 2**64 + 1])
def test_a_bound_without_choices_is_refused(bound: int) -> None:
    """A choice among none, or among more than a word holds, must be refused."""
    with pytest.raises(ValueError, match="give the number of choices"):
        Draws(1).below(bound)
