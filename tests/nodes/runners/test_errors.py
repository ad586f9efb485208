"""The text and the kind of an error: the user's frames, bounded, whatever the exception does."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.broker.wire.limits import ERROR_BYTES_MAX, NAME_CHARS_MAX
from mainspring.nodes.runners.errors import cap, error_kind, error_text
from mainspring.nodes.runners.frames import DONE, pack_rows
from mainspring.nodes.runners.outcome import failure


class Mute(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Leaves(Exception):
    """To ask for its text ends the program."""

    def __str__(self) -> str:
        raise SystemExit(3)


class NoText(Exception):
    """Its text is no text."""

    def __str__(self) -> str:
        return 7  # type: ignore[return-value]  # noqa: PLE0307  (wrong on purpose)


class Liar(Exception):
    """Says of its traceback that it is something else."""

    @property
    def __traceback__(self) -> object:
        """Fails."""
        raise KeyboardInterrupt

    @property
    def __notes__(self) -> object:
        """Fails as well."""
        raise ValueError


def raised(fault: BaseException) -> BaseException:
    """Raises and catches, for a traceback."""
    try:
        raise fault
    except type(fault) as caught:
        return caught


@pytest.mark.parametrize("fault", [Mute(), Leaves(), NoText(), Liar("x")])
def test_an_exception_that_breaks_is_told_nevertheless(fault: Exception) -> None:
    """Its kind is in the text, and nothing is raised."""
    assert type(fault).__name__ in error_text(raised(fault))


def test_the_chain_is_told_from_the_first_cause() -> None:
    """What an exception was raised from, and while handling which, stands before it."""
    try:
        try:
            raise KeyError("first")
        except KeyError as fault:
            raise ValueError("second") from fault
    except ValueError as fault:
        text = error_text(fault)

    assert text.index("KeyError: 'first'") < text.index("direct cause") < text.index("ValueError: second")


def test_a_cycle_of_causes_ends() -> None:
    """Two exceptions that are each other's cause are told once each."""
    one, two = raised(ValueError("one")), raised(ValueError("two"))
    one.__cause__, two.__cause__ = two, one

    assert error_text(one).count("ValueError: two") == 1


def test_all_of_a_group_are_told() -> None:
    """What a TaskGroup raises shows each of its parts."""

    async def fails(text: str) -> None:
        raise ValueError(text)

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails("left"))
            group.create_task(fails("right"))

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(both())

    text = error_text(caught.value)
    assert "ValueError: left" in text
    assert "ValueError: right" in text
    assert error_kind(caught.value) == "ExceptionGroup"


def test_an_endless_recursion_is_told_briefly() -> None:
    """The frames that repeat are counted, and the end is there."""

    def down() -> None:
        down()

    with pytest.raises(RecursionError) as caught:
        down()

    text = error_text(caught.value)
    assert "Previous line repeated" in text
    assert text.endswith("RecursionError: maximum recursion depth exceeded")


def test_a_huge_message_keeps_its_beginning_and_its_end() -> None:
    """The text is cut in the middle, and the mend still stands at its end."""
    text = error_text(raised(ValueError("BEGIN" + "é" * 1_000_000)), "the mend")

    assert len(text.encode()) <= ERROR_BYTES_MAX
    assert text.startswith("Traceback")
    assert "BEGIN" in text
    assert text.endswith("the mend")


def test_a_kind_is_a_short_name_that_travels() -> None:
    """Half a surrogate pair, a wrong module or a very long name make no row that cannot be sent."""
    odd = type("Odd", (ValueError,), {"__module__": "a\ud800"})()
    long = type("L" * 5000, (ValueError,), {})()

    assert error_kind(odd) == "a\\ud800.Odd"
    assert len(error_kind(long)) == NAME_CHARS_MAX
    assert list(pack_rows(DONE, [failure(1, 2, raised(odd)), failure(2, 2, raised(long))]))


@given(st.text(st.characters(codec=None), max_size=200), st.integers(0, 3000))
def test_a_capped_text_always_travels(text: str, times: int) -> None:
    """Any text becomes valid UTF-8 within the bound; a short one with nothing odd in it is left alone."""
    capped = cap(text * times)

    assert len(capped.encode()) <= ERROR_BYTES_MAX
    if text.isascii() and len(text) * times <= ERROR_BYTES_MAX:
        assert capped == text * times
