"""The bounds of what a task declares and of what a job carries, beyond those of the wire.

They decide how deep a payload nests and how long a span or a label is. They must not know of sockets,
backlogs or files. The rule that everything from outside is bounded comes from the design, section 9.
"""

from typing import Final

from ..wire.limits import NAME_CHARS_MAX, PAYLOAD_BYTES_MAX

LABEL_CHARS_MAX: Final = 63
KEY_CHARS_MAX: Final = NAME_CHARS_MAX
PAYLOAD_DEPTH_MAX: Final = 100
RETRIES_MAX: Final = 1000

# A hundred years: longer than any plan, and far from the last instant that a datetime can name.
SPAN_MS_MAX: Final = 100 * 366 * 24 * 3600 * 1000

assert LABEL_CHARS_MAX < NAME_CHARS_MAX
assert PAYLOAD_DEPTH_MAX < PAYLOAD_BYTES_MAX
assert SPAN_MS_MAX < 2**53
