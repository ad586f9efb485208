"""Odd frames that are kept: each is refused for the reason in its file's name, or is a message that makes no sense.

A file is called FAULT.WHAT.bin; FAULT is one of the codec's, or `sound` if only a machine can tell what is wrong. A
frame that has ever done harm is put here.
"""

from pathlib import Path

import msgpack
import pytest

from mainspring.broker.wire.codec import FOR_COORDINATORS, FRAME_FAULTS, WireError, decode
from mainspring.broker.wire.limits import FRAME_BYTES_MAX, FRAME_VALUES_MAX
from mainspring.broker.wire.messages import MESSAGES

FRAMES = sorted((Path(__file__).parents[2] / "corpus" / "frames").glob("*.bin"))


@pytest.mark.parametrize("path", FRAMES, ids=lambda path: path.stem)
def test_a_kept_frame_is_refused_for_its_reason(path: Path) -> None:
    """The fault is counted under its kind, and the text is short however long the frame is."""
    fault = path.name.split(".")[0]
    if fault == "sound":
        assert type(decode(path.read_bytes(), FRAME_VALUES_MAX)) in MESSAGES
        return
    with pytest.raises(WireError) as caught:
        decode(path.read_bytes(), FRAME_VALUES_MAX)
    assert caught.value.fault == fault
    assert caught.value.code == ("version" if fault == "version" else "malformed")
    assert len(str(caught.value)) < 300


def test_every_fault_has_a_frame() -> None:
    """Nothing is counted that nobody has tried; what is too large for a file is made here."""
    with pytest.raises(WireError) as caught:
        decode(bytes(FRAME_BYTES_MAX + 1))
    assert {path.name.split(".")[0] for path in FRAMES} | {caught.value.fault} == {*FRAME_FAULTS, "sound"}


@pytest.mark.parametrize("inner", [[], {}, "", 0, None, [[]], {"": []}], ids=repr)
def test_small_values_are_counted(inner: object) -> None:
    """A short frame that would take a gigabyte in memory is refused before it does."""
    item = msgpack.packb(inner)
    row = b"\xdd" + (100_000).to_bytes(4, "big") + item * 100_000
    with pytest.raises(WireError, match=r"more than 500000 values|exceeds max_map_len") as caught:
        decode(b"\x97\x01\x03\x00\x01\x01\x00\x96" + row * 6, FRAME_VALUES_MAX)
    assert caught.value.fault == "unreadable"


def test_headers_that_lie_one_in_another_are_refused() -> None:
    """Each of five hundred lists says that it is as long as the frame; none is believed."""
    head = b"\xdd" + (16_000_000).to_bytes(4, "big")
    with pytest.raises(WireError) as caught:
        decode(b"\x97\x01\x03" + head * 500 + b"\xc0" * (FRAME_BYTES_MAX - 10_000), FRAME_VALUES_MAX)
    assert caught.value.fault == "unreadable"


def test_each_message_says_for_whom_it_is() -> None:
    """What a coordinator hears is what the messages' own texts say."""
    said = {cls for cls in MESSAGES if "to coordinator" in (cls.__doc__ or "").split(".")[0].split(":")[0]}
    assert said == FOR_COORDINATORS
