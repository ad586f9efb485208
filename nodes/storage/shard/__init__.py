"""One shard as a SQLite file: the rows that the entries of its log build, and the views that people read them by."""
