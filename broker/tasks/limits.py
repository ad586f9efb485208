"""The bounds of what a task declares and of what a job carries, beyond those of the wire.

They decide how deep a payload nests, how long a span or a label is, and how much memory a run may be allowed. They must
not know of sockets, backlogs or files. The rule that everything from outside is bounded comes from the design, section
9.
"""

from typing import Final

from ..wire.limits import NAME_CHARS_MAX, PAYLOAD_BYTES_MAX

LABEL_CHARS_MAX: Final = 63
KEY_CHARS_MAX: Final = NAME_CHARS_MAX
PAYLOAD_DEPTH_MAX: Final = 100
RETRIES_MAX: Final = 1000

# A hundred years: longer than any plan, and far from the last instant that a datetime can name.
SPAN_MS_MAX: Final = 100 * 366 * 24 * 3600 * 1000

# What a task may allow its runs: less than this no interpreter gets anywhere with.
MEMORY_BYTES_MIN: Final = 1024**2
MEMORY_BYTES_MAX: Final = 1024**4

assert LABEL_CHARS_MAX < NAME_CHARS_MAX
assert PAYLOAD_DEPTH_MAX < PAYLOAD_BYTES_MAX
assert SPAN_MS_MAX < 2**53
assert MEMORY_BYTES_MIN < MEMORY_BYTES_MAX < 2**53
