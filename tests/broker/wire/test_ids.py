"""Job ids: what is packed comes out again, what is shown can be typed, and nothing else is taken for an id."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.broker.wire.ids import (
    SEQUENCE_MAX,
    SHARD_MAX,
    format_id,
    job_id,
    parse_id,
    sequence_of,
    shard_of,
)  # fmt: skip

shards = st.integers(0, SHARD_MAX)
sequences = st.integers(1, SEQUENCE_MAX)


@given(shards, sequences)
def test_an_id_holds_its_shard_and_sequence(shard: int, sequence: int) -> None:
    """Both come out as they went in, and no id reaches 2**53."""
    id = job_id(shard, sequence)
    assert (shard_of(id), sequence_of(id)) == (shard, sequence)
    assert 0 < id < 2**53


@given(shards, sequences)
def test_what_is_shown_can_be_typed(shard: int, sequence: int) -> None:
    """`parse_id` reads what `format_id` shows, the packed integer, and either with spaces around it."""
    id = job_id(shard, sequence)
    assert parse_id(format_id(id)) == id
    assert parse_id(str(id)) == id
    assert parse_id(f"  {format_id(id)}\n") == id
    assert parse_id(f"{shard}-{sequence}") == id


@given(shards, sequences, shards, sequences)
def test_ids_of_one_shard_sort_as_they_were_given(shard: int, first: int, other: int, second: int) -> None:
    """Ids sort by shard and then by sequence."""
    assert (job_id(shard, first) < job_id(other, second)) == ((shard, first) < (other, second))


def test_how_ids_look() -> None:
    """A bare number is of shard 0."""
    assert format_id(1042) == "1042"
    assert format_id(job_id(3, 1042)) == "3-1042"
    assert parse_id("0-1042") == 1042


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-",
        "x",
        "1.0",
        "1e3",
        "+1",
        "-5",
        "--5",
        "3-",
        "3--5",
        "1-2-3",
        "3 - 5",
        "１２",
        "²",
        "0x10",
        "1_000",
        "9" * 5_000,
    ],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    """The text says what an id looks like, or what its bounds are."""
    with pytest.raises(ValueError, match=r"3-1042|out of range"):
        parse_id(text)


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "3-0",
        f"{SHARD_MAX + 1}-1",
        f"1-{SEQUENCE_MAX + 1}",
        str(job_id(SHARD_MAX, SEQUENCE_MAX) + 1),
        str((SHARD_MAX + 1) << 40 | 1),
    ],
)
def test_ids_out_of_range_are_refused(text: str) -> None:
    """A shard or a sequence beyond its bits is named as out of range, with the bounds."""
    with pytest.raises(ValueError, match=f"out of range.*{SHARD_MAX}.*{SEQUENCE_MAX}"):
        parse_id(text)


@pytest.mark.parametrize(("shard", "sequence"), [(-1, 1), (SHARD_MAX + 1, 1), (0, 0), (0, -1), (0, SEQUENCE_MAX + 1)])
def test_no_id_is_made_out_of_range(shard: int, sequence: int) -> None:
    """Whoever gives ids out has a fault if it runs out of bits."""
    with pytest.raises(AssertionError):
        job_id(shard, sequence)


@given(st.text(max_size=20))
def test_any_text_is_an_id_or_a_value_error(text: str) -> None:
    """Nothing that a user types raises anything else."""
    try:
        id = parse_id(text)
    except ValueError:
        return
    assert parse_id(format_id(id)) == id
