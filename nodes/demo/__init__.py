"""The demonstration: a node of its own, driven on the source tree of the standard library, and checked by SQL."""
