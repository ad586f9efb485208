"""Payloads and results: strict JSON that reads back as what it was, or an error that says where and why not."""

import dataclasses
import enum
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.broker.tasks.arguments import (
    EMPTY_PAYLOAD,
    decode_arguments,
    decode_result,
    encode_arguments,
    encode_result,
)
from mainspring.broker.tasks.exceptions import InvalidPayload, PayloadTooLarge, UnserializablePayload

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@dataclasses.dataclass
class Line:
    """A line of an order."""

    sku: str
    price: Decimal


class Colour(enum.Enum):
    """A colour."""

    RED = "red"


@settings(max_examples=50)
@given(args=st.lists(JSON_VALUES), kwargs=st.dictionaries(TEXT, JSON_VALUES))
def test_json_values_come_back_as_they_were(args: list[object], kwargs: dict[str, object]) -> None:
    """Whatever is JSON survives, and the payload is JSON by any reader's measure."""
    payload = encode_arguments(tuple(args), kwargs)

    assert decode_arguments(payload) == (args, kwargs)
    assert json.loads(payload) == [args, kwargs]


def test_no_arguments_have_one_payload() -> None:
    """The empty call is a constant, which the reader knows."""
    assert encode_arguments((), {}) == EMPTY_PAYLOAD
    assert decode_arguments(EMPTY_PAYLOAD) == ([], {})


def test_values_of_richer_types_are_encoded_by_their_type() -> None:
    """Without a signature a value's own type decides its form."""
    moment = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    number = UUID("123e4567-e89b-12d3-a456-426614174000")

    payload = encode_arguments(
        (moment, date(2026, 1, 31), number, b"hello", Colour.RED), {"line": Line("a", Decimal("1.50"))}
    )

    assert json.loads(payload) == [
        ["2026-01-31T09:30:00+00:00", "2026-01-31", str(number), "aGVsbG8=", "red"],
        {"line": {"sku": "a", "price": "1.50"}},
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), "argument 1 is nan, which JSON has no word for"),
        ([1.0, float("inf")], r"argument 1\[1\] is inf"),
        ({"a": {2: "b"}}, r"argument 1\['a'\] has the key 2"),
        ({1: 2}, "argument 1 has the key 1"),
        ("\ud800", "argument 1 holds half a surrogate pair"),
        ({"\udfff": 1}, "a key of argument 1 holds half a surrogate pair"),
        ([{"a": {1, 2}}], r"argument 1\[0\]\['a'\] is set, which cannot travel"),
        (object(), "argument 1 is object, which cannot travel"),
        (Decimal("NaN"), "argument 1 is NaN"),
        (Line("a", Decimal("Infinity")), r"argument 1\.price is Infinity"),
        (Line, "argument 1 is type"),
        pytest.param(10**5000, "cannot travel as JSON", id="huge"),
    ],
)
def test_what_cannot_travel_is_refused_with_its_path(value: object, text: str) -> None:
    """Each refusal names the place inside the arguments."""
    with pytest.raises(UnserializablePayload, match=text):
        encode_arguments((value,), {})


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_depth_is_bounded(wrap: object) -> None:
    """Nesting up to the bound passes, one level beyond it or a cycle does not."""
    value: object = 1
    for _ in range(98):
        value = wrap(value)
    assert decode_arguments(encode_arguments((value,), {}))[0] == [value]

    for _ in range(2):
        value = wrap(value)
    with pytest.raises(UnserializablePayload, match="deeper than 100 levels"):
        encode_arguments((value,), {})


def test_cycles_and_bottomless_pits_are_refused() -> None:
    """A value that holds itself ends in an error, not in the interpreter's stack."""
    ring: list[object] = []
    ring.append(ring)

    with pytest.raises(UnserializablePayload, match="or in itself"):
        encode_arguments((ring,), {})
    with pytest.raises(InvalidPayload, match="nests too deeply"):
        decode_arguments("[" * 100_000)


def test_size_is_bounded_in_bytes() -> None:
    """The bound counts UTF-8, and the text says how much there was."""
    assert encode_arguments(("x" * 93,), {}, bytes_max=102)
    with pytest.raises(PayloadTooLarge, match="103 bytes, more than 102"):
        encode_arguments(("x" * 94,), {}, bytes_max=102)
    with pytest.raises(PayloadTooLarge):
        encode_arguments(("é" * 60,), {}, bytes_max=102)


@pytest.mark.parametrize(
    "payload", ["", "{}", "[]", "[1,2]", "[[],[]]", "[[],{},1]", "nul", "[[NaN],{}]", "[[1],{}] x"]
)
def test_what_is_no_payload_is_refused(payload: str) -> None:
    """A payload from elsewhere is JSON of the right shape, or an InvalidPayload."""
    with pytest.raises(InvalidPayload):
        decode_arguments(payload)


def test_results_travel_by_their_type_and_come_back_by_the_hint() -> None:
    """A result is JSON to everybody, and the annotated type to who knows it."""
    text = encode_result([Line("a", Decimal("1.50"))])

    assert decode_result(text) == [{"sku": "a", "price": "1.50"}]
    assert decode_result(text, list[Line]) == [Line("a", Decimal("1.50"))]
    assert encode_result(None) is None
    assert decode_result(None) is None
    assert decode_result("3", int) == 3


def test_a_result_that_does_not_fit_its_hint_is_refused() -> None:
    """The text says where a stored result departs from the annotation."""
    with pytest.raises(InvalidPayload, match=r"the result\[0\].price is 'x', which does not read as Decimal"):
        decode_result('[{"sku":"a","price":"x"}]', list[Line])
    with pytest.raises(InvalidPayload, match="the result is not JSON"):
        decode_result("{", None)


@pytest.mark.parametrize(
    ("value", "text"),
    [({1: 2}, "the result has the key 1"), (object(), "the result is object"), ("\ud800", "half a surrogate pair")],
)
def test_results_that_cannot_travel_are_refused(value: object, text: str) -> None:
    """Results meet the same rules as arguments."""
    with pytest.raises(UnserializablePayload, match=text):
        encode_result(value)
    with pytest.raises(PayloadTooLarge):
        encode_result("x" * 99, bytes_max=100)
