"""What is kept of an output is its beginning and its end, and never more than it may be."""

from hypothesis import given
from hypothesis import strategies as st

from mainspring.nodes.runners.keeper import Told
from mainspring.nodes.runners.kept_output import TAIL_BYTES, TAIL_LINES, KeptOutput


def kept(bytes_max: int, *parts: bytes) -> KeptOutput:
    """Returns an output that came in these parts."""
    output = KeptOutput(bytes_max)
    for part in parts:
        output.take(part)
    return output


@given(st.integers(0, 40), st.lists(st.text("ab\n", max_size=30).map(str.encode), max_size=12))
def test_it_is_whole_or_beginning_and_end(bytes_max: int, parts: list[bytes]) -> None:
    """However the bytes come in parts, the same ones are kept, and the gap is told to the byte."""
    whole = b"".join(parts).decode()
    output = kept(bytes_max, *parts)

    assert output.total_bytes == len(whole)
    assert output.is_cut == (len(whole) > bytes_max)
    if not output.is_cut:
        assert output.text() == whole
        return
    head, tail = bytes_max // 2, bytes_max - bytes_max // 2
    gap = f"\n[… {len(whole) - bytes_max} bytes left out …]\n"
    assert output.text() == whole[:head] + gap + (whole[-tail:] if tail else "")


def test_what_is_no_text_is_replaced() -> None:
    """Any bytes give text that can travel, also where a letter is cut in two."""
    assert kept(100, b"\xff\0", "é".encode()[:1], "é".encode()[1:]).text() == "�\0é"
    assert kept(2, "ééé".encode()).text() == "�\n[… 4 bytes left out …]\n�"


def test_the_last_lines_are_few() -> None:
    """An error's text has the end of the output, bounded in lines and in bytes."""
    lines = kept(100_000, *(b"%d\n" % n for n in range(1000)), b"\n\n").last_lines().split("\n")
    assert lines == [str(n) for n in range(1000 - TAIL_LINES, 1000)]
    assert len(kept(100_000, b"x" * 50_000).last_lines()) == TAIL_BYTES
    assert kept(10, b"0123456789abcdefgh").last_lines() == "defgh"
    assert kept(0, b"abc").last_lines() == kept(10).last_lines() == ""


WORDS = st.lists(
    st.one_of(st.just("?"), st.just("!"), st.integers(1, 9).map("+{}".format), st.integers(1, 9).map("-{}".format))
)


@given(WORDS, st.lists(st.integers(1, 5)))
def test_the_keeper_hears_the_same_however_it_is_told(words: list[str], cuts: list[int]) -> None:
    """Whatever the cuts, sessions are those that joined, without those that were taken back or never were commands."""
    live: set[int] = set()
    fresh: int | None = None
    for word in words:
        match word[0], word[1:]:
            case "+", number:
                fresh = int(number)
                live.add(fresh)
            case "-", number:
                live.discard(int(number))
            case sign, _:
                if sign == "!" and fresh is not None:
                    live.discard(fresh)
                fresh = None
    stream = "".join(f"{word}\n" for word in words).encode()
    told = Told()
    for cut in cuts:
        told.feed(stream[:cut])
        stream = stream[cut:]
    told.feed(stream)

    assert told.sessions == live
