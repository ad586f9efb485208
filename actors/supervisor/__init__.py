"""The supervisor: which process is started, when, after which backoff."""
