"""A value in two slots: whatever a cut does to one of them, the other is read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.actors.log import LogDamaged
from mainspring.nodes.storage.log.files import OsFiles
from mainspring.nodes.storage.log.slot_file import SLOT_BYTES, VALUE_BYTES_MAX, SlotFile


def test_the_last_value_is_read(tmp_path: Path):
    """Values replace each other, over restarts."""
    path = tmp_path / "value"
    SlotFile.create(path, b"first", OsFiles())
    for value in (b"second", b"", b"x" * VALUE_BYTES_MAX):
        slots = SlotFile(path, OsFiles())
        slots.write(value)
        slots.close()
        again = SlotFile(path, OsFiles())
        assert again.value == value
        again.close()
    assert path.stat().st_size == 2 * SLOT_BYTES


@given(st.integers(0, 5), st.integers(0, SLOT_BYTES), st.binary(min_size=1, max_size=40))
def test_a_write_cut_short_leaves_the_value_before(tmp_path_factory, writes: int, cut: int, junk: bytes):
    """A slot half written, or full of something else, gives the old value or the new one, never another."""
    path = tmp_path_factory.mktemp("slots") / "value"
    SlotFile.create(path, b"value 0", OsFiles())
    slots = SlotFile(path, OsFiles())
    for number in range(1, writes + 1):
        slots.write(b"value %d" % number)
    before = path.read_bytes()
    slots.write(b"the new value")
    slots.close()
    after = path.read_bytes()
    start = slots.sequence % 2 * SLOT_BYTES
    torn = bytearray(before)
    torn[start : start + cut] = after[start : start + cut]
    torn[start + cut : start + cut + len(junk)] = junk[: SLOT_BYTES - cut]
    path.write_bytes(torn[: 2 * SLOT_BYTES])
    again = SlotFile(path, OsFiles())
    again.close()
    assert again.value in {b"value %d" % writes, b"the new value"}


@pytest.mark.parametrize("image", [b"", b"x" * 5000, bytes(2 * SLOT_BYTES)])
def test_no_readable_slot_is_damage(tmp_path: Path, image: bytes):
    """With both slots gone there is no value to trust."""
    path = tmp_path / "value"
    path.write_bytes(image)
    with pytest.raises(LogDamaged, match="restore the data directory"):
        SlotFile(path, OsFiles())
