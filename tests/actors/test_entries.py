"""Log entries: what is written is read back, and what a later version wrote is refused with the mend."""

from typing import Any

import msgpack
import pytest
from histories import Command, commands, written
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.actors import entries
from mainspring.actors.entries import ENTRY_VERSION, Entry, decode_entry, encode_entry

values = st.recursive(
    st.none() | st.integers(-(2**63), 2**64 - 1) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4),
)


@given(st.integers(0, 2**63), st.integers(0, 2**63), st.lists(st.lists(values, max_size=6), max_size=4))
def test_an_entry_comes_back_as_it_was(epoch: int, stamp_ms: int, ops: list[list[Any]]) -> None:
    """Every op of plain values is read as it was written, and written as it was before."""
    blob = encode_entry(Entry(epoch, stamp_ms, ops))
    assert decode_entry(blob) == Entry(epoch, stamp_ms, ops)
    assert encode_entry(decode_entry(blob)) == blob


def test_the_bytes_of_an_entry_never_change() -> None:
    """A log of this version can be read for ever; these bytes were written once."""
    entry = Entry(7, 1_700_000_000_000, [[entries.NOOP], [entries.CANCEL, [3, 4]]])
    assert encode_entry(entry).hex() == "9401 07 cf0000018bcfe56800 92 9100 9207920304".replace(" ", "")
    assert decode_entry(encode_entry(entry)) == entry


@pytest.mark.parametrize("version", [0, ENTRY_VERSION + 1, 255])
def test_an_unknown_version_is_refused_with_the_mend(version: int) -> None:
    """An older program that meets a newer log says so, and says what to do."""
    blob = msgpack.packb([version, 1, 1, []])
    with pytest.raises(ValueError, match=f"version {version} is not known here; .* reads {ENTRY_VERSION}; upgrade"):
        decode_entry(blob)


@pytest.mark.parametrize(
    "blob", [b"", b"\xc1", b"\x94\x01", msgpack.packb([1, 1, 1]), msgpack.packb({}), msgpack.packb([1, 1, 1, [], 0])]
)
def test_what_is_no_entry_is_refused(blob: bytes) -> None:
    """Bytes that hold no entry raise ValueError, never another exception."""
    with pytest.raises(ValueError, match=r"."):
        decode_entry(blob)


def test_kinds_are_unique_and_never_change() -> None:
    """The numbers stand in logs, so each keeps its meaning for ever."""
    kinds = {
        name: value
        for name, value in vars(entries).items()
        if name.isupper() and type(value) is int and name != "ENTRY_VERSION"
    }
    assert kinds == {
        "NOOP": 0, "LANES": 1, "EXECUTORS": 2, "TASKS": 3, "SUBMIT": 4, "LEASE": 5, "FINISH": 6, "CANCEL": 7,
        "ASK": 8, "EXPIRE": 9, "READY": 10, "HOLD": 11, "SESSIONS_END": 12, "PRUNE": 13, "KEYS_END": 14,
        "SCHEDULE": 15, "UNSCHEDULE": 16, "PAUSE": 17, "TICK": 18, "AUDIT": 19, "TICKS_END": 20, "BOOT": 21,
        "REVIVE": 22, "SETTLE": 23, "LEASE_TTL": 24,
    }  # fmt: skip


@settings(max_examples=25)
@given(commands())
def test_whole_histories_come_back(history: list[Command]) -> None:
    """Every op that a shard can log survives the way through the log."""
    for entry in written(history).entries:
        assert decode_entry(encode_entry(entry)) == entry
