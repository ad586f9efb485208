"""The actor processes of a node: each is one loop around its machine."""
