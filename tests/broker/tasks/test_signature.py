"""A handler's signature as its callers see it: arguments bind, the context does not count."""

from datetime import date

import pytest

from mainspring.broker.tasks.context import Context
from mainspring.broker.tasks.exceptions import InvalidPayload, InvalidTask
from mainspring.broker.tasks.signature import Signature

HERE = Context.detached("jobs.handler")


def plain(a: int, b: "str" = "x", *, c: float = 0.5) -> None:
    """Nothing to convert."""


def dated(a: date, /, *rest: date, end: date | None = None, **more: date) -> date:
    """Every kind of parameter."""
    return a


def untyped(a, b=1):
    """No annotations."""


def with_context(a: int, ctx: Context, b: int = 2) -> None:
    """The context in the middle."""


def with_late_context(a: int, *, ctx: "Context | None" = None) -> None:
    """The context by keyword."""


def test_plain_signatures_are_known_as_such() -> None:
    """Where no annotation asks for conversion nothing is converted."""
    assert Signature(plain, "jobs.plain").plain
    assert Signature(untyped, "jobs.untyped").plain
    assert Signature(with_context, "jobs.with_context").plain
    assert not Signature(dated, "jobs.dated").plain


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((1, "a", 3), {}), ((1,), {"d": 1}), ((1,), {"a": 1}), ((), {"b": "x"})]
)
def test_a_call_that_does_not_fit_is_a_type_error(args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    """The text shows how the handler is called."""
    with pytest.raises(TypeError, match=r"jobs.plain\(a, b='x', \*, c=0.5\) does not take these arguments"):
        Signature(plain, "jobs.plain").encode(args, kwargs)


def test_required_keywords_are_required_of_positional_calls() -> None:
    """The quick count of arguments does not forget a keyword-only one."""

    def handler(a: int, *, b: int) -> None: ...

    with pytest.raises(TypeError, match="missing a required argument: 'b'"):
        Signature(handler, "jobs.handler").encode((1,), {})


def test_every_kind_of_parameter_converts() -> None:
    """Positional-only, variadic, keyword-only and free keyword arguments follow their annotations."""
    day = date(2026, 1, 31)
    signature = Signature(dated, "jobs.dated")

    payload = signature.encode((day, day, day), {"end": day, "other": day})

    assert signature.decode(payload, HERE) == ([day] * 3, {"end": day, "other": day})
    assert signature.returns is date


def test_the_context_is_put_where_the_handler_wants_it() -> None:
    """Callers pass everything but the context; it lands in its place, or by name when they stop short of it."""
    signature = Signature(with_context, "jobs.with_context")

    assert signature.decode(signature.encode((1, 3), {}), HERE) == ([1, HERE, 3], {})
    assert signature.decode(signature.encode((1,), {}), HERE) == ([1, HERE], {})
    assert signature.decode(signature.encode((), {"a": 1, "b": 3}), HERE) == ([], {"a": 1, "b": 3, "ctx": HERE})
    late = Signature(with_late_context, "jobs.late")
    assert late.decode(late.encode((1,), {}), HERE) == ([1], {"ctx": HERE})
    with pytest.raises(TypeError, match="unexpected keyword argument 'ctx'"):
        signature.encode((1,), {"ctx": 2})
    with pytest.raises(InvalidPayload, match="unexpected keyword argument 'ctx'"):
        signature.decode('[[1],{"ctx":2}]', HERE)


def test_two_contexts_and_bundles_of_them_are_refused() -> None:
    """One parameter takes the context."""

    def twice(a: Context, b: Context) -> None: ...

    def bundle(*a: Context) -> None: ...

    with pytest.raises(InvalidTask, match="takes two contexts"):
        Signature(twice, "jobs.twice")
    with pytest.raises(InvalidTask, match="by the handful"):
        Signature(bundle, "jobs.bundle")


def test_an_annotation_that_cannot_be_resolved_is_refused_by_name() -> None:
    """A type that exists for the type checker alone is no type at run time."""

    def handler(when: "Nowhere") -> None: ...  # noqa: F821  (unresolved on purpose)

    def returns() -> "Nowhere": ...  # noqa: F821  (unresolved on purpose)

    with pytest.raises(InvalidTask, match=r"annotation of 'when' in jobs.handler cannot be resolved"):
        Signature(handler, "jobs.handler")
    assert Signature(returns, "jobs.returns").returns is None
