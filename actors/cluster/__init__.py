"""One member's part in a cluster: which shards it leads, and what it tells others of who leads what."""
