"""The coordinator: one deterministic machine a shard."""
