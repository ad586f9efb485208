"""The SQLite files of a node: the log that is the durable truth, and the shards that are its view."""
