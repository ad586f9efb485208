"""Every message crosses the codec unchanged, and hostile bytes get a WireError and nothing else."""

from typing import Any, get_type_hints

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.broker.wire.codec import WireError, decode, encode
from mainspring.broker.wire.errors import ERRORS
from mainspring.broker.wire.limits import FRAME_BYTES_MAX, INTEGER_MAX
from mainspring.broker.wire.messages import MESSAGES, PROTOCOL_VERSION, HelloNeeded, Message, Query, Submit

TEXTS_MAX = 2_000
"""A fault's text is sent back to a stranger; it does not grow with what he has sent."""

numbers = st.integers(-INTEGER_MAX, INTEGER_MAX)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.integers(-(2**63), 2**64 - 1) | texts | st.none() | st.booleans() | st.floats(allow_nan=False)
plain = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
hostile = plain | st.binary(max_size=8)

_BY_HINT: dict[Any, st.SearchStrategy[Any]] = {
    int: numbers,
    str: texts,
    str | None: texts | st.none(),
    bool: st.booleans(),
    bytes: st.binary(max_size=8),
    list[int]: st.lists(numbers, max_size=4),
    list[str]: st.lists(texts, max_size=4),
    list[list[Any]]: st.lists(st.lists(plain, max_size=4), max_size=4),
    dict[str, Any]: st.dictionaries(texts, scalars, max_size=4),
}


def messages_of(kind: type[Message]) -> st.SearchStrategy[Message]:
    """Messages of one kind whose fields have the declared types."""
    hints = get_type_hints(kind)
    return st.builds(kind, *(_BY_HINT[hints[name]] for name in kind.__slots__))


messages = st.sampled_from(MESSAGES).flatmap(messages_of)


def frame(*values: Any) -> bytes:
    """Packs anything, as a stranger might."""
    return msgpack.packb(list(values))


def refused(data: bytes) -> WireError:
    """Decodes what must be refused, and returns how."""
    with pytest.raises(WireError) as caught:
        decode(data)
    assert caught.value.code in ERRORS
    assert len(str(caught.value)) <= TEXTS_MAX
    return caught.value


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@settings(max_examples=15)
@given(data=st.data())
def test_every_message_comes_back_as_it_was(kind: type[Message], data: st.DataObject) -> None:
    """Decoding an encoded message gives the same message, and encoding that gives the same bytes."""
    message = data.draw(messages_of(kind))
    packed = encode(message)
    assert decode(packed) == message
    assert decode(memoryview(packed)) == message
    assert encode(decode(packed)) == packed


def test_lone_surrogates_do_not_travel() -> None:
    """A text that no database stores is refused where it arrives, and leaves with a mark in its place."""
    message = Query(0, 1, "jobs", {"task": "a\udcff"})
    assert decode(encode(message)) == Query(0, 1, "jobs", {"task": "a?"})
    values = [PROTOCOL_VERSION, Query.KIND, 0, 1, "\ud800", {}]
    assert refused(msgpack.packb(values, unicode_errors="surrogatepass")).code == "malformed"


@given(st.binary(max_size=64))
def test_random_bytes_are_refused(data: bytes) -> None:
    """Bytes that nobody meant as a message get a WireError, never another exception."""
    try:
        decode(data)
    except WireError as error:
        assert error.code in {"malformed", "version"}  # noqa: PT017 - a valid frame may turn up, and is welcome


@given(messages, st.data())
def test_truncated_frames_are_refused(message: Message, data: st.DataObject) -> None:
    """A frame that is cut off anywhere, or has something behind it, is refused."""
    packed = encode(message)
    cut = data.draw(st.integers(0, len(packed) - 1))
    assert refused(packed[:cut]).code == "malformed"
    assert refused(packed + b"\x00").code == "malformed"


@given(messages, st.integers(), st.integers(0, 255))
def test_flipped_bytes_do_no_harm(message: Message, at: int, value: int) -> None:
    """A frame with one wrong byte is another message or a WireError."""
    packed = bytearray(encode(message))
    packed[at % len(packed)] = value
    try:
        decode(bytes(packed))
    except WireError as error:
        assert len(str(error)) <= TEXTS_MAX  # noqa: PT017 - as above


@given(messages, st.integers(), hostile)
def test_each_field_has_its_declared_type(message: Message, at: int, value: Any) -> None:
    """Another value in any field is taken only if its type is the declared one.

    No bool for an int, no text for a list.
    """
    names = list(message.__slots__)
    name = names[at % len(names)]
    values = [getattr(message, other) if other != name else value for other in names]
    hint = get_type_hints(type(message))[name]
    fitting = _fits(value, hint)
    packed = frame(PROTOCOL_VERSION, message.KIND, *values)
    if fitting:
        assert getattr(decode(packed), name) == value
    else:
        error = refused(packed)
        assert error.code == "malformed"
        assert f"{type(message).__name__}.{name}" in str(error)


