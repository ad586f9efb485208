"""Measures a node on this machine, beside floors and a peer: a file a measure."""
