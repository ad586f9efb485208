"""Bounds of everything that crosses a wire, and how they relate.

Each is a constant because both ends must agree on it; what an operator may tune lives in the node's settings.
"""

FRAME_BYTES_MAX = 16 * 1024 * 1024
"""Largest frame a peer may send; a bigger one is refused before it is decoded."""

FRAME_VALUES_MAX = 500_000
"""Most values in one frame to a coordinator, rows and columns counted alike: small values take far more room in memory
than in a frame.
"""

MULTIPART_FRAMES_MAX = 1024
"""Most frames in one multipart; a coordinator drops the others, and takes from its peers a multipart each in turns."""

CONNECTIONS_MAX = 10_000
"""Most connections of one node, or half of the files that its coordinator may open if that is less. With an eighth of
them left new clients are refused as overloaded; a connection above the bound is closed at once.
"""

PAYLOAD_BYTES_MAX = 1024 * 1024
"""Largest job payload or result, in bytes of UTF-8 JSON."""

BATCH_JOBS_MAX = 1024
"""Most jobs in one Submit, Run or Finished."""

BATCH_BYTES_MAX = 4 * 1024 * 1024
"""Senders close a batch at this size, so that several fit a frame."""

NAME_CHARS_MAX = 200
"""Longest task, queue, tenant, executor or key name."""

ERROR_BYTES_MAX = 16 * 1024
"""Longest stored error text."""

IDS_MAX = 10_000
"""Most ids in one Cancel, Await or Status."""

PRIORITY_MAX = 100
"""Priorities run from -PRIORITY_MAX to PRIORITY_MAX, higher first."""

EXPRESSION_CHARS_MAX = 500
"""Longest cron expression."""

NOTE_CHARS_MAX = 1_000
"""Longest note on a schedule, or on why it is paused."""

JITTER_MS_MAX = 24 * 3600 * 1000
"""Farthest that a schedule's jitter moves an instant."""

AFTER_MS_MAX = 366 * 24 * 3600 * 1000
"""Longest wait that a handler may ask for before its next attempt."""

OUTPUT_BYTES_MAX = 8 * 1024
"""Longest stored end of what an attempt has written."""

REASON_CHARS_MAX = 1_000
"""Longest reason that somebody gives for a change."""

LABELS_MAX = 32
"""Most labels of one executor, each `name=value`."""

FIGURES_MAX = 64
"""Most figures of its own that an executor reports in a Renew."""

INTEGER_MAX = (1 << 63) - 1
"""Largest integer in any field: what a database column holds."""

TIME_MS_MAX = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z: no due time lies beyond it."""

assert PAYLOAD_BYTES_MAX + ERROR_BYTES_MAX < BATCH_BYTES_MAX < FRAME_BYTES_MAX
assert BATCH_JOBS_MAX <= IDS_MAX
assert EXPRESSION_CHARS_MAX < NOTE_CHARS_MAX < ERROR_BYTES_MAX
