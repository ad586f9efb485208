"""Job ids: a shard and a sequence number in one integer.

Decides how a job id is packed and shown. Knows nothing of who gives ids out (the shard's leader does).
12 + 40 bits stay below 2**53, so an id survives JSON readers that know only doubles.
"""

SEQUENCE_BITS = 40
SHARD_BITS = 12
SEQUENCE_MAX = (1 << SEQUENCE_BITS) - 1
SHARD_MAX = (1 << SHARD_BITS) - 1
_TEXT_CHARS_MAX = 100


def job_id(shard: int, sequence: int) -> int:
    """Packs a shard (0..4095) and a sequence (1..2**40-1) into one id below 2**53."""
    assert 0 <= shard <= SHARD_MAX, shard
    assert 0 < sequence <= SEQUENCE_MAX, sequence
    return shard << SEQUENCE_BITS | sequence


def shard_of(id: int) -> int:
    """Returns the shard that gave this id."""
    return id >> SEQUENCE_BITS


def sequence_of(id: int) -> int:
    """Returns the sequence number within the shard."""
    return id & SEQUENCE_MAX


def format_id(id: int) -> str:
    """Shows an id as people type it: `3-1042`, or a bare `1042` on shard 0."""
    shard = shard_of(id)
    return f"{shard}-{sequence_of(id)}" if shard else str(sequence_of(id))


def parse_id(text: str) -> int:
    """Reads what `format_id` shows; a bare packed integer is read too.

    Raises:
        ValueError: the text is not an id; the message says what one looks like.
    """
    shard_text, dash, sequence_text = text.strip().rpartition("-")
    digits = shard_text if dash else "0"
    if len(text) > _TEXT_CHARS_MAX or not (_is_number(digits) and _is_number(sequence_text)):
        raise ValueError(f"{text[:_TEXT_CHARS_MAX]!r} is not a job id; ids look like 1042 or 3-1042")
    shard, sequence = int(digits), int(sequence_text)
    if not dash and sequence > SEQUENCE_MAX:
        shard, sequence = shard_of(sequence), sequence_of(sequence)
    if shard > SHARD_MAX or not 0 < sequence <= SEQUENCE_MAX:
        raise ValueError(f"{text!r} is out of range; a shard is 0 to {SHARD_MAX}, a sequence 1 to {SEQUENCE_MAX}")
    return job_id(shard, sequence)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