def _fits(value: Any, hint: Any) -> bool:
    match hint:
        case type() if hint is int:
            return type(value) is int and abs(value) <= INTEGER_MAX
        case type() if hint in (str, bool):
            return type(value) is hint
        case _ if hint == str | None:
            return value is None or type(value) is str
        case _ if hint == list[int] or hint == list[str]:
            return type(value) is list and all(type(item) is hint.__args__[0] for item in value)
        case _ if hint == list[list[Any]]:
            return type(value) is list and all(type(item) is list for item in value)
        case _:
            return type(value) is dict and all(type(key) is str for key in value)


@given(messages, st.integers(0, 3))
def test_no_field_may_be_missing_or_added(message: Message, count: int) -> None:
    """A frame with one field too many or too few is malformed, whatever the others are."""
    values = [getattr(message, name) for name in message.__slots__]
    assert refused(frame(PROTOCOL_VERSION, message.KIND, *values, *[0] * (count + 1))).code == "malformed"
    assert refused(frame(PROTOCOL_VERSION, message.KIND, *values[: -count - 1])).code == "malformed"


@pytest.mark.parametrize("version", [0, 2, -1, 2**64 - 1, PROTOCOL_VERSION + 1])
def test_other_versions_are_told_apart(version: int) -> None:
    """A frame of another version is not called malformed, and the text names both versions."""
    error = refused(frame(version, HelloNeeded.KIND, 0))
    assert error.code == "version"
    assert str(version) in str(error)
    assert str(PROTOCOL_VERSION) in str(error)


@pytest.mark.parametrize("version", [True, 1.0, "1", None, [1], {"1": 1}, b"\x01", "x" * 100_000])
def test_a_version_is_an_integer(version: Any) -> None:
    """Whatever equals 1 without being the integer 1 is no version, and is not repeated at length."""
    assert refused(frame(version, HelloNeeded.KIND, 0)).code in {"malformed", "version"}


@pytest.mark.parametrize("kind", [0, 255, True, 29.0, "29", None, [29], b"x" * 100_000, 2**64 - 1])
def test_a_kind_that_does_not_exist_is_malformed(kind: Any) -> None:
    """Only the numbers of the vocabulary are kinds."""
    assert refused(frame(PROTOCOL_VERSION, kind, 0)).code == "malformed"


@pytest.mark.parametrize("values", [[], [1]], ids=str)
def test_a_message_has_a_version_and_a_kind(values: list[int]) -> None:
    """A shorter array is no message."""
    assert refused(frame(*values)).code == "malformed"


@pytest.mark.parametrize("data", [b"", b"\xc0", b"\xc1", b"\x01", b"\xa1x", b"\x80", b"\xcb" + bytes(8)])
def test_what_is_no_array_is_malformed(data: bytes) -> None:
    """Nil, numbers, texts and maps are no messages, nor is nothing at all."""
    assert refused(data).code == "malformed"


@pytest.mark.parametrize("depth", [100, 511, 512, 1_000, 100_000])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_deep_nesting_is_refused(depth: int, at: int) -> None:
    """Arrays within arrays, in place of the version, the kind or a field, exhaust no stack."""
    values = [b"\x01", b"\x1d", b"\x00"]
    values[at] = b"\x91" * depth + b"\x00"
    refused(b"\x93" + b"".join(values))


@pytest.mark.parametrize(
    "head", [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"]
)
def test_lengths_that_lie_allocate_nothing(head: bytes) -> None:
    """A header that announces 4 GiB is refused for what is there, not believed."""
    assert refused(b"\x93\x01\x0b" + head).code == "malformed"


@pytest.mark.parametrize("data", [b"\xd4\x05\x00", b"\xd6\xff\x00\x00\x00\x00", b"\xc7\x00\xff"])
def test_extension_types_are_refused(data: bytes) -> None:
    """Timestamps and other extensions of msgpack have no place in a message."""
    assert refused(b"\x93\x01\x1d" + data).code == "malformed"


@pytest.mark.parametrize("key", [b"\x01", b"\xc0", b"\x90", b"\xc4\x01x"])
def test_maps_have_text_keys(key: bytes) -> None:
    """A filter whose key is a number, nil, an array or bytes is refused."""
    query = Query(0, 1, "jobs", {})
    packed = encode(query)
    assert packed.endswith(b"\x80")
    assert refused(packed[:-1] + b"\x81" + key + b"\x01").code == "malformed"


def test_text_that_is_no_text_is_malformed() -> None:
    """Bytes that are not UTF-8 in a text are refused."""
    assert refused(b"\x94\x01\x01\xa2\xff\xfe\xc0").code == "malformed"


def test_a_frame_that_is_too_large_is_not_read() -> None:
    """One byte above the bound is refused by its length; the bound itself is read."""
    packed = encode(Submit(0, 1, 1, 0, [["x" * (FRAME_BYTES_MAX - 64)]]))
    assert isinstance(decode(packed), Submit)
    error = refused(bytes(FRAME_BYTES_MAX + 1))
    assert str(FRAME_BYTES_MAX) in str(error)
