"""Small programs in the place of a node's real processes, for tests of the supervisor."""
