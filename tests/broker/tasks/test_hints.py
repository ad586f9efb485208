"""Arguments by annotation: each supported type comes back equal, everything else is refused with a mend."""

import dataclasses
import enum
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.broker.tasks.context import Context
from mainspring.broker.tasks.exceptions import InvalidPayload, UnserializablePayload
from mainspring.broker.tasks.signature import Signature

UserId = typing.NewType("UserId", UUID)


class Colour(enum.Enum):
    """A colour."""

    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass(frozen=True)
class Line:
    """A line with lines below it."""

    sku: str
    price: Decimal
    parts: "list[Line]" = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class SubLine(Line):
    """A line with more to it."""

    note: str = ""


class Customer(pydantic.BaseModel):
    """A model with an alias and a strict field."""

    model_config = pydantic.ConfigDict(populate_by_name=False)
    born: date = pydantic.Field(alias="Born")
    tags: set[str] = set()


def through(hint: object, value: object) -> object:
    """Sends a value through a handler whose only parameter has this annotation."""

    def handler(it: object) -> None: ...

    handler.__annotations__["it"] = hint
    signature = Signature(handler, "jobs.handler")
    (result,), _ = signature.decode(signature.encode((value,), {}), Context.detached("jobs.handler"))
    return result


LINES = st.deferred(
    lambda: st.builds(
        Line,
        st.text(st.characters(exclude_categories=["Cs"])),
        st.decimals(allow_nan=False, allow_infinity=False),
        st.lists(LINES, max_size=2),
    )
)
CASES: dict[object, st.SearchStrategy[object]] = {
    datetime: st.datetimes(timezones=st.none() | st.timezones()).map(lambda it: datetime.fromisoformat(it.isoformat())),
    date: st.dates(),
    UUID: st.uuids(),
    UserId: st.uuids(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    bytes: st.binary(),
    Colour: st.sampled_from(Colour),
    Line: LINES,
    list[date]: st.lists(st.dates()),
    Sequence[Decimal]: st.lists(st.decimals(allow_nan=False, allow_infinity=False)),
    Mapping[str, UUID | None]: st.dictionaries(st.sampled_from("abc"), st.none() | st.uuids()),
    tuple[int, ...]: st.lists(st.integers()).map(tuple),
    tuple[date, int]: st.tuples(st.dates(), st.integers()),
    tuple: st.lists(st.integers()).map(tuple),
    dict[str, list[Line]] | None: st.none() | st.dictionaries(st.sampled_from("abc"), st.lists(LINES, max_size=2)),
    typing.Annotated[date, "a note"]: st.dates(),
    int | str | None: st.none() | st.integers() | st.sampled_from("abc"),
    typing.Literal["a", 1]: st.sampled_from(["a", 1]),
    typing.List: st.lists(st.integers()),  # noqa: UP006  (the old spelling is what is tested)
}


@settings(max_examples=15)
@given(data=st.data())
@pytest.mark.parametrize("hint", CASES, ids=str)
def test_values_come_back_equal_and_of_their_type(hint: object, data: st.DataObject) -> None:
    """For every supported annotation a value survives the journey."""
    value = data.draw(CASES[hint])

    result = through(hint, value)

    assert result == value
    assert type(result) is type(value)


def test_models_come_back_by_alias_and_with_what_json_lacks() -> None:
    """A pydantic model validates what it dumped, aliases and sets included."""
    customer = Customer(Born=date(1990, 5, 1), tags={"a", "b"})

    assert through(Customer, customer) == customer
    assert through(list[Customer], [customer]) == [customer]


@pytest.mark.parametrize(
    ("hint", "value", "text"),
    [
        (datetime, "2026-01-01", "argument 'it' is str where datetime is annotated; pass a datetime"),
        (date, datetime(2026, 1, 1), "argument 'it' is datetime where date is annotated"),  # noqa: DTZ001  (naive on purpose)
        (list[date], [date(2026, 1, 1), 5], r"argument 'it'\[1\] is int where date is annotated"),
        (list[date], 5, "argument 'it' is int where a list is annotated"),
        (dict[str, date], {"a": 5}, r"argument 'it'\['a'\] is int where date is annotated"),
        (dict[str, date], [], "argument 'it' is list where a dict is annotated"),
        (dict[int, date], {}, r"annotate dict\[str, X\]"),
        (tuple[date, int], (date(2026, 1, 1),), "has 1 items where the annotation has 2"),
        (Line, SubLine("a", Decimal(1)), "is SubLine where Line is annotated; pass just that"),
        (Line, Line("a", typing.cast("Decimal", 1.5)), r"argument 'it'\.price is float where Decimal is annotated"),
        (Colour, "red", "pass one of its members"),
        (Customer, {"Born": "1990-05-01"}, "is dict where Customer is annotated"),
        (set[int], {1}, "which cannot travel as JSON; use JSON types, datetime"),
        (date | datetime, date(2026, 1, 1), "its members cannot be told apart in JSON"),
        (Callable[[], int], int, "cannot travel as JSON"),
        (int, date(2026, 1, 1), "argument 'it' is date, which is not plain JSON; annotate"),
        (Decimal, Decimal("sNaN"), "JSON has no word for"),
    ],
)
def test_what_does_not_fit_is_refused_at_the_call(hint: object, value: object, text: str) -> None:
    """A value that would not come back as it was is refused, by name, with a mend."""
    with pytest.raises(UnserializablePayload, match=f"jobs.handler: .*{text}"):
        through(hint, value)


@pytest.mark.parametrize(
    ("hint", "payload", "text"),
    [
        (datetime, '"noon"', "is 'noon', which does not read as datetime"),
        (date, "5", "is int where date travels as text"),
        (UUID, '"1"', "does not read as UUID"),
        (Decimal, "1.5", "is float where Decimal travels as text"),
        (Decimal, '"Infinity"', "does not read as Decimal"),
        (bytes, '"@"', "does not read as bytes"),
        (list[date], "{}", "is dict where a list is annotated"),
        (dict[str, date], "[]", "is list where an object is annotated"),
        (Colour, '"green"', "no value of Colour"),
        (Line, '{"sku":"a"}', "lacks price of Line"),
        (Line, '{"sku":"a","price":"1","colour":1}', "has a field 'colour' that Line lacks"),
        (Line, '{"sku":"a","price":"1","parts":[{"sku":1}]}', r"\.parts\[0\] lacks price"),
        (Customer, '{"Born":"never"}', "does not validate as Customer"),
    ],
)
def test_a_payload_that_does_not_fit_is_refused_in_the_child(hint: object, payload: str, text: str) -> None:
    """What other clients sent is checked against the annotation, with the path."""

    def handler(it: object) -> None: ...

    handler.__annotations__["it"] = hint
    signature = Signature(handler, "jobs.handler")

    with pytest.raises(InvalidPayload, match=f"jobs.handler: argument 'it'.*{text}"):
        signature.decode(f"[[{payload}],{{}}]", Context.detached("jobs.handler"))


def test_a_whole_number_reads_as_decimal() -> None:
    """Other clients may send an integer where a Decimal is annotated."""

    def handler(it: Decimal) -> None: ...

    assert Signature(handler, "a").decode("[[3],{}]", Context.detached("a"))[0] == [Decimal(3)]
