"""A seeded stream of draws: the only chance that a machine may use.

It decides which number comes next from the seed alone; it must not know where the seed came from, and never
asks the system for entropy. The generator is SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom
Number Generators", OOPSLA 2014); a child's seed is a hash of its parent's seed and its name.
"""

WORD = (1 << 64) - 1
GAMMA = 0x9E37_79B9_7F4A_7C15
FRACTION_BITS = 53
HASH_START = 0xCBF2_9CE4_8422_2325  # FNV-1a, 64 bits
HASH_PRIME = 0x0000_0100_0000_01B3


class Draws:
    """A stream of draws; the same seed gives the same stream on every machine and version."""

    __slots__ = ("_seed", "_state")

    def __init__(self, seed: int) -> None:
        """Starts a stream.

        Args:
            seed: from 0 to 2**64 - 1.

        Raises:
            ValueError: the seed is outside its bounds.
        """
        if not 0 <= seed <= WORD:
            raise ValueError("seed is not an unsigned 64-bit number; give one from 0 to 2**64 - 1")
        self._seed = seed
        self._state = seed

    def next_u64(self) -> int:
        """Returns the next draw, from 0 to 2**64 - 1."""
        self._state = (self._state + GAMMA) & WORD
        return _mixed(self._state)

    def fraction(self) -> float:
        """Returns a draw in [0, 1), a multiple of 2**-53."""
        return (self.next_u64() >> 64 - FRACTION_BITS) / (1 << FRACTION_BITS)

    def below(self, bound: int) -> int:
        """Returns a draw from 0 to ``bound - 1``, each as likely as the other.

        Args:
            bound: from 1 to 2**64.

        Raises:
            ValueError: the bound is outside its bounds.
        """
        if not 1 <= bound <= WORD + 1:
            raise ValueError("bound is not from 1 to 2**64; give the number of choices, at least 1")
        # Draws of the last, incomplete round are thrown away, for they would favour the low numbers.
        usable = (WORD + 1) - (WORD + 1) % bound
        while True:
            draw = self.next_u64()
            if draw < usable:
                break
        choice = draw % bound
        assert 0 <= choice < bound, "a choice lies outside its bound"
        return choice

    def child(self, name: str | int) -> "Draws":
        """Returns a stream of its own for a name.

        It rests on the seed and the name alone, not on the draws made so far: another child, or another draw,
        never shifts it. A number and its text are different names.
        """
        tagged = f"i{name}" if isinstance(name, int) else f"s{name}"
        hashed = HASH_START
        for byte in tagged.encode("utf-8", "surrogatepass"):
            hashed = (hashed ^ byte) * HASH_PRIME & WORD
        seed = _mixed(_mixed(self._seed ^ GAMMA) ^ hashed)
        assert 0 <= seed <= WORD, "a child's seed left the word"
        return Draws(seed)


def _mixed(word: int) -> int:
    word = (word ^ word >> 30) * 0xBF58_476D_1CE4_E5B9 & WORD
    word = (word ^ word >> 27) * 0x94D0_49BB_1331_11EB & WORD
    return word ^ word >> 31
