"""The frames of runner children: whole, in order, bounded, and nothing else."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runner_children import a_run

from mainspring.broker.wire.limits import BATCH_BYTES_MAX, FRAME_BYTES_MAX
from mainspring.nodes.runners import frames
from mainspring.nodes.runners.frames import FrameError, FrameReader

SOME_FRAMES = st.lists(
    st.one_of(
        st.tuples(st.just(frames.PING), st.integers(0, 2**40)),
        st.tuples(st.just(frames.FAILED), st.text()),
        st.tuples(st.just(frames.CANCEL), st.lists(st.integers(0, 2**50)), st.text()),
        st.tuples(st.just(frames.STOP)),
    ).map(list)
)


@given(sent=SOME_FRAMES, cuts=st.lists(st.integers(1, 40)))
def test_frames_survive_any_cut_of_the_stream(sent: list[frames.Frame], cuts: list[int]) -> None:
    """However the bytes arrive, the same frames come out, in order."""
    stream = b"".join(frames.pack(frame) for frame in sent)
    reader = FrameReader()
    received: list[frames.Frame] = []

    for cut in cuts:
        received += reader.feed(stream[:cut])
        stream = stream[cut:]
    received += reader.feed(stream)

    assert received == sent


@given(data=st.binary(max_size=200))
def test_nonsense_is_refused_or_awaited_but_never_raises_otherwise(data: bytes) -> None:
    """Bytes of any kind give frames, nothing, or FrameError."""
    try:
        FrameReader(bytes_max=100).feed(data)
    except FrameError:
        return


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"\xc1", "is not msgpack"),
        (msgpack.packb({"a": 1}), "array that begins with its kind"),
        (msgpack.packb([]), "array that begins with its kind"),
        (msgpack.packb([True]), "array that begins with its kind"),
        (msgpack.packb([99]), "unknown kind 99"),
        (msgpack.packb([frames.PING]), "does not read PING number"),
        (msgpack.packb([frames.PING, "1"]), "does not read PING number"),
        (b"\x91" * 5000 + b"\x01", "is not msgpack"),
    ],
)
def test_what_is_no_frame_is_refused(body: bytes, text: str) -> None:
    """A body that is no frame of the protocol raises, with what it should have been."""
    with pytest.raises(FrameError, match=text):
        FrameReader().feed(len(body).to_bytes(4, "little") + body)


def test_a_length_beyond_the_bound_is_refused_before_the_body_comes() -> None:
    """An announced size above the bound raises at once, so that nobody buffers it."""
    with pytest.raises(FrameError, match="more than 16"):
        FrameReader().feed((FRAME_BYTES_MAX + 1).to_bytes(4, "little"))


def test_rows_are_split_into_bounded_frames_in_order() -> None:
    """Many large rows go into several frames, each within the batch bound, none lost."""
    rows = [a_run(n, "jobs.a", "é" * 300_000) for n in range(20)]

    packed = list(frames.pack_rows(frames.RUN, rows))

    assert len(packed) > 1
    assert all(len(data) <= BATCH_BYTES_MAX for data in packed)
    assert [row[0] for frame in FrameReader().feed(b"".join(packed)) for row in frame[1]] == list(range(20))


def test_a_frame_above_the_bound_is_not_packed() -> None:
    """Packing refuses what no reader would take."""
    with pytest.raises(FrameError, match="send fewer rows"):
        frames.pack([frames.FAILED, "x" * (FRAME_BYTES_MAX + 1)])


def test_run_columns_match_what_a_run_holds() -> None:
    """The builder, the bodies and the declared columns agree on their number."""
    assert len(a_run(1, "jobs.a")) == len(frames.RUN_COLUMNS)
