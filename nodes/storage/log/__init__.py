"""The local log engine: entries of all groups in segments, one SQLite file each, one fsync a commit."""
